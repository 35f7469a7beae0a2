"""What a kept result was made by: a hash of the sources that it depends on."""

from pathlib import Path

from gatewright.cache import digest

__all__ = ["code_version"]


def code_version(*modules: str) -> str:
    """Hash of the named modules of this package, of all files of one that is a folder: what was kept is made again
    when they change."""
    root = Path(__file__).parents[1]
    files = (sorted((root / name).rglob("*.py")) or [root / f"{name}.py"] for name in modules)
    return digest(*(file.read_bytes() for each in files for file in each))
