"""Where openXC7 is found, and what is said where it is not."""

import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gatewright.cli.app import app
from gatewright.spec.boards import get_board
from gatewright_hw.build import BuildError, Steps
from gatewright_hw.build.openxc7.tools import SETTINGS, find_tools, name_versions

ZYBO = get_board("zybo-z7-10")
PROGRAMS = ("nextpnr-xilinx", "fasm2frames", "xc7frames2bit")


def _install(home: Path, programs: tuple[str, ...] = PROGRAMS) -> dict[str, str]:
    """Programs in ``home/bin``, data below ``home/share`` as packages have it; the environment that finds them."""
    (home / "bin").mkdir(parents=True)
    for name in programs:
        path = home / "bin" / name
        path.write_text(f"#!{sys.executable}\nprint('\"nextpnr-xilinx\" -- Place and Route (Version 2026-10-01)')\n")
        path.chmod(0o755)
    chips = home / "share" / "nextpnr" / "xilinx-chipdb"
    chips.mkdir(parents=True)
    (chips / "xc7z010clg400.bin").write_text("chip")
    return {"PATH": str(home / "bin")}


@pytest.fixture
def home(fabric: Any, tmp_path: Path) -> Path:
    """An installation with the made-up part's database."""
    home = tmp_path / "openxc7"
    _install(home)
    (home / "share" / "nextpnr" / "prjxray-db").symlink_to(fabric.root.parent)
    return home


@pytest.mark.parametrize("environment", ["path", "home", "home/bin", "settings"])
def test_an_installation_is_found(home: Path, fabric: Any, tmp_path: Path, environment: str) -> None:
    chip = home / "share" / "nextpnr" / "xilinx-chipdb" / "xc7z010clg400.bin"
    elsewhere = tmp_path / "elsewhere"
    found = find_tools(
        ZYBO,
        {
            "path": {"PATH": str(home / "bin")},
            "home": {"PATH": "/nowhere", "GATEWRIGHT_OPENXC7": str(home)},
            "home/bin": {
                "PATH": "/nowhere",
                "GATEWRIGHT_OPENXC7": str(home / "bin"),
                "OPENXC7_CHIPDB": str(chip),
                "PRJXRAY_DB_DIR": str(fabric.root),
            },
            "settings": {
                **_install(elsewhere),
                "OPENXC7_CHIPDB": str(chip.parent),
                "PRJXRAY_DB_DIR": str(fabric.root.parent),
            },
        }[environment],
    )
    assert found.chipdb.samefile(chip)
    assert found.database.samefile(fabric.root)
    assert Path(found.nextpnr).name == "nextpnr-xilinx"


def test_a_database_named_by_its_family_is_taken(home: Path, fabric: Any) -> None:
    environment = {"PATH": str(home / "bin"), "PRJXRAY_DB_DIR": str(fabric.root)}
    assert find_tools(ZYBO, environment).database.samefile(fabric.root)


@pytest.mark.parametrize("missing", PROGRAMS)
def test_a_missing_program_is_named(tmp_path: Path, missing: str) -> None:
    environment = _install(tmp_path / "part", tuple(name for name in PROGRAMS if name != missing))
    with pytest.raises(BuildError, match=f"no {missing} on PATH; GATEWRIGHT_OPENXC7 names"):
        find_tools(ZYBO, environment)


def test_nothing_installed(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no nextpnr-xilinx on PATH"):
        find_tools(ZYBO, {"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("OPENXC7_CHIPDB", "no chip database xc7z010clg400.bin in"),
        ("PRJXRAY_DB_DIR", "no Project X-Ray database of xc7z010"),
    ],
)
def test_a_setting_that_leads_nowhere_is_not_passed_over(home: Path, tmp_path: Path, setting: str, said: str) -> None:
    with pytest.raises(BuildError, match=said):
        find_tools(ZYBO, {"PATH": str(home / "bin"), setting: str(tmp_path / "nowhere")})


@pytest.mark.parametrize("name", ["tilegrid.json", "tileconn.json"])
def test_a_database_without_the_parts_large_files(home: Path, fabric: Any, name: str) -> None:
    (fabric.root / "xc7z010" / name).unlink()
    with pytest.raises(BuildError, match=rf"database lacks .*xc7z010/{name}, which xc7z010clg400-1 needs"):
        find_tools(ZYBO, {"PATH": str(home / "bin")})


def test_a_part_that_the_database_does_not_hold(home: Path) -> None:
    with pytest.raises(BuildError, match=r"no chip database xc7z020clg400\.bin"):
        find_tools(get_board("pynq-z2"), {"PATH": str(home / "bin")})


def test_a_board_of_another_family(home: Path) -> None:
    with pytest.raises(BuildError, match="Zynq-7000 alone; kv260 has xck26"):
        find_tools(get_board("kv260"), {"PATH": str(home / "bin")})


def test_versions_are_asked_for(home: Path, tmp_path: Path) -> None:
    tools = find_tools(ZYBO, {"PATH": str(home / "bin")})
    versions = name_versions(tools, Steps(tmp_path, tmp_path / "log", 120), {})
    assert versions.of["nextpnr-xilinx"] == "2026-10-01 of 2026-10-01"
    assert versions.of["yosys"].startswith("Yosys ")
    assert versions.objection == ""


def test_the_help_tells_of_every_setting() -> None:
    text = CliRunner().invoke(app, ["build", "--help"], env={"COLUMNS": "200"}).stdout
    assert all(name in text for name in SETTINGS)
