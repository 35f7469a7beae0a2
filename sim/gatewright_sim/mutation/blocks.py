"""What is mutated, block by block: its sources, the benches that should notice, and the tests of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gatewright.spec.errors import GatewrightError

__all__ = ["BLOCKS", "HARDWARE", "TESTS", "Block", "get_block"]

ROOT = Path(__file__).parents[3]
HARDWARE = ROOT / "hw" / "gatewright_hw"
TESTS = ROOT / "tests" / "hw"
"""Exists in a checkout alone; without it, the benches are all there is."""


@dataclass(frozen=True)
class Block:
    """Sources that are mutated together.

    Attributes
    ----------
    sources : files and folders, relative to the hardware's package; of a folder, the files in it but not below.
    group : blocks that are judged together, since the same tests try them.
    benches : of the catalogue, in whose designs the sources are; all benches of such a design take part. What those
        of one design leave, those of the next try.
    """

    name: str
    group: str
    sources: tuple[str, ...]
    benches: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """The sources' files, relative to the hardware's package."""
        found = []
        for source in self.sources:
            path = HARDWARE / source
            files = [path] if path.is_file() else sorted(path.glob("*.py"))
            found += [str(file.relative_to(HARDWARE)) for file in files if file.name != "__init__.py"]
        return tuple(found)


BLOCKS: dict[str, Block] = {
    block.name: block
    for block in (
        Block("registers", "control", ("register_block.py", "counters.py", "top.py"), ("sequencer",)),
        Block("sequencer", "control", ("sequencer.py", "validator.py"), ("sequencer",)),
        Block("bus", "control", ("bus/master.py", "bus/arbiter.py", "bus/reader.py", "bus/writer.py"), ("sequencer",)),
        Block("gemm", "array", ("engines/gemm", "engines/command_control.py"), ("gemm", "epilogue", "gemm-zybo-z7-10")),
        Block("attention", "array", ("engines/gemm/attention",), ("attention", "attention-zybo-z7-10")),
        Block(
            "aggregate", "aggregate", ("engines/aggregate",), ("aggregate", "aggregate-zybo-z7-10", "wide_rows-pynq-z2")
        ),
        Block("vector", "vector", ("engines/vector",), ("vector", "epilogue", "vector-zybo-z7-10")),
        Block("boards", "boards", ("boards", "bus/lite_decoder.py"), ("zynq7",)),
    )
}
"""Every block by name."""


def get_block(name: str) -> Block:
    """The block called ``name``. Raises :class:`GatewrightError` for another name."""
    if name not in BLOCKS:
        raise GatewrightError(f"unknown block {name!r}, allowed: {', '.join(BLOCKS)}")
    return BLOCKS[name]
