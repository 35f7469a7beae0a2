"""Turns a configuration into files: Verilog, the register and command tables as Markdown, and a manifest of hashes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import gatewright.spec
import gatewright_hw
from gatewright.files import written_whole
from gatewright.spec.boards import Board
from gatewright.spec.config import SPEC_VERSION, AcceleratorConfig
from gatewright.spec.registers import BLOCK_NAME
from gatewright_hw.boards import board_verilog, top_name
from gatewright_hw.documentation import markdown
from gatewright_hw.top import Top
from gatewright_hw.verilog import to_verilog

__all__ = ["design_hash", "verilog", "write"]

_NOT_DESIGN = "build"
"""A folder of gatewright_hw that makes files of the design, and is not part of it."""


def verilog(config: AcceleratorConfig) -> str:
    """The accelerator of ``config`` as Verilog, top module BLOCK_NAME. The same sources give the same text."""
    return to_verilog(Top(config), BLOCK_NAME)


def design_hash(config: AcceleratorConfig) -> str:
    """A hash, 16 hexadecimal digits, of all that the Verilog depends on: our sources, Amaranth's version, the
    configuration.

    Much faster than making the Verilog, hence what caches are keyed with.
    """
    state = hashlib.sha256(f"{config.hash_text} amaranth {version('amaranth')}".encode())
    for package in (gatewright.spec, gatewright_hw):
        root = Path(package.__path__[0])
        for source in sorted(root.rglob("*.py")):
            if source.relative_to(root).parts[0] == _NOT_DESIGN:
                continue
            content = source.read_bytes()
            state.update(f"{source.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    return state.hexdigest()[:16]


def write(config: AcceleratorConfig, out: Path, board: Board | None = None) -> list[Path]:
    """Write ``<BLOCK_NAME>.v``, ``registers.md``, ``manifest.json`` and, for a ``board``, its top (see
    :func:`.boards.board_verilog`) into the existing folder ``out``; returns their paths.

    The manifest holds the configuration and its hash, the design hash, the contract's version and the sha256 of the
    files.
    """
    contents = {f"{BLOCK_NAME}.v": verilog(config), "registers.md": markdown(config)}
    if board is not None:
        contents[f"{top_name(board)}.v"] = board_verilog(board, config)
    manifest = {
        "top": BLOCK_NAME,
        "config": asdict(config),
        "config_hash": config.hash_text,
        "design_hash": design_hash(config),
        "spec_version": list(SPEC_VERSION),
        "amaranth": version("amaranth"),
        "files": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in contents.items()},
    }
    contents["manifest.json"] = json.dumps(manifest, indent=2) + "\n"
    paths = []
    for name, text in contents.items():
        path = out / name
        with written_whole(path) as file:
            file.write(text.encode())
        paths.append(path)
    return paths
