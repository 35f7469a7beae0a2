"""The fusion of graph and text: an attention over the user's history, with the user and the query text as its question.

Items and users meet in one space of ``width`` numbers, where a score is a dot product:

    h_i    = G g_i + T t_i                                (item: graph vector g, text vector t; both of length 1)
    x      = U [g_u, t_q] + b                             (question: user's graph vector, query's text vector)
    z      = x + O attention(x, {h_j + position_j + stars_j})   (over the most recent ratings j of the user)
    user   = z + F2 gelu(F1 norm(z) + b1) + b2
    score  = user . h_i

The attention is that of A. Vaswani et al., "Attention Is All You Need", 2017, with a single query; attending to a
history of items is the idea of W.-C. Kang and J. McAuley, "Self-Attentive Sequential Recommendation", 2018.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

__all__ = ["FusionOptions", "HybridFusion"]


@dataclass(frozen=True)
class FusionOptions:
    """Sizes of the fusion: ``width`` and ``width / heads`` are multiples of 8 so that every matrix fits the bus."""

    width: int = 128
    heads: int = 4
    hidden: int = 256
    history: int = 64
    stars: int = 10  # half stars, 1 to 10


class HybridFusion(nn.Module):
    """User vectors from graph, query text and history; item vectors from graph and text (formula above)."""

    def __init__(self, graph_width: int, text_width: int, options: FusionOptions) -> None:
        super().__init__()
        width = options.width
        self.options, self.graph_width, self.text_width = options, graph_width, text_width
        self.item_graph = nn.Linear(graph_width, width, bias=False)
        self.item_text = nn.Linear(text_width, width, bias=False)
        self.question = nn.Linear(graph_width + text_width, width)
        self.position = nn.Parameter(torch.zeros(options.history, width))
        self.stars = nn.Parameter(torch.zeros(options.stars, width))
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, options.hidden)
        self.outer = nn.Linear(options.hidden, width)

    @torch.no_grad()
    def initialise(
        self, text: torch.Tensor, graph_weight: float, text_weight: float, generator: torch.Generator
    ) -> None:
        """Start from the two experts: score = graph_weight * graph cosine + text_weight * text cosine, main directions.

        ``text`` is float32 [items, text_width]. The graph takes the first dimensions of the common space, the strongest
        principal components of the item texts the rest.
        """
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                bound = 1 / math.sqrt(parameter.shape[-1])
                parameter.copy_((torch.rand(parameter.shape, generator=generator) * 2 - 1) * bound)
            elif name != "norm.weight":
                parameter.zero_()
        self.position.mul_(0.1)
        self.stars.mul_(0.1)
        self.outer.weight.mul_(0.1)
        self.out.weight.mul_(0.1)
        rest = self.options.width - self.graph_width
        _, vectors = torch.linalg.eigh(torch.cov(text.T))
        main = vectors[:, -rest:].T
        graph_scale, text_scale = graph_weight**0.5, text_weight**0.5
        self.item_graph.weight.copy_(torch.eye(self.options.width, self.graph_width) * graph_scale)
        self.item_text.weight.zero_()
        self.item_text.weight[self.graph_width :] = main * text_scale
        self.question.weight.zero_()
        self.question.weight[: self.graph_width, : self.graph_width] = torch.eye(self.graph_width) * graph_scale
        self.question.weight[self.graph_width :, self.graph_width :] = main * text_scale

    def items(self, graph: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """h [items, width] of unit graph vectors [items, graph_width] and unit text vectors [items, text_width]."""
        return self.item_graph(graph) + self.item_text(text)

    def tokens(self, vectors: torch.Tensor, stars: torch.Tensor) -> torch.Tensor:
        """History tokens [batch, history, width] of item vectors, most recent first, and their half stars 1..10."""
        return vectors + self.position[: vectors.shape[1]] + self.stars[stars - 1]

    def forward(
        self, graph: torch.Tensor, query: torch.Tensor, tokens: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """User vectors [batch, width].

        graph : unit graph vectors of the users [batch, graph_width]
        query : unit text vectors of the queries [batch, text_width]
        tokens : history [batch, history, width]
        mask : bool [batch, history], True where there is a rating; at least one in each row
        """
        x = self.question(torch.cat([graph, query], -1))
        batch, _, width = tokens.shape
        heads = self.options.heads

        def split(values: torch.Tensor) -> torch.Tensor:
            return values.view(batch, -1, heads, width // heads).transpose(1, 2)

        attended = functional.scaled_dot_product_attention(
            split(self.query(x)), split(self.key(tokens)), split(self.value(tokens)), attn_mask=mask[:, None, None, :]
        )
        z = x + self.out(attended.transpose(1, 2).reshape(batch, width))
        return z + self.outer(functional.gelu(self.inner(self.norm(z))))
