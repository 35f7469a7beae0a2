"""`gatewright selftest`: what it prints, and its exit codes."""

import json

import pytest

from gatewright.selftest import KERNELS, GoldenVector


def test_a_pass(gatewright) -> None:
    done = gatewright("selftest", "--backend", "golden", "--config", "tiny")
    assert done.code == 0, done.err
    assert done.out.count("pass") == len(KERNELS)
    assert "one request: " in done.out
    assert "host " in done.out
    assert "transfer " in done.out


def test_json(gatewright) -> None:
    done = gatewright("selftest", "--backend", "golden", "--board", "zybo-z7-10", "--json", "-")
    result = json.loads(done.out)
    assert (done.code, result["passed"], result["config"]) == (0, True, "zybo-z7-10")
    assert [kernel["kernel"] for kernel in result["kernels"]] == list(KERNELS)
    parts = [result["request"][part] for part in ("host_s", "transfer_s", "accelerator_s")]
    assert sum(parts) == pytest.approx(result["request"]["total_s"])


def test_a_prediction_where_cycles_are_counted(gatewright) -> None:
    done = gatewright("selftest", "--backend", "rtl", "--config", "tiny")
    assert done.code == 0, done.err
    assert "predicted for the accelerator: " in done.out
    assert "cycles at an assumed 100 MHz (roofline " in " ".join(done.out.split())


def test_a_mismatch_is_exit_code_1(gatewright, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GoldenVector, "difference", lambda vector, found: f"{vector.name}: wrong")
    done = gatewright("selftest", "--backend", "golden", "--config", "tiny")
    assert done.code == 1
    assert done.out.count("FAILED") == len(KERNELS)
    assert "gemm products: wrong" in done.out
    assert "one request" not in done.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--host", "127.0.0.1:1"), "no agent answers at 127.0.0.1:1: Connection refused"),
        (("--host", "a b"), "host is 'a b', allowed: HOST or HOST:PORT"),
        (("--backend", "rtl", "--host", "x"), "host 'x' with backend 'rtl', allowed with a host: board"),
        (("--backend", "fpga"), "unknown backend 'fpga', allowed: auto, board, rtl, golden"),
        (("--board", "z3"), "unknown board 'z3'"),
        (("--config", "z3"), "unknown config 'z3'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(gatewright, arguments, sentence) -> None:
    done = gatewright("selftest", *arguments)
    assert done.code == 2
    assert done.err.startswith(f"error: {sentence}")
    assert done.err.count("\n") == 1
