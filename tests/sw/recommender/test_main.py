"""`python -m gatewright.recommender`: a request from a bundle."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from environments import board_python
from gatewright.artefact import Built
from gatewright.bundle.contents import PROGRAMS
from gatewright.bundle.write import write_bundle
from gatewright.recommender.__main__ import main
from gatewright.spec.boards import BOARDS
from gatewright_hw.build import Request, build

QUERY = "space adventure"
MODULES = """
import sys
from gatewright.recommender.__main__ import main

main(sys.argv[1:])
heavy = ("torch", "onnxruntime", "onnx", "typer", "rich", "grpc", "gatewright_hw")
print([name for name in heavy if name in sys.modules])
"""
BOARD_PYTHONS = ("pynq-3.0.1", "pynq-3.1.2")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, small_deployed) -> Path:
    board = BOARDS["pynq-z2"]
    folder = tmp_path_factory.mktemp("bundle")
    design: Built = build("simulation", Request.of(board, board.default_config), folder / "design")
    write_bundle(folder / "bundle", small_deployed.programs, small_deployed.model.save, design)
    return folder / "bundle"


@pytest.fixture(scope="module")
def user(small_deployed) -> str:
    return str(small_deployed.model.catalogue.user_ids[0])


@pytest.fixture
def expected(recommender, user):
    return recommender.recommend(int(user), QUERY, 3)


def test_titles_scores_and_times(bundle: Path, user: str, expected, capsys: pytest.CaptureFixture) -> None:
    assert main([str(bundle), "--user", user, "--query", QUERY, "--top", "3", "--backend", "golden"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"user {user} (20 ratings): {QUERY}"
    for rank, (line, item) in enumerate(zip(lines[1:4], expected.items, strict=True), 1):
        assert line.startswith(f"{rank:3}  {item.score:8.3f}  {item.title}  (")
    assert lines[4].startswith("request ")
    assert "host " in lines[4]
    assert "transfer " in lines[4]


def test_a_query_alone(bundle: Path, recommender, capsys: pytest.CaptureFixture) -> None:
    assert main([str(bundle), "--query", QUERY, "--top", "1", "--backend", "golden"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"whoever asks: {QUERY}"
    assert recommender.recommend(None, QUERY, 1).items[0].title in lines[1]


def test_only_a_query_needs_tokenizers(
    bundle: Path, user: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    command = [str(bundle), "--user", user, "--top", "3", "--backend", "golden"]
    assert main(command) == 0
    assert capsys.readouterr().out.startswith(f"user {user} (20 ratings)\n")
    assert main([*command, "--query", QUERY]) == 2
    assert capsys.readouterr().err == "error: reading text needs the package tokenizers: pip install tokenizers\n"


def test_json_has_every_score(bundle: Path, user: str, expected, capsys: pytest.CaptureFixture) -> None:
    assert main([str(bundle), "--user", user, "--query", QUERY, "--top", "3", "--backend", "golden", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [item["movie_id"] for item in found["items"]] == [item.movie_id for item in expected.items]
    np.testing.assert_array_equal(np.frombuffer(bytes.fromhex(found["scores"]), np.float32), expected.scores)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--user", "999999"), "unknown user 999999"),
        (("--user", "USER", "--top", "0"), "top is 0"),
        (("--user", "USER", "--backend", "fpga"), "unknown backend 'fpga'"),
    ],
)
def test_bad_input(bundle: Path, user: str, arguments, sentence: str, capsys: pytest.CaptureFixture) -> None:
    given = [user if each == "USER" else each for each in arguments]
    backend = [] if "--backend" in given else ["--backend", "golden"]
    assert main([str(bundle), *given, *backend]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {sentence}")
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [(), ("x", "--user", "y"), ("x", "--user", "1", "--fly")])
def test_options_that_are_none(arguments: tuple[str, ...], capsys: pytest.CaptureFixture) -> None:
    assert main(list(arguments)) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.endswith("(python -m gatewright.recommender --help)\n")


@pytest.mark.parametrize("query", [(), ("--query", " ")])
def test_neither_a_user_nor_a_query(query: tuple[str, ...], capsys: pytest.CaptureFixture) -> None:
    assert main(["x", *query]) == 2
    said = "error: neither a user nor a query is given, allowed: one of them, or both\n"
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (PermissionError(13, "Permission denied", "model.npz"), 2, "error: model.npz: Permission denied\n"),
        (MemoryError("Unable to allocate 8 GiB"), 2, "error: out of memory: Unable to allocate 8 GiB\n"),
        (KeyError("x"), 2, "error: unexpected KeyError: 'x' (GATEWRIGHT_TRACEBACK=1 shows where)\n"),
        (BrokenPipeError(32, "Broken pipe"), 0, ""),
        (SystemExit(143), 143, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_every_end_is_one_line(
    error: BaseException, code: int, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fail(arguments: object) -> None:
        raise error

    monkeypatch.setattr("gatewright.recommender.command.answer", fail)
    assert main([]) == code
    assert capsys.readouterr().err == sentence


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_finds_no_room(unbuffered: str) -> None:
    code = (
        "import sys; from gatewright.recommender import __main__, command;"
        "command.answer = lambda arguments: print('titles'); sys.exit(__main__.main([]))"
    )
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, env=environment)
    assert done.returncode == 2
    assert done.stderr.endswith("No space left on device\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["127.0.0.1:1", "pynq://127.0.0.1:1"])
def test_a_host_where_no_board_is(host: str, bundle: Path, user: str, capsys: pytest.CaptureFixture) -> None:
    assert main([str(bundle), "--user", user, "--host", host]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "127.0.0.1:1" in error
    assert error.count("\n") == 1


def test_no_bundle_and_a_damaged_one(bundle: Path, user: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([str(tmp_path), "--user", user]) == 2
    assert "is no bundle" in capsys.readouterr().err
    spoilt = Path(shutil.copytree(bundle, tmp_path / "spoilt"))
    with (spoilt / PROGRAMS[0]).open("r+b") as file:
        file.truncate(1000)
    assert main([str(spoilt), "--user", user]) == 2
    assert f"is damaged: {PROGRAMS[0]} is not as it was made" in capsys.readouterr().err


def test_it_needs_neither_torch_nor_typer(bundle: Path, user: str) -> None:
    command = [sys.executable, "-c", MODULES, bundle, "--user", user, "--backend", "golden"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", BOARD_PYTHONS)
def test_the_script_on_a_board(name: str, board_environment, bundle: Path, user: str, expected, tmp_path: Path) -> None:
    """`run.sh` with the Python and the packages of a board's image, none of which it changes."""
    python = board_python(name)
    folder = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    (tmp_path / "of_the_board").mkdir()
    (tmp_path / "of_the_board" / "sitecustomize.py").write_text("import sys; sys.stderr.write('still here')")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "of_the_board")}  # as XRT's set-up does
    environment["PATH"] = f"{python.parent}:{environment['PATH']}"
    command = [folder / "run.sh", "--user", user, "--query", QUERY, "--top", "3", "--backend", "golden", "--json"]
    for _ in range(2):
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        assert done.stderr.endswith("still here")
        found = json.loads(done.stdout)
        np.testing.assert_array_equal(np.frombuffer(bytes.fromhex(found["scores"]), np.float32), expected.scores)
    assert (folder / "python" / "gatewright").is_dir()
