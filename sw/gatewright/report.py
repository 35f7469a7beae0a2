"""What a command of development found, as ``report.json`` in the folder of its results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gatewright.files import check_writable, written_whole

__all__ = ["Report"]


class Report:
    """The file in ``folder``, which is made. That it can be written is known before the work, not after hours: raises
    OSError."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "report.json"
        check_writable(self.path)

    def write(self, found: Any) -> None:
        """In place of what stood there; ``found`` is of JSON's types."""
        with written_whole(self.path) as file:
            file.write((json.dumps(found, indent=1) + "\n").encode())
