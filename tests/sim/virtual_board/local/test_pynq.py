"""PYNQ 3.0.1 and 3.1.2 on the board, their own code unchanged."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from environments import board_python
from gatewright.artefact import Built
from gatewright.spec.boards import get_board
from gatewright.spec.registers import ID, REGISTERS
from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.local import LocalDoor

SCRIPT = Path(__file__).with_name("pynq_facts.py")
VERSIONS = ["3.0.1", "3.1.2"]
PYNQS_OWN = ("is deprecated", "unclosed file")
"""Warnings that PYNQ's code causes, whatever it opens."""


@pytest.fixture(scope="module", params=VERSIONS)
def facts(request: pytest.FixtureRequest, built: Built, tmp_path_factory) -> Iterator[dict[str, Any]]:
    """What one process found."""
    python = board_python(f"pynq-{request.param}")
    with VirtualBoard(get_board("zybo-z7-10")) as board, LocalDoor(board) as door:
        done = subprocess.run(
            [python, "-W", "ignore", SCRIPT, built.path(".bit")],
            env=door.environment(),
            cwd=tmp_path_factory.mktemp("pynq"),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        yield {**found, "asked": request.param, "buffers": len(board.memory.buffers), "count": board.line.count}


def test_it_believes_that_it_is_on_the_board(facts) -> None:
    assert facts["version"] == facts["asked"]
    assert (facts["machine"], facts["user"], facts["device"]) == ("armv7l", 0, "EmbeddedDevice")


def test_the_overlay_loads_without_warnings_of_ours(facts, built: Built) -> None:
    assert [each for each in facts["warnings"] if not any(known in each for known in PYNQS_OWN)] == []
    assert facts["state"] == "operating\n"
    assert facts["firmware"] == [built.path(".bit").with_suffix(".bin").name]


def test_it_finds_block_registers_and_interrupt_by_name(facts) -> None:
    assert "gatewright" in facts["blocks"]
    assert "gatewright/irq" in facts["interrupt_pins"]
    assert set(facts["registers"]) == {each.name for each in REGISTERS}


def test_registers_are_read_from_the_design(facts, built: Built) -> None:
    assert facts["id"] == facts["first"][0] == ID
    assert facts["slice"] == facts["first"]
    low, high = facts["first"][2:]
    assert f"{high:08x}{low:08x}" == built.manifest.config_hash


def test_its_clock_is_wrong_where_it_assumes_another_crystal(facts) -> None:
    assert facts["clock"] == pytest.approx(150.0)  # ps.py knows 50 MHz alone; the board has 33.3 MHz, and runs at 100


def test_buffers_are_coherent_only_as_synced(facts) -> None:
    uncached, cached = facts["coherence"]
    assert uncached == [[1, 1], [1, 1], [7, 7], [7, 7]]
    exact = facts["asked"] == "3.0.1"  # later versions sync all of a buffer, whichever slice is asked
    assert cached == [[0, 0], [1, 0 if exact else 1], [1, 1], [7, 1 if exact else 7]]


def test_contiguous_memory_ends(facts) -> None:
    assert "llocat" in facts["big"][0]
    assert facts["buffers"] == 0


def test_interrupts_wake_it(facts) -> None:
    assert (facts["uio"], facts["interrupts"]) == (3, 3)
    assert facts["count"] >= 6


KRIA = """
import sys
import pynq
overlay = pynq.Overlay(sys.argv[1])
small, large = (pynq.allocate((size,), dtype="u1").device_address for size in (100, 100_000))
block = overlay.gatewright
print(pynq.ps.CPU_ARCH, hex(block.mmio.base_addr), hex(block.read(0)), small >> 32, large >> 32)
"""


def run_on_kria(version: str, built_for, folder: Path) -> subprocess.CompletedProcess:
    command = [board_python(f"pynq-{version}"), "-W", "ignore", "-c", KRIA, built_for("kv260").path(".bit")]
    with VirtualBoard(get_board("kv260")) as board, LocalDoor(board) as door:
        return subprocess.run(command, env=door.environment(), cwd=folder, capture_output=True, text=True, timeout=300)


def test_kria_pynq(built_for, tmp_path: Path) -> None:
    done = run_on_kria("3.0.1", built_for, tmp_path)
    assert done.stdout == "aarch64 0xa0000000 0x47575254 8 0\n", done.stderr


def test_an_upgrade_of_pynq_breaks_a_kria(built_for, tmp_path: Path) -> None:
    """Its Linux has no ``pynq_board``, without which later versions import no XRT."""
    assert "NameError: name 'pyxrt' is not defined" in run_on_kria("3.1.2", built_for, tmp_path).stderr
