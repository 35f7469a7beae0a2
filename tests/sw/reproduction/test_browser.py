"""The page in a browser: its pictures are drawn, and nothing is complained of."""

import shutil
import subprocess
from pathlib import Path

import pytest

from gatewright.reproduction.page import page
from gatewright.reproduction.reproduction import reproduce

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")


def _opened(file: Path, profile: Path) -> tuple[str, list[str]]:
    """The document once its scripts have run, and what the console was told."""
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
        "--virtual-time-budget=10000", f"--user-data-dir={profile}", file.as_uri(),
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return ended.stdout, [line for line in ended.stderr.splitlines() if "CONSOLE" in line]


def test_every_picture_is_drawn_without_a_complaint(data, scope, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(page(reproduce(data, scope)))
    document, told = _opened(file, tmp_path / "profile")
    assert told == []
    assert document.count('class="main-svg"') >= document.count('class="plotly-graph-div') > 4


def test_a_complaint_would_be_seen(tmp_path):
    file = tmp_path / "wrong.html"
    file.write_text("<script>nothing.there()</script>")
    _, told = _opened(file, tmp_path / "profile")
    assert told
