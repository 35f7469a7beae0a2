"""Bad input ends as one line that names what is wrong, and exit code 2."""

from pathlib import Path

import pytest

MOVIES = "movieId,title,genres\n1,Toy Story (1995),Animation\n"
RATINGS = "userId,movieId,rating,timestamp\n"

CASES = {
    "unknown user": (["recommend", "--user", "999999"], "unknown user 999999"),
    "neither user nor query": (["recommend", "--query", " "], "neither a user nor a query is given, allowed: one"),
    "top of zero": (["recommend", "--user", "15", "--top", "0"], "--top"),
    "missing folder": (["recommend", "--user", "1", "--data", "/no/such/folder"], "/no/such/folder"),
    "unknown config": (
        ["simulate", "gemm", "--config", "huge"],
        "unknown config 'huge', allowed: pynq-z2, tiny, zybo-z7-10",
    ),
    "k too long": (["simulate", "gemm", "--config", "tiny", "--k", "513"], "513"),
    "head too wide": (["simulate", "attention", "--config", "tiny", "--seq", "9", "--head-dim", "40"], "40"),
    "head of no words": (["simulate", "attention", "--config", "tiny", "--seq", "9", "--head-dim", "12"], "12"),
    "too many keys": (["simulate", "attention", "--config", "tiny", "--seq", "65"], "65"),
    "too many features": (["simulate", "aggregate", "--config", "tiny", "--features", "129"], "129"),
    "row too wide": (["simulate", "vector", "add", "--config", "tiny", "--rows", "1", "--cols", "4097"], "4097"),
    "unknown function": (["simulate", "vector", "fft"], "fft"),
    "padding of a sum": (["simulate", "vector", "add", "--padding", "1"], "--padding is 1, allowed 0"),
    "no row left": (["simulate", "vector", "mean-pool", "--rows", "4", "--padding", "4"], "allowed 0..3"),
    "pool of no words": (["simulate", "vector", "mean-pool", "--cols", "12"], "--cols is 12, allowed: multiples of 8"),
    "m of zero": (["simulate", "gemm", "--m", "0"], "--m"),
    "waves into a missing folder": (["simulate", "gemm", "--config", "tiny", "--waves", "/no/such/w.fst"], "w.fst"),
    "no key left": (["simulate", "attention", "--config", "tiny", "--seq", "4", "--padding", "4"], "allowed 0..3"),
    "junit into a missing folder": (["verify", "gemm", "--junit", "/no/such/junit.xml"], "junit.xml"),
    "waves of all benches": (["verify", "--waves", "w.fst"], "name it, allowed: registers, sequencer, bus"),
    "generate: board": (["generate", "--board", "arty", "--out", "x"], "unknown board 'arty', allowed: kv260"),
    "build: board": (
        ["build", "--board", "arty", "--tool", "simulation", "--out", "x"],
        "unknown board 'arty', allowed",
    ),
    "build: tool": (["build", "--board", "kv260", "--tool", "ise", "--out", "x"], "simulation"),
    "build: no out": (["build", "--board", "kv260", "--tool", "simulation"], "--out is missing, the folder to write"),
    "build: both halves": (
        ["build", "--board", "kv260", "--tool", "vivado", "--work", "x", "--prepare", "--collect"],
        "--prepare and --collect are two steps, allowed: one of them",
    ),
    "build: no work": (["build", "--board", "kv260", "--tool", "vivado", "--prepare"], "--prepare needs --work"),
    "build: prepared out": (
        ["build", "--board", "kv260", "--tool", "vivado", "--prepare", "--work", "x", "--out", "y"],
        "--prepare writes to --work, allowed: no --out",
    ),
    "build: not prepared": (
        ["build", "--board", "kv260", "--tool", "vivado", "--collect", "--work", "/no/such", "--out", "y"],
        "/no/such/request.json: No such file or directory; --prepare writes it",
    ),
    "build: clock": (
        ["build", "--board", "pynq-z2", "--tool", "simulation", "--freq", "0.1", "--out", "x"],
        "board 'pynq-z2': clock of 0.1 MHz, allowed: 0.251953 to 250, what its dividers make and its AXI ports take",
    ),
    "build: fast clock": (
        ["build", "--board", "kv260", "--tool", "simulation", "--freq", "1000", "--out", "x"],
        "board 'kv260': clock of 1000 MHz, allowed: 0.377929 to 333, what its dividers make and its AXI ports take",
    ),
    "build: out": (["build", "--board", "kv260", "--tool", "simulation", "--out", "/dev/null/x"], "Not a directory"),
    "out below a file": (["generate", "--config", "tiny", "--out", "/dev/null/x"], "/dev/null/x"),
    "bench: part": (
        ["bench", "accelerator", "--only", "cache"],
        "unknown part 'cache', allowed: gemm, attention",
    ),
    "bench: clock": (["bench", "accelerator", "--mhz", "0"], "clock_mhz is 0.0, allowed 1..1000"),
    "bench: DRAM": (["bench", "accelerator", "--dram", "83"], "dram_share is 83.0, allowed 0.1..1"),
    "unknown bench": (["verify", "nothing"], "unknown bench 'nothing'"),
    "unknown command": (["fly"], "fly"),
}


@pytest.mark.parametrize("case", CASES)
def test_is_refused(case, gatewright) -> None:
    arguments, message = CASES[case]
    done = gatewright(*arguments)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "host:99999"], "host is 'host:99999': its port is '99999', allowed 1..65535"),
        (["--host", "a..b"], "host is 'a..b', allowed: HOST or HOST:PORT"),
        (["--host", "pynq://"], "host is 'pynq://', allowed: pynq://HOST[:PORT]"),
        (["--host", "x", "--backend", "rtl"], "host 'x' with backend 'rtl', allowed with a host: board"),
        (["--host", "x", "--bitstream", "y"], "bitstream y with the agent at 'x', which has its own"),
        (["--host", "x:y", "--bitstream", "y"], "host is 'x:y': its port is 'y'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("command", [["recommend", "--user", "15"], ["selftest"]], ids=lambda command: command[0])
def test_a_host_is_refused_before_any_work(command: list[str], options: list[str], message: str, gatewright) -> None:
    """As soon as it is read: training and compiling take minutes."""
    done = gatewright(*command, *options)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert message in done.err


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        ("userId,movieId,rating\n1,1,4\n", "timestamp"),
        (RATINGS + "1,1,many,0\n", "line 2"),
        (RATINGS + "1,1,4.0\n", "line 2"),
        (RATINGS, "no "),
        (RATINGS + "1,77,4.0,0\n", "77"),
    ],
    ids=["missing column", "not a number", "short row", "empty", "unknown movie"],
)
def test_malformed_csv_is_refused(ratings: str, message: str, tmp_path: Path, gatewright) -> None:
    (tmp_path / "ratings.csv").write_text(ratings)
    (tmp_path / "movies.csv").write_text(MOVIES)
    done = gatewright("recommend", "--user", 1, "--data", tmp_path)
    assert done.code == 2
    assert message in done.err


def test_unknown_backend_is_refused(small_movielens: Path, gatewright) -> None:
    done = gatewright("recommend", "--user", 15, "--data", small_movielens, "--backend", "cloud")
    assert done.code == 2
    assert "unknown backend 'cloud', allowed: auto, board, rtl, golden" in done.err


def test_no_board_here_is_said(small_movielens: Path, gatewright) -> None:
    done = gatewright("recommend", "--user", 15, "--data", small_movielens, "--backend", "board")
    assert done.code == 2
    assert "board" in done.err


def test_unwritable_json_is_refused(gatewright, tmp_path: Path) -> None:
    done = gatewright("simulate", "gemm", "--config", "tiny", "--m", 1, "--json", tmp_path / "none" / "x.json")
    assert done.code == 2
    assert "x.json" in done.err
