"""`flash`, `doctor` and `selftest` on the board, by the PYNQ that is there; also without root, or without XRT."""

import json

import pytest

from gatewright.artefact import Built
from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.log import Level

VERSIONS = ["3.0.1", "3.1.2"]
QUIET = ("-W", "ignore", "-m", "gatewright")


def verdicts(done) -> dict[str, str]:
    return {finding["name"]: finding["verdict"] for finding in json.loads(done.stdout)["findings"]}


@pytest.mark.parametrize("version", VERSIONS)
def test_from_a_fresh_board_to_a_self_test(
    version: str, board_environment, run, board: VirtualBoard, built: Built
) -> None:
    python = board_environment(f"pynq-{version}")
    before = run(python, *QUIET, "doctor", "--json", "-", check=False)
    assert before.returncode == 1
    assert {name for name, verdict in verdicts(before).items() if verdict != "good"} == {
        "fpga manager", "design", "ports", "memory coherence"
    }  # fmt: skip
    flashed = run(python, *QUIET, "flash", built.folder).stdout
    assert f"loaded  {built.path('.bit').stem} on this board" in flashed
    assert "100.000 MHz as read back" in flashed
    after = run(python, *QUIET, "doctor", "--json", "-", check=False)
    assert after.returncode == 0, after.stdout
    assert set(verdicts(after).values()) == {"good"}
    run(python, *QUIET, "selftest", "--backend", "board", "--board", "zybo-z7-10", "--bitstream", built.folder)
    assert not board.log.texts(Level.FATAL)
    assert not board.memory.buffers


@pytest.mark.parametrize("door", [{"root": False}, {"xrt": False}], ids=["no root", "no XRT"], indirect=True)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_missing_is_named_in_one_line(
    version: str, request, board_environment, run, board: VirtualBoard, built: Built
) -> None:
    python = board_environment(f"pynq-{version}")
    missing = request.node.callspec.params["door"]
    done = run(python, *QUIET, "flash", built.folder, check=False)
    assert done.returncode == 2, done.stdout
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")] == [done.stderr.splitlines()[-1]]
    assert ("sudo -i" if "root" in missing else "xrt_setup.sh") in done.stderr
    assert board.design is None
    examined = run(python, *QUIET, "doctor", "--board", "zybo-z7-10", "--json", "-", check=False)
    assert examined.returncode == 2
    assert verdicts(examined)["root" if "root" in missing else "xrt"] == "bad"
    assert not board.log.texts(Level.FATAL)


@pytest.mark.parametrize("door", [{"uio": False}], indirect=True)
def test_a_board_without_uio_is_polled(board_environment, run, built: Built) -> None:
    python = board_environment("pynq-3.0.1")
    run(python, *QUIET, "flash", built.folder)
    examined = run(python, *QUIET, "doctor", "--json", "-", check=False)
    assert examined.returncode == 1
    assert {name for name, verdict in verdicts(examined).items() if verdict != "good"} == {"interrupt"}


def test_a_kernel_whose_syncs_do_nothing(board_environment, run, board: VirtualBoard, built: Built) -> None:
    """Results are read past the caches, slowly, and are right."""
    board.memory.broken_flush = True
    python = board_environment("pynq-3.1.2")
    run(python, *QUIET, "selftest", "--backend", "board", "--board", "zybo-z7-10", "--bitstream", built.folder)
    examined = run(python, *QUIET, "doctor", "--json", "-", check=False)
    assert examined.returncode == 1
    assert {name for name, verdict in verdicts(examined).items() if verdict != "good"} == {
        "memory to the accelerator",
        "memory from the accelerator",
    }
