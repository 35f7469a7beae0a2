"""Where openXC7's programs and data are, and which releases."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gatewright.spec.boards import Board
from gatewright.spec.clocks import Family
from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.openxc7.releases import RELEASE_SETTING, release, version_of
from gatewright_hw.build.steps import Steps
from gatewright_hw.yosys import YosysError, find_yosys

__all__ = ["SETTINGS", "Tools", "Versions", "find_tools", "name_versions"]

_HOME, _CHIPDB, _DATABASE = "GATEWRIGHT_OPENXC7", "OPENXC7_CHIPDB", "PRJXRAY_DB_DIR"
SETTINGS = {
    _HOME: "folder of openXC7's programs, or one with them in bin (default: PATH)",
    _CHIPDB: "nextpnr-xilinx's chip database of the part, or a folder of them",
    _DATABASE: "Project X-Ray's database, the folder that holds zynq7",
    RELEASE_SETTING: "day of nextpnr-xilinx's sources, where its version does not say it",
}
"""Environment variables; those without our name are what openXC7's own packages and projects use."""

_SHARED = ("share/nextpnr", "share", "nextpnr", ".")
_CHIPDB_FOLDERS, _DATABASE_FOLDERS = ("xilinx-chipdb", "chipdb"), ("prjxray-db", "external/prjxray-db")
_USUAL = (Path("/usr"), Path("/usr/local"), Path("/opt/openxc7"))


@dataclass(frozen=True)
class Tools:
    """The programs, the chip database, and the folder of the part's family in Project X-Ray's database."""

    yosys: str
    nextpnr: str
    fasm2frames: str
    frames2bit: str
    chipdb: Path
    database: Path


@dataclass(frozen=True)
class Versions:
    """Version of each program that has one, and why these may not build unless somebody wants it all the same."""

    of: dict[str, str]
    objection: str


def find_tools(board: Board, environment: Mapping[str, str] = os.environ) -> Tools:
    """Find everything for ``board``. Raises :class:`BuildError` that names what is missing, and the setting for it."""
    if board.family is not Family.ZYNQ7:
        raise BuildError(f"openXC7 builds for Zynq-7000 alone; {board.name} has {board.part}, allowed: --tool vivado")
    home = environment.get(_HOME)
    path = environment.get("PATH", "")
    if home:
        path = os.pathsep.join((str(Path(home) / "bin"), home, path))
    nextpnr = _program(("nextpnr-xilinx",), path)
    roots = [Path(home)] if home else [Path(nextpnr).resolve().parent.parent, *_USUAL]
    try:
        yosys = find_yosys()
    except YosysError as error:
        raise BuildError(f"openXC7: {error}") from None
    return Tools(
        yosys,
        nextpnr,
        _program(("fasm2frames", "fasm2frames.py"), path),
        _program(("xc7frames2bit",), path),
        _chipdb(board, environment, roots),
        _database(board, environment, roots),
    )


def name_versions(tools: Tools, steps: Steps, environment: Mapping[str, str] = os.environ) -> Versions:
    """Ask the programs. Raises :class:`BuildError` where one cannot be asked."""
    said = steps.run("asking nextpnr-xilinx for its version", [tools.nextpnr, "--version"])
    yosys = steps.run("asking Yosys for its version", [tools.yosys, "-V"])
    found = release(version_of(said), environment.get(RELEASE_SETTING, ""))
    return Versions(
        {
            "yosys": yosys.strip().splitlines()[0] if yosys.strip() else "unknown",
            "nextpnr-xilinx": found.name,
        },
        found.objection,
    )


def _program(names: tuple[str, ...], path: str) -> str:
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    raise BuildError(f"openXC7: no {names[0]} on PATH; {_HOME} names the folder of its programs")


def _chipdb(board: Board, environment: Mapping[str, str], roots: list[Path]) -> Path:
    package = board.part.rsplit("-", 1)[0]
    names = [f"{stem}.bin" for stem in (board.part, package, board.device)]
    given = environment.get(_CHIPDB)
    if given and Path(given).is_file():
        return Path(given).absolute()
    folders = (
        [Path(given)] if given else [root / at / name for root in roots for at in _SHARED for name in _CHIPDB_FOLDERS]
    )
    for folder in folders:
        for name in names:
            if (folder / name).is_file():
                return (folder / name).absolute()
    where = f"in {given}" if given else f"beside nextpnr-xilinx; {_CHIPDB} names its file or folder"
    raise BuildError(f"openXC7: no chip database {names[1]} {where}")


def _database(board: Board, environment: Mapping[str, str], roots: list[Path]) -> Path:
    given, family = environment.get(_DATABASE), board.family.value
    roots_ = (
        [Path(given)] if given else [root / at / name for root in roots for at in _SHARED for name in _DATABASE_FOLDERS]
    )
    for root in roots_:
        for folder in (root / family, root):
            if (folder / board.part / "part.yaml").is_file():
                return _complete(folder.absolute(), board)
    where = f"in {given}" if given else f"beside nextpnr-xilinx; {_DATABASE} names the folder that holds {family}"
    raise BuildError(f"openXC7: no Project X-Ray database of {board.part} {where}")


def _complete(folder: Path, board: Board) -> Path:
    """``folder``, unless it lacks one of the two large files of a part, which some copies of the database leave out."""
    for name in ("tilegrid.json", "tileconn.json"):
        file = folder / board.device / name
        if not file.is_file():
            raise BuildError(f"openXC7: Project X-Ray's database lacks {file}, which {board.part} needs")
    return folder
