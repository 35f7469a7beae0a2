"""Our own wheel: of a checkout, by its build backend; of an installed package, from the files that were installed."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from gatewright.bundle.contents import BundleError
from gatewright.version import __version__

__all__ = ["write_wheel"]

_PACKAGE = "gatewright"
_NOT_OF_A_WHEEL = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}
"""Files of ``.dist-info`` that say how it was installed."""
_BUILD_TIMEOUT_S = 300.0
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_wheel(folder: Path) -> Path:
    """Write the wheel of the gatewright that runs to ``folder``. Raises :class:`BundleError`, :class:`OSError`."""
    root = Path(__file__).parents[3]
    if (root / "pyproject.toml").is_file():
        return _built(root, folder)
    try:
        return _packed(distribution(_PACKAGE), folder)
    except PackageNotFoundError:
        raise BundleError(f"{Path(__file__).parents[1]} is neither a checkout nor installed: no wheel of it") from None


def _built(root: Path, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder.absolute())]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise BundleError(f"the wheel of {root} was not built within {_BUILD_TIMEOUT_S:g} s") from None
    if done.returncode:
        why = next(iter(reversed(done.stderr.strip().splitlines())), "no reason given")
        raise BundleError(f"the wheel of {root} cannot be built (pip install hatchling): {why}")
    (wheel,) = folder.glob(f"{_PACKAGE}-*.whl")
    return wheel


def _packed(installed: Distribution, folder: Path) -> Path:
    """Its files again, with a new RECORD (packaging.python.org, "Binary distribution format")."""
    stem = f"{_PACKAGE}-{__version__}"
    record = f"{stem}.dist-info/RECORD"
    path = folder / f"{stem}-py3-none-any.whl"
    lines = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in sorted(installed.files or (), key=str):
            if entry.parts[0] == ".." or "__pycache__" in entry.parts or entry.name in _NOT_OF_A_WHEEL:
                continue
            content = Path(str(entry.locate())).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines.append(f"{entry.as_posix()},sha256={digest},{len(content)}")
            archive.writestr(zipfile.ZipInfo(entry.as_posix(), _EPOCH), content)
        if not lines:
            raise BundleError(f"the installed {_PACKAGE} lists no files (RECORD is missing): install it again by pip")
        archive.writestr(zipfile.ZipInfo(record, _EPOCH), "\n".join([*lines, f"{record},,"]) + "\n")
    return path
