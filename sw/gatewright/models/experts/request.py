"""One whole request to a panel as a PyTorch module, of operators that the accelerator has: text encoder, one row of
aggregation an expert, one product with all items, and the row of a month.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gatewright.models.csr_op import csr_matmul
from gatewright.models.data import MovieLens
from gatewright.models.experts.panel import Panel
from gatewright.models.experts.text import Reading
from gatewright.models.hybrid import SentenceEncoder
from gatewright.models.text import TextEncoder

__all__ = ["PanelRequest", "panel_inputs"]

LATELY, TASTE = "lately", "taste"  # inputs: the weights of a history by the two half-lives of a panel


class PanelRequest(nn.Module):
    """A request for one user -> scores float32 [1, items].

    ``gate`` is float32 [opinions] as `Opinions.pooled` takes it; the last of the panel's experts is the one on text, of
    which a typed query is asked with the weight ``asked``. Experts of the panel's shortest half-life read ``lately``,
    the others ``taste``.
    """

    def __init__(self, panel: Panel, gate: np.ndarray, reading: Reading, asked: float, encoder: TextEncoder) -> None:
        super().__init__()
        self.encoder = SentenceEncoder(encoder)
        shortest = min(expert.half_life for expert in panel.experts)
        self.lately = [expert.half_life == shortest for expert in panel.experts]
        self.ratio = asked / float(gate[len(panel.experts) - 1])
        for number, expert in enumerate(panel.experts):
            self.register_buffer(f"keys_{number}", torch.from_numpy(expert.keys))
        values = [weight * expert.values for weight, expert in zip(gate, panel.experts, strict=False)]
        offset = np.tensordot(gate[len(panel.experts) :], panel.eras.tables, 1)
        self.register_buffer("values", torch.from_numpy(np.hstack(values)))
        self.register_buffer("offset", torch.from_numpy(offset))
        self.white = nn.Linear(*reading.white.shape)
        self.turn = nn.Linear(*panel.experts[-1].turn.shape, bias=False)
        with torch.no_grad():
            self.white.weight.copy_(torch.from_numpy(reading.white.T))
            self.white.bias.copy_(torch.from_numpy(-reading.mean @ reading.white))
            self.turn.weight.copy_(torch.from_numpy(panel.experts[-1].turn.T))

    def forward(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor,
        typed: torch.Tensor,
        user_ptr: torch.Tensor,
        rated: torch.Tensor,
        lately: torch.Tensor,
        taste: torch.Tensor,
        month: torch.Tensor,
    ) -> torch.Tensor:
        user = [
            functional.normalize(csr_matmul(user_ptr, rated, lately if soon else taste, self.get_buffer(f"keys_{k}")))
            for k, soon in enumerate(self.lately)
        ]
        query = functional.normalize(self.turn(functional.normalize(self.white(self.encoder(ids, mask)))))
        user[-1] = user[-1] + query * typed * self.ratio
        return torch.cat(user, 1) @ self.values.T + functional.embedding(month, self.offset)


def panel_inputs(panel: Panel, ratings: MovieLens, user: int, tokens: np.ndarray, typed: bool) -> dict[str, np.ndarray]:
    """The module's inputs for the user with an index: ``tokens`` int64 [1, tokens] of a query, if one was ``typed``."""
    span = slice(ratings.user_ptr[user], ratings.user_ptr[user + 1])
    age = np.arange(span.stop - span.start)[::-1]
    half_lives = sorted({expert.half_life for expert in panel.experts})
    latest = max(span.stop - 1, 0)
    return {
        "ids": tokens,
        "mask": np.ones_like(tokens),
        "typed": np.array([[typed]], np.float32),
        "user_ptr": np.array([0, len(age)], np.int64),
        "rated": ratings.items[span].astype(np.int64),
        LATELY: (0.5 ** (age / half_lives[0])).astype(np.float32),
        TASTE: (0.5 ** (age / half_lives[-1])).astype(np.float32),
        "month": panel.eras.at(ratings.timestamps[[latest]]).astype(np.int64),
    }
