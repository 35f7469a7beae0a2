"""Programs of a build: what they leave, say, and how they end."""

import os
import sys
import time
from pathlib import Path

import pytest

from gatewright_hw.build import BuildError, Steps


def _steps(folder: Path, timeout_s: float = 30) -> Steps:
    return Steps(folder, folder / "log.txt", timeout_s)


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_is_given_and_logged(tmp_path: Path) -> None:
    steps = _steps(tmp_path)
    assert steps.run("first", _python("print('one'); open('made', 'w').write('x')"), ["made"]) == "one\n"
    steps.run("second", _python("import sys; print('two', file=sys.stderr)"))
    log = (tmp_path / "log.txt").read_text()
    assert log.index("== first") < log.index("one") < log.index("== second") < log.index("two")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('ERROR: no such cell'); print('done'); raise SystemExit(3)", "ended with code 3: ERROR: no such cell"),
        ("raise SystemExit(1)", "ended with code 1: it said nothing"),
        ("import os; os.kill(os.getpid(), 11)", "ended with code -11"),
        ("print('all well')", "wrote no made: all well"),
        ("open('made', 'w')", "wrote no made"),
        ("import os; os.mkdir('made')", "wrote no made"),
    ],
)
def test_a_failure_is_one_line_that_names_the_step(tmp_path: Path, code: str, said: str) -> None:
    with pytest.raises(BuildError, match=r"^place: ") as caught:
        _steps(tmp_path).run("place", _python(code), ["made"])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_an_earlier_run_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "made").write_text("old")
    with pytest.raises(BuildError, match="wrote no made"):
        _steps(tmp_path).run("place", _python("pass"), ["made"])


def test_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"^route: /nowhere/router cannot be run: No such file"):
        _steps(tmp_path).run("route", ["/nowhere/router"])


def test_a_program_that_hangs_ends_with_its_children(tmp_path: Path) -> None:
    code = (
        "import os, time\n"
        "child = os.fork()\n"
        "open('child', 'w').write(str(child or os.getpid()))\n"
        "print('placing', flush=True)\n"
        "time.sleep(600)"
    )
    began = time.monotonic()
    with pytest.raises(BuildError, match="took more than 1 s"):
        _steps(tmp_path, timeout_s=1).run("place", _python(code))
    assert time.monotonic() - began < 60
    assert "placing" in (tmp_path / "log.txt").read_text()
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]:
            return
        time.sleep(0.05)
    os.kill(child, 9)
    pytest.fail("the child lives on")
