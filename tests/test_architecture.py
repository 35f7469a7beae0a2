"""ARCHITECTURE.md says what every folder is for, and speaks of no folder that is not there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_folder_has_a_purpose() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = re.search(r"^## Rooms\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert rooms is not None
    listed = re.findall(r"^\| `([^`]+)` \| \S", rooms[1], re.MULTILINE)
    packages = {
        file.parent.relative_to(ROOT).as_posix() for top in ("hw", "sim", "sw") for file in (ROOT / top).rglob("*.py")
    }
    assert len(listed) == len(set(listed))
    assert set(listed) == packages | {"bitstreams", "tests"}
