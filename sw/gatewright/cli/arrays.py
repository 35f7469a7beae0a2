"""Named arrays in `.npz` files, as the subcommands read and write them."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex

import numpy as np

from gatewright.spec.errors import GatewrightError

__all__ = ["read_arrays", "write_arrays"]


def read_arrays(option: str, path: Path) -> dict[str, np.ndarray]:
    """The arrays in an `.npz` file; an error names ``option``."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            raise GatewrightError(f"{option} {path}: one array, allowed: an .npz file of named arrays")
        with loaded as file:
            return {name: file[name] for name in file.files}
    except OSError as error:
        raise GatewrightError(f"{option} {path}: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise GatewrightError(f"{option} {path}: not an .npz file of numbers ({error})") from error


def write_arrays(option: str, path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an `.npz` file, whole or not at all; unlike `numpy.savez`, with any names."""
    work = path.with_name(f".{path.name}-{token_hex(4)}")
    try:
        try:
            with zipfile.ZipFile(work, "x") as file:
                for name, array in arrays.items():
                    with file.open(f"{name}.npy", "w", force_zip64=True) as entry:
                        np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)
            work.replace(path)
        finally:
            work.unlink(missing_ok=True)
    except OSError as error:
        raise GatewrightError(f"{option} {path}: {error.strerror}") from error
