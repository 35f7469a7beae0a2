"""A trained text encoder as a folder, in Hugging Face's layout, which other tools read as well."""

import json
from pathlib import Path

from tokenizers import Tokenizer

from gatewright.files import folder_written_whole
from gatewright.models.text import TextEncoder
from gatewright.training.errors import TrainingError

__all__ = ["load_encoder", "save_encoder"]

FILES = ("config.json", "model.safetensors", "tokenizer.json")


def save_encoder(encoder: TextEncoder, folder: Path) -> None:
    """Replace ``folder``; whole or not at all. Raises `OSError`."""
    with folder_written_whole(folder) as work:
        encoder.bert.save_pretrained(work)
        encoder.tokenizer.save(str(work / "tokenizer.json"))


def load_encoder(folder: Path) -> TextEncoder:
    """What `save_encoder` wrote. Raises `TrainingError` for what is not there or damaged."""
    from transformers import BertModel

    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise TrainingError(f"text encoder {folder} has no {missing[0]}, it needs {', '.join(FILES)}")
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
        if kind != "bert":
            raise TrainingError(f"text encoder {folder}: model_type is {kind!r}, allowed: 'bert'")
        bert = BertModel.from_pretrained(
            folder, add_pooling_layer=False, local_files_only=True, attn_implementation="sdpa"
        )
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except TrainingError:
        raise
    except Exception as error:  # json, safetensors, transformers and tokenizers raise classes of their own
        raise TrainingError(f"text encoder {folder} is damaged: {' '.join(str(error).split())}") from error
    return TextEncoder(bert, tokenizer)
