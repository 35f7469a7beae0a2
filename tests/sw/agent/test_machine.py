"""An agent's accelerator on a board, without the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gatewright.agent.kept import KeptDesign
from gatewright.agent.machine import Machine
from gatewright.artefact import ArtefactError, load_built
from gatewright.driver import board as board_driver
from gatewright.driver.board import designs
from gatewright.spec.config import get_config

PYNQ_BOARD = "/proc/device-tree/chosen/pynq_board"


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Machine]]:
    """Machines of a board, where no design lies around."""
    pytest.importorskip("pynq")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(designs, "_CHECKOUT", tmp_path)
    made: list[Machine] = []

    def make(board: str | None = None, bitstream: Path | None = None) -> Machine:
        made.append(Machine("board", get_config("tiny"), board, bitstream, tmp_path / "designs", 60, 60))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize(
    ("image", "named", "known"),
    [(b"Pynq-Z2\0", None, "pynq-z2"), (b"", None, None), (b"", "kv260", "kv260"), (b"Somebody's", None, None)],
)
def test_without_a_design_the_board_is_known(
    image: bytes, named: str | None, known: str | None, device: Any, make: Callable[..., Machine]
) -> None:
    device.files[PYNQ_BOARD] = image
    status = make(named).status()
    assert (status["open"], status["board"], status["notes"]) == (False, known, [])
    assert "no bitstream" in status["why_not"]


def test_what_is_not_as_it_should_be_is_in_its_status(device: Any, design: Path, make: Callable[..., Machine]) -> None:
    machine = make(bitstream=design)
    assert isinstance(machine.accelerator.backend, board_driver.BoardBackend)
    machine.accelerator.backend.notes.append("the interrupt failed")
    assert machine.status()["notes"][-1] == "the interrupt failed"
    assert machine.status()["board"] == "zybo-z7-10"


def _files(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir()}


def test_what_is_flashed_is_kept_and_found_again(
    device: Any, design: Path, make: Callable[..., Machine], tmp_path: Path
) -> None:
    name = load_built(design).path(".bit").stem
    first = make()
    assert first.flash(_files(design))["design"] == name
    first.close()
    assert [path.name for path in (tmp_path / "designs").iterdir()] == ["flashed"]
    assert make().status()["design"] == name


def test_a_design_that_does_not_load_leaves_the_former_one(
    device: Any, design: Path, make: Callable[..., Machine], make_design: Callable[..., Path], tmp_path: Path
) -> None:
    machine = make()
    first = machine.flash(_files(design))["design"]
    device.state_after_download = "write error"
    other = make_design(tmp_path / "other", mhz=50)
    download, device.download = device.download, lambda *arguments: (download(*arguments), _well(device))
    with pytest.raises(Exception, match="'write error'"):
        machine.flash(_files(other))
    assert machine.status()["design"] == first
    found = KeptDesign(tmp_path / "designs").find()
    assert found is not None
    assert found.path(".bit").stem == first
    next(other.glob("*.bit")).write_bytes(b"")
    with pytest.raises(ArtefactError):
        machine.flash(_files(other))
    assert machine.status()["open"]


def test_a_signal_in_mid_flash_ends_it(
    device: Any, design: Path, make: Callable[..., Machine], make_design: Callable[..., Path], tmp_path: Path
) -> None:
    """Nothing more is loaded in an agent that was told to end; the next one has the former design."""
    machine = make()
    first = machine.flash(_files(design))["design"]
    downloads = len(device.downloads)

    def told_to_end(*_: object) -> None:
        device.download = download
        raise SystemExit(143)

    download, device.download = device.download, told_to_end
    with pytest.raises(SystemExit):
        machine.flash(_files(make_design(tmp_path / "other", mhz=50)))
    assert (machine.status()["open"], len(device.downloads)) == (False, downloads)
    assert make().status()["design"] == first


def test_its_status_says_that_nobody_vouches(
    device: Any,
    make: Callable[..., Machine],
    make_design: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The agent's environment takes the design, as its message says."""
    doubtful = make_design(tmp_path / "doubtful", unvouched=("a rebuilt tile grid",))
    name = next(doubtful.glob("*.bit")).stem
    machine = make()
    with pytest.raises(ArtefactError, match=f"GATEWRIGHT_UNVOUCHED={name} takes .*, set for the agent as well"):
        machine.flash(_files(doubtful))
    monkeypatch.setenv("GATEWRIGHT_UNVOUCHED", name)
    assert machine.flash(_files(doubtful))["unvouched"] == ["a rebuilt tile grid"]


def _well(device: Any) -> None:
    """The download after this one is taken."""
    device.state_after_download = "operating"
