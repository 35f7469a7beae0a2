"""The state of a training as one file, whole or not there: safetensors, with what else there is as JSON in its header.

safetensors has no checksum of its own, and a flipped bit in a weight is a weight like any other: the header therefore
holds a SHA-256 over all fields and tensors. A file names the run that it belongs to, field by field; of another model
or other data it is refused by the field that differs.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import safe_open
from safetensors.torch import save

from gatewright.files import reason, written_whole
from gatewright.training.errors import CheckpointError

__all__ = ["FILE", "Checkpoint", "check_same_run", "held_folder", "load_checkpoint", "save_checkpoint"]

FORMAT = "gatewright training state 2"
FILE = "state.safetensors"
_FIELDS = ("identity", "step", "state")


@dataclass(frozen=True)
class Checkpoint:
    """What a training continues from.

    Attributes
    ----------
    identity : what makes it this run and no other: model, data, options; values of JSON
    step : steps done
    state : whatever else is no tensor, in JSON: the history, states of random generators
    tensors : by name: weights, the optimiser's moments
    """

    identity: Mapping[str, Any]
    step: int
    state: Mapping[str, Any]
    tensors: Mapping[str, torch.Tensor]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace `FILE` in ``folder``; a process that ends at any moment leaves the old one or the new.

    Raises `OSError`.
    """
    header = {name: json.dumps(getattr(checkpoint, name), sort_keys=True) for name in _FIELDS}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    sealed = {"format": FORMAT, **header, "sha256": _seal(header, tensors)}
    with written_whole(folder / FILE) as file:
        file.write(save(tensors, sealed))


def load_checkpoint(folder: Path, identity: Mapping[str, Any]) -> Checkpoint | None:
    """What ``folder`` holds of the run of ``identity``; None where it holds nothing.

    Raises `CheckpointError` for a file that is damaged, of another version, or of a run that differs in any field.
    """
    path = folder / FILE
    if not path.exists():
        return None
    header, tensors = _read(path)
    if header.get("format") != FORMAT:
        raise CheckpointError(f"checkpoint {path}: format is {header.get('format')!r}, allowed: {FORMAT!r}")
    found = {name: header.get(name, "") for name in _FIELDS}
    if header.get("sha256") != _seal(found, tensors):
        raise CheckpointError(
            f"checkpoint {path} is damaged: sha256 is not that of its content; delete it to begin anew"
        )
    checkpoint = Checkpoint(**{name: json.loads(text) for name, text in found.items()}, tensors=tensors)
    check_same_run(path, checkpoint.identity, json.loads(json.dumps(identity)))
    return checkpoint


def _read(path: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise CheckpointError(f"checkpoint {path} cannot be read: {reason(error)}") from error
    except Exception as error:  # safetensors raises a class of its own, torch others
        text = " ".join(str(error).split())
        raise CheckpointError(f"checkpoint {path} is damaged: {text}; delete it to begin anew") from error


def _seal(header: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def check_same_run(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise `CheckpointError` for the first field of an identity that differs."""
    for name in sorted({*found, *wanted}):
        if found.get(name) != wanted.get(name):
            raise CheckpointError(
                f"checkpoint {path} is of another run: its {name} is {found.get(name)!r}, this run's is "
                f"{wanted.get(name)!r}; continue that run, or choose another folder"
            )


@contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """``folder``, made if it is not there, for this process alone. The system lets go of it however the process ends.

    What an earlier process was writing when it was killed is removed. Raises `CheckpointError` where another process
    trains into it, and `OSError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise CheckpointError(f"checkpoints {folder} are in use: another process trains into this folder") from None
    try:
        for left in folder.glob(".gatewright-*"):
            left.unlink(missing_ok=True)
        yield
    finally:
        lock.release()
