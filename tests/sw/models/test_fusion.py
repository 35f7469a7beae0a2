"""The fusion module: what it starts from, and what may not influence its answer."""

import pytest
import torch
from torch.nn import functional

from gatewright.models.fusion import FusionOptions, HybridFusion


@pytest.fixture
def unit():
    generator = torch.Generator().manual_seed(3)

    def make(*shape):
        return functional.normalize(torch.randn(*shape, generator=generator), dim=-1)

    return make


@pytest.fixture
def fusion(unit):
    module = HybridFusion(16, 24, FusionOptions(width=32, heads=2, hidden=64, history=6))
    module.initialise(unit(50, 24), 8.0, 4.0, torch.Generator().manual_seed(0))
    return module.eval()


def test_starts_from_graph_and_text_similarity(fusion, unit):
    for layer in (fusion.out, fusion.outer):
        torch.nn.init.zeros_(layer.weight)
    graph, text = unit(5, 16), unit(5, 24)
    user, query = unit(1, 16), unit(1, 24)
    table = fusion.items(graph, text)
    tokens = fusion.tokens(table[None], torch.full((1, 5), 7))
    scores = fusion(user, query, tokens, torch.ones(1, 5, dtype=torch.bool)) @ table.T
    main = fusion.item_text.weight[16:] / 2.0  # 16 directions of length 1, weighted by sqrt(4)
    assert torch.allclose(main @ main.T, torch.eye(16), atol=1e-5)
    assert torch.allclose(scores, 8 * user @ graph.T + 4 * (query @ main.T) @ (text @ main.T).T, atol=1e-5)


def test_padding_does_not_count_and_batches_are_independent(fusion, unit):
    graph, query, tokens = unit(2, 16), unit(2, 24), unit(2, 6, 32)
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    both = fusion(graph, query, tokens, mask)
    tokens[1, 4:] = 99.0
    assert torch.allclose(fusion(graph, query, tokens, mask), both)
    assert torch.allclose(fusion(graph[1:], query[1:], tokens[1:, :4], mask[1:, :4])[0], both[1], atol=1e-6)


def test_history_query_and_user_all_matter(fusion, unit):
    torch.nn.init.normal_(fusion.out.weight)
    graph, query, tokens, mask = unit(1, 16), unit(1, 24), unit(1, 6, 32), torch.ones(1, 6, dtype=torch.bool)
    base = fusion(graph, query, tokens, mask)
    for other in (
        fusion(unit(1, 16), query, tokens, mask),
        fusion(graph, unit(1, 24), tokens, mask),
        fusion(graph, query, unit(1, 6, 32), mask),
    ):
        assert (other - base).abs().max() > 1e-3


def test_tokens_know_their_place_and_stars(fusion, unit):
    vectors = unit(1, 1, 32).expand(1, 6, 32)
    tokens = fusion.tokens(vectors, torch.tensor([[1, 1, 10, 10, 5, 5]]))
    assert torch.allclose(tokens[0, 2] - vectors[0, 2], fusion.position[2] + fusion.stars[9])
    assert (tokens[0, 0] - tokens[0, 1]).abs().max() > 0
