"""The trained model quantised to int8 after training, calibrated on real titles and real users."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from gatewright.cache import cached_directory, digest
from gatewright.models.lightgcn import LightGCN, graph_weights
from gatewright.models.observe import Observer
from gatewright.models.quantise_layers import HEADROOM, quantise_attention, quantise_linear, quantise_rows
from gatewright.models.text import MAX_TOKENS, TextEncoder, item_texts, load_text_encoder, model_directory
from gatewright.models.train import TrainedHybrid, code_version
from gatewright.models.train_fusion import history_tokens, profile_texts
from gatewright.recommender.host_ops import INT8_MAX, quantise
from gatewright.recommender.quantised import (
    FORMAT_VERSION,
    Catalogue,
    LayerNorm,
    QuantisedEncoder,
    QuantisedEncoderLayer,
    QuantisedFusion,
    QuantisedGraph,
    QuantisedHybrid,
)
from gatewright.spec.csr import CsrMatrix

__all__ = ["CalibrationOptions", "quantise_hybrid", "quantise_or_load"]

Progress = Callable[[str, int, int], None]
FINE_LAYERS = 2
"""First layers whose GELU outputs go with 15 bits: their range is widest, and every later layer adds to an error."""
TABLE_ALPHAS = (0.0, 0.25, 0.5, 0.75)


@dataclass(frozen=True)
class CalibrationOptions:
    """How many real inputs ranges and errors are taken from."""

    texts: int = 2048  # item texts and profile texts
    users: int = 256
    rows: int = 1536  # expected number of input rows that the search for a layer's scales measures its error on
    seed: int = 0


def quantise_or_load(
    trained: TrainedHybrid, options: CalibrationOptions | None = None, progress: Progress | None = None
) -> QuantisedHybrid:
    """The quantised form of a trained model, made on first use and then kept in the cache."""
    options = options or CalibrationOptions()
    code = code_version("quantise", "quantise_layers", "observe")
    key = digest(trained.key, repr(options), code, str(FORMAT_VERSION))
    folder = cached_directory(
        "quantised", key, lambda path: quantise_hybrid(trained, options, progress).save(path / "model.npz")
    )
    return QuantisedHybrid.load(folder / "model.npz")


def quantise_hybrid(
    trained: TrainedHybrid, options: CalibrationOptions, progress: Progress | None = None
) -> QuantisedHybrid:
    """Quantise encoder, graph and fusion of a trained model."""
    data, rng = trained.data, np.random.default_rng(options.seed)
    encoder = load_text_encoder()
    texts = [*item_texts(data), *profile_texts(data)]
    sample = [texts[index] for index in rng.choice(len(texts), min(options.texts, len(texts)), replace=False)]
    return QuantisedHybrid(
        key=trained.key,
        catalogue=Catalogue(data.user_ids, data.movie_ids, data.titles, data.genres),
        encoder=quantise_encoder(encoder, sample, options.rows, rng, progress),
        graph=_quantise_graph(trained),
        fusion=_quantise_fusion(trained, encoder, options.users, rng),
    )


def quantise_encoder(
    encoder: TextEncoder, texts: list[str], rows: int, rng: np.random.Generator, progress: Progress | None = None
) -> QuantisedEncoder:
    """MiniLM calibrated on ``texts``; ``rows`` as in `CalibrationOptions`."""
    bert = encoder.bert
    by_length: dict[int, list[str]] = {}  # texts of one length go together: padding would be calibrated on too
    for text, tokens in zip(texts, encoder.tokenize(texts), strict=True):
        by_length.setdefault(len(tokens), []).append(text)
    total = sum(length * len(group) for length, group in by_length.items())

    def advance(done: int) -> None:
        if progress:
            progress("quantising MiniLM", done, len(by_length) + len(bert.encoder.layer))

    with Observer(bert.encoder, rows / total, rng) as seen:
        for done, group in enumerate(by_length.values(), 1):
            encoder.encode(group)
            advance(done)
    layers = []
    for index, block in enumerate(bert.encoder.layer):
        part, out = block.attention.self, block.attention.output
        layers.append(
            QuantisedEncoderLayer(
                attention=quantise_attention(
                    part.query, part.key, part.value, out.dense, bert.config.num_attention_heads, seen
                ),
                attention_norm=_norm(out.LayerNorm),
                inner=quantise_linear(block.intermediate.dense, seen(block.intermediate.dense)),
                outer=quantise_linear(block.output.dense, seen(block.output.dense), fine=index < FINE_LAYERS),
                norm=_norm(block.output.LayerNorm),
            )
        )
        advance(len(by_length) + len(layers))
    table = bert.embeddings
    positions = table.position_embeddings.weight[:MAX_TOKENS] + table.token_type_embeddings.weight[0]
    return QuantisedEncoder(
        tokenizer=(model_directory() / "tokenizer.json").read_text(encoding="utf-8"),
        max_tokens=MAX_TOKENS,
        words=table.word_embeddings.weight.detach().numpy().astype(np.float16),
        positions=positions.detach().numpy(),
        norm=_norm(table.LayerNorm),
        layers=tuple(layers),
    )


def _norm(layer: nn.LayerNorm) -> LayerNorm:
    return LayerNorm(layer.weight.detach().numpy(), layer.bias.detach().numpy(), layer.eps)


def _quantise_graph(trained: TrainedHybrid) -> QuantisedGraph:
    data, gcn = trained.data, trained.gcn
    to_users, to_items = LightGCN.adjacency(data)
    with torch.inference_mode():
        user, item = gcn.user.detach(), gcn.item.detach()
        item_first, user_first = to_items @ user, to_users @ item
        user_second = to_users @ item_first
    scales = {
        name: HEADROOM * float(x.abs().max()) / INT8_MAX
        for name, x in (
            ("user_scale", user),
            ("item_scale", item),
            ("item_first_scale", item_first),
            ("user_first_scale", user_first),
            ("user_second_scale", user_second),
        )
    }
    weights = graph_weights(data)
    return QuantisedGraph(
        user=quantise(user.numpy(), np.float32(scales["user_scale"])),
        item=quantise(item.numpy(), np.float32(scales["item_scale"])),
        item_first=quantise(item_first.numpy(), np.float32(scales["item_first_scale"])),
        **scales,
        by_user=CsrMatrix.from_coo(data.users, data.items, weights, data.n_users, data.n_items),
        by_item=CsrMatrix.from_coo(data.items, data.users, weights, data.n_items, data.n_users),
        half_stars=data.half_stars.astype(np.uint8),
    )


def _quantise_fusion(
    trained: TrainedHybrid, encoder: TextEncoder, count: int, rng: np.random.Generator
) -> QuantisedFusion:
    """Calibrated on ``count`` users: half ask with their profile, half with the text of a random movie."""
    data, fusion, reference = trained.data, trained.fusion, trained.reference()
    users = rng.choice(data.n_users, min(count, data.n_users), replace=False)
    texts = encoder.encode([reference.query_text(user) for user in users])
    texts[::2] = trained.text[rng.choice(data.n_items, len(texts[::2]))]
    items, stars, mask = history_tokens(data, users, data.user_ptr[users + 1], fusion.options.history)
    with Observer(fusion, 1.0, rng) as seen, torch.inference_mode():
        tokens = fusion.tokens(reference.table[items], stars)
        vectors = fusion(reference.user_graph[users], torch.from_numpy(texts), tokens, mask).numpy()
    table, item_scale, column_scale = _quantise_table(reference.table.numpy(), vectors)
    return QuantisedFusion(
        question=quantise_linear(fusion.question, seen(fusion.question)),
        attention=quantise_attention(fusion.query, fusion.key, fusion.value, fusion.out, fusion.options.heads, seen),
        norm=_norm(fusion.norm),
        inner=quantise_linear(fusion.inner, seen(fusion.inner)),
        outer=quantise_linear(fusion.outer, seen(fusion.outer)),
        positions=fusion.position.detach().numpy(),
        stars=fusion.stars.detach().numpy(),
        table=table,
        item_scale=item_scale,
        column_scale=column_scale,
    )


def _quantise_table(table: np.ndarray, users: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """int8 item vectors, a scale per item and one per column, the latter so that real users' scores err least."""
    size = np.maximum(np.abs(table).max(0), 1e-6)
    target = users @ table.T
    best, found = np.inf, (table, size, size)
    for alpha in TABLE_ALPHAS:
        column = (size / size.max()) ** alpha
        integers, unit = quantise_rows(table / column)
        error = np.square((users * column) @ (integers * unit[:, None]).T - target).mean()
        if error < best:
            best, found = error, (integers.astype(np.int8), unit.astype(np.float32), column.astype(np.float32))
    return found
