"""Named arrays in `.npz` files, as the subcommands read and write them."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gatewright.cli.options import output_file
from gatewright.files import read_npz, reason
from gatewright.spec.errors import GatewrightError

__all__ = ["read_arrays", "write_arrays"]


def read_arrays(option: str, path: Path) -> dict[str, np.ndarray]:
    """The arrays in an `.npz` file; an error names ``option``."""
    try:
        return read_npz(path)
    except OSError as error:
        raise GatewrightError(f"{option} {path}: {reason(error)}") from error
    except ValueError as error:
        raise GatewrightError(f"{option} {path}: not an .npz file of numbers ({error})") from error


def write_arrays(option: str, path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an `.npz` file, whole or not at all; unlike `numpy.savez`, with any names."""
    with output_file(option, path) as whole, zipfile.ZipFile(whole, "w") as file:
        for name, array in arrays.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)
