"""Which releases of nextpnr-xilinx may build."""

import pytest

from gatewright_hw.build import BuildError
from gatewright_hw.build.openxc7.releases import BUGS, Release, release, version_of


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('"nextpnr-xilinx" -- Next Generation Place and Route (Version 0.9.3)\n', "0.9.3"),
        ('"nextpnr-xilinx" -- Next Generation Place and Route (Version 0.8.2-25-ge22bcf69)', "0.8.2-25-ge22bcf69"),
        ('"nextpnr-xilinx" -- Next Generation Place and Route (Version )\n', ""),
        ("no such option", ""),
    ],
)
def test_version_of(said: str, version: str) -> None:
    assert version_of(said) == version


@pytest.mark.parametrize(
    ("version", "stated", "name"),
    [
        ("2026-09-22", "", "2026-09-22 of 2026-09-22"),
        ("20261101", "", "20261101 of 2026-11-01"),
        ("b9f013d", "2026-10-01", "b9f013d of 2026-10-01"),
        ("0.9.4", "2026-10-01", "0.9.4 of 2026-10-01"),
        ("0.9.3-120-gabcdef0", "2026-10-01", "0.9.3-120-gabcdef0 of 2026-10-01"),
        ("", "20261001", "of 2026-10-01"),
        ("2026-11-01", "2026-10-01", "2026-11-01 of 2026-10-01"),
    ],
)
def test_what_may_build(version: str, stated: str, name: str) -> None:
    assert release(version, stated) == Release(name)


@pytest.mark.parametrize(
    ("version", "stated", "named"),
    [
        ("0.8.2", "", ["RAM32M and RAM64M", "CARRYCASCIN", "FDSE and FDPE", "SRL16E", "BUFHCE"]),
        ("0.8.2-25-ge22bcf69", "2024-10-14", ["CARRYCASCIN", "issue 178", "issue 181", "issue 177"]),
        ("0.7", "", ["RAM256X1S"]),
        ("0.9.3", "2026-12-01", ["FDSE and FDPE", "SRL16E", "BUFHCE"]),  # what it says of itself counts
        ("2026-09-08", "", ["BUFHCE"]),
        ("b9f013d", "2026-06-01", ["FDSE and FDPE"]),
    ],
)
def test_an_old_release_is_refused_by_the_names_of_its_bugs(version: str, stated: str, named: list[str]) -> None:
    objection = release(version, stated).objection
    assert "allowed: 2026-09-22 or later" in objection
    assert all(name in objection for name in named)


def test_only_the_bugs_of_the_release_are_named() -> None:
    objection = release("0.9.3").objection
    for bug in BUGS:
        assert (bug.effect in objection) == (bug.fixed.year == 2026 and bug.fixed.month == 9)


@pytest.mark.parametrize("version", ["", "b9f013d", "0.9.4", "0.9.3-120-gabcdef0", "nextpnr-0.11.1-8-g7c0c1c40"])
def test_a_version_that_says_no_day_needs_one(version: str) -> None:
    found = release(version)
    assert "GATEWRIGHT_OPENXC7_RELEASE=YYYY-MM-DD" in found.objection
    assert found.name == f"{version} of an unknown day".strip()


@pytest.mark.parametrize("stated", ["yesterday", "2026-13-01", "09/22/2026"])
def test_a_day_that_is_none(stated: str) -> None:
    with pytest.raises(BuildError, match="allowed: the day of the sources"):
        release("b9f013d", stated)
