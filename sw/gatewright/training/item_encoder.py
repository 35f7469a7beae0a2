"""The language model over the texts of a catalogue, to be trained: batches by length, layers that stay computed once.

A catalogue is a few thousand short texts that training meets again and again. What the layers below the first trained
one make of a text never changes, so that it is computed once and kept: where only the upper layers are adapted, a step
costs these alone, forward and backward.
"""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

__all__ = ["ItemEncoder", "fingerprint"]

TEXTS_AT_ONCE = 32  # of about the same length, so that little time goes into padding


class ItemEncoder(nn.Module):
    """Item indices -> unit vectors float32 [len(items), width], means of the last layer's vectors of the text's tokens.

    ``tokens`` are the ids of each item's text. The embeddings and the first ``frozen`` layers of ``bert`` must not be
    trained, if ``frozen`` is above 0: their result is kept, 1.5 KB a token.
    """

    def __init__(self, bert: nn.Module, tokens: Sequence[Sequence[int]], frozen: int = 0) -> None:
        super().__init__()
        self.bert, self.frozen = bert, frozen
        self.tokens = [torch.tensor(ids) for ids in tokens]
        self.lengths = np.array([len(ids) for ids in tokens])
        self._kept: dict[int, torch.Tensor] = {}

    def forward(self, items: np.ndarray) -> torch.Tensor:
        order = np.argsort(self.lengths[items], kind="stable")
        vectors = torch.cat([self._vectors(items[order[some]]) for some in _blocks(len(items))])
        return vectors[torch.from_numpy(np.argsort(order))]

    @torch.no_grad()
    def table(self, items: np.ndarray) -> np.ndarray:
        """The same, as an array."""
        return self(items).cpu().numpy()

    def _vectors(self, items: np.ndarray) -> torch.Tensor:
        if self.frozen:
            hidden = pad_sequence(self._below(items), batch_first=True)
        else:
            hidden = self.bert.embeddings(input_ids=self._ids(items))
        mask = self._mask(items)
        hidden = self._layers(hidden, mask, slice(self.frozen, None))
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        return functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=-1)

    def _below(self, items: np.ndarray) -> list[torch.Tensor]:
        """Of each item, [tokens, width] after the first ``frozen`` layers.

        Each text is read alone: in a batch, its last bits would depend on the others, and a training that continues
        would meet them in another company.
        """
        for item in items.tolist():
            if item not in self._kept:
                with torch.no_grad():
                    one = np.array([item])
                    hidden = self.bert.embeddings(input_ids=self._ids(one))
                    self._kept[item] = self._layers(hidden, self._mask(one), slice(self.frozen))[0]
        return [self._kept[item] for item in items.tolist()]

    def _layers(self, hidden: torch.Tensor, mask: torch.Tensor, which: slice) -> torch.Tensor:
        for layer in self.bert.encoder.layer[which]:
            hidden = layer(hidden, mask[:, None, None])
        return hidden

    def _ids(self, items: np.ndarray) -> torch.Tensor:
        return pad_sequence([self.tokens[item] for item in items], batch_first=True).to(self._device)

    def _mask(self, items: np.ndarray) -> torch.Tensor:
        lengths = torch.from_numpy(self.lengths[items])
        return (torch.arange(int(lengths.max())) < lengths[:, None]).to(self._device)

    @property
    def _device(self) -> torch.device:
        return self.bert.embeddings.word_embeddings.weight.device


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + TEXTS_AT_ONCE) for start in range(0, count, TEXTS_AT_ONCE))


def fingerprint(module: nn.Module) -> str:
    """SHA-256 of all weights, and their names."""
    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        digest.update(name.encode())
        digest.update(value.numpy())
    return digest.hexdigest()
