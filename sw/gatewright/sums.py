"""The hashes of a folder's files, beside them: ``sha256sum -c SHA256SUMS`` checks the same by hand."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gatewright.files import reason

__all__ = ["SUMS", "damage", "write_sums"]

SUMS = "SHA256SUMS"


def write_sums(folder: Path) -> None:
    """List every file below ``folder``. Raises :class:`OSError`."""
    sums = "".join(f"{_sha256(path)}  {name}\n" for name, path in _files(folder).items())
    (folder / SUMS).write_text(sums, encoding="utf-8")


def damage(folder: Path, *, more: bool = False) -> str | None:
    """What is wrong with a folder whose files were listed; None if nothing is.

    With ``more``, files that are not listed are somebody else's and may be there.
    """
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        listed = {name: value for value, _, name in (line.partition("  ") for line in lines)}
        files = {name: folder / name for name in listed if (folder / name).is_file()} if more else _files(folder)
        for name in sorted(listed.keys() | files.keys()):
            if name not in files:
                return f"{name} is missing"
            if _sha256(files[name]) != listed.get(name):
                return f"{name} is not as it was made"
    except OSError as error:
        return f"{Path(error.filename or folder).name}: {reason(error)}"
    except UnicodeDecodeError:
        return f"{SUMS} is not a text"
    return None if listed else f"{SUMS} is empty"


def _files(folder: Path) -> dict[str, Path]:
    """The files below ``folder`` by name, but for the list of their sums."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in found.items() if name != SUMS}


def _sha256(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()
