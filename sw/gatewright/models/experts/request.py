"""One whole request as a PyTorch module, of operators that the accelerator has.

Its inputs are those of `gatewright.recommender.inputs.request_inputs`; the compiler turns its ONNX export into the
program that serves requests.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gatewright.models.csr_op import csr_matmul
from gatewright.models.experts.condensed import Condensed
from gatewright.models.experts.question import Question
from gatewright.models.text import SentenceEncoder, TextEncoder

__all__ = ["HistoryRequest", "QueryRequest"]


class HistoryRequest(nn.Module):
    """What a user's ratings say: a row of aggregation for each expert, the row of a month, one product with all
    items -> scores float32 [1, items]."""

    def __init__(self, condensed: Condensed) -> None:
        super().__init__()
        for number, each in enumerate(condensed.aggregations):
            self.register_buffer(f"keys_{number}", torch.from_numpy(each.keys))
        self.register_buffer("months", torch.from_numpy(condensed.months))
        self.turn = linear(condensed.turn[: sum(each.keys.shape[1] for each in condensed.aggregations)])
        self.score = linear(condensed.values.T, condensed.bias)

    def forward(
        self, user_ptr: torch.Tensor, rated: torch.Tensor, month: torch.Tensor, *weights: torch.Tensor
    ) -> torch.Tensor:
        return self.answer(self.opinions(user_ptr, rated, weights), month)

    def opinions(
        self, user_ptr: torch.Tensor, rated: torch.Tensor, weights: tuple[torch.Tensor, ...]
    ) -> list[torch.Tensor]:
        """Unit vectors of the experts, each float32 [1, its width]."""
        keys = (self.get_buffer(f"keys_{number}") for number in range(len(weights)))
        said = (csr_matmul(user_ptr, rated, weight, each) for weight, each in zip(weights, keys, strict=True))
        return [functional.normalize(each) for each in said]

    def answer(self, said: list[torch.Tensor], month: torch.Tensor) -> torch.Tensor:
        """The scores."""
        found: torch.Tensor = self.score(self.turn(torch.cat(said, 1)) + functional.embedding(month, self.months))
        return found


class QueryRequest(HistoryRequest):
    """The same, and what a text says that was typed: token ids and mask, int64 [1, tokens], come first."""

    def __init__(self, condensed: Condensed, question: Question, encoder: TextEncoder) -> None:
        super().__init__(condensed)
        reading = question.reading
        self.encoder = SentenceEncoder(encoder)
        self.white = linear(reading.white, -reading.mean @ reading.white)
        self.text = linear(question.turn)
        self.turn = linear(condensed.turn)

    def forward(  # type: ignore[override]
        self,
        ids: torch.Tensor,
        mask: torch.Tensor,
        user_ptr: torch.Tensor,
        rated: torch.Tensor,
        month: torch.Tensor,
        *weights: torch.Tensor,
    ) -> torch.Tensor:
        typed = functional.normalize(self.text(functional.normalize(self.white(self.encoder(ids, mask)))))
        return self.answer([*self.opinions(user_ptr, rated, weights), typed], month)


def linear(weight: np.ndarray, bias: np.ndarray | None = None) -> nn.Linear:
    """``x @ weight + bias``, weight [from, to]."""
    found = nn.Linear(*weight.shape, bias=bias is not None)
    with torch.no_grad():
        found.weight.copy_(torch.from_numpy(weight.T))
        if bias is not None:
            found.bias.copy_(torch.from_numpy(bias))
    return found
