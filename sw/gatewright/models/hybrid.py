"""One whole request as a PyTorch module: text encoder, graph aggregation, fusion and the scores of all items.

Its inputs are those of `gatewright.recommender.inputs.request_inputs`; the compiler turns its ONNX export into the
program that serves requests.
"""

import torch
from torch import nn
from torch.nn import functional

from gatewright.models.csr_op import csr_matmul
from gatewright.models.text import TextEncoder
from gatewright.models.train import TrainedHybrid

__all__ = ["HybridRequest", "SentenceEncoder"]


class SentenceEncoder(nn.Module):
    """Token ids and mask, int64 [batch, tokens] -> unit vectors float32 [batch, 384]."""

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.bert = encoder.bert

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        return functional.normalize((hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9), dim=-1)


class HybridRequest(nn.Module):
    """A request for one user -> scores float32 [1, items]."""

    def __init__(self, trained: TrainedHybrid, encoder: TextEncoder) -> None:
        super().__init__()
        self.encoder = SentenceEncoder(encoder)
        self.fusion = trained.fusion
        self.register_buffer("users", trained.gcn.user.detach().clone())
        self.register_buffer("items", trained.gcn.item.detach().clone())
        self.register_buffer("table", trained.reference().table.clone())
        stars = trained.fusion.stars.detach()
        self.register_buffer("stars", torch.cat([torch.zeros_like(stars[:1]), stars]))  # by half stars, 0 = no rating

    def forward(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor,
        user: torch.Tensor,
        user_ptr: torch.Tensor,
        rated: torch.Tensor,
        user_weight: torch.Tensor,
        places: torch.Tensor,
        item_ptr: torch.Tensor,
        raters: torch.Tensor,
        item_weight: torch.Tensor,
        history: torch.Tensor,
        stars: torch.Tensor,
        attended: torch.Tensor,
    ) -> torch.Tensor:
        first_items = csr_matmul(item_ptr, raters, item_weight, self.users)
        first = csr_matmul(user_ptr, rated, user_weight, self.items)
        second = csr_matmul(user_ptr, places, user_weight, first_items)
        graph = functional.normalize(functional.embedding(user, self.users) + first + second, dim=-1)
        query = self.encoder(ids, mask)
        tokens = functional.embedding(history, self.table) + self.fusion.position
        tokens = tokens + functional.embedding(stars, self.stars)
        return self.fusion(graph, query, tokens, attended) @ self.table.T
