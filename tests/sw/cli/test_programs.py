"""`gatewright compile`, `run` and `inspect`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import gatewright as package
from gatewright.cli.console import output
from gatewright.program import CompiledProgram, load_program, save_program
from gatewright.program.compiled import FORMAT_VERSION
from gatewright.spec.config import get_config
from gatewright.spec.errors import GatewrightError

# ---- run


@pytest.mark.parametrize("backend", ["golden", "rtl"])
def test_run(
    backend: str, saved: Any, x: np.ndarray, inputs: Path, programs: Any, tmp_path: Path, gatewright: Any
) -> None:
    outputs, result = tmp_path / "y.npz", tmp_path / "result.json"
    done = gatewright(
        "run", saved(), "--inputs", inputs, "--outputs", outputs, "--backend", backend, "--json", result
    )  # fmt: skip
    assert done.code == 0, done.err
    y = np.load(outputs)["y"]
    stored = np.clip(np.rint(x / np.float32(programs.X_SCALE)), -128, 127).astype(np.int32)
    assert np.array_equal(y, (stored @ programs.WEIGHT.T.astype(np.int32)) * np.float32(programs.Y_SCALE))
    told = json.loads(result.read_text())
    assert told["backend"] == backend
    assert told["config_hash"] == get_config("tiny").hash_text
    assert told["doorbells"] == 1
    assert told["outputs"] == {"y": {"dtype": "float32", "shape": [4, 9]}}
    least = sum(max(each["min_cycles_compute"], each["min_cycles_memory"]) for each in told["engines"])
    assert told["roofline_cycles"] == least > 0  # of one command
    if backend == "rtl":
        assert told["cycles"] > least
        assert told["milliseconds_at_assumed_clock"] == told["cycles"] / told["assumed_clock_mhz"] / 1e3
        assert f"1 doorbell: {told['cycles']:,} cycles, " in done.out
    else:
        assert told["cycles"] is told["milliseconds_at_assumed_clock"] is None
        assert {each["cycles"] for each in told["engines"]} == {None}
        assert f"1 doorbell: at least {least:,} cycles, " in done.out
    said = " ".join(done.out.split())
    assert ("roofline, not measured" in said) == (backend == "golden")
    assert "at an assumed 100 MHz" in said
    assert "gemm" in done.out


def test_run_tells_of_host_steps(saved: Any, inputs: Path, tmp_path: Path, gatewright: Any) -> None:
    arguments = ("--inputs", inputs, "--outputs", tmp_path / "y.npz", "--backend", "golden", "--json", "-")
    done = gatewright("run", saved("with_host_step"), *arguments)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["doorbells"] == 2
    assert told["host_steps"][0]["nodes"] == "relu"
    assert told["host_steps"][0]["seconds"] > 0
    assert re.search(r"host step relu: [\d.]+ ms of this machine's time", done.err)


def test_run_tells_of_inputs_that_saturate(saved: Any, x: np.ndarray, tmp_path: Path, gatewright: Any) -> None:
    x[0, :5] = 1000
    np.savez(tmp_path / "x.npz", x=x)
    result = tmp_path / "result.json"
    done = gatewright(
        *("run", saved(), "--inputs", tmp_path / "x.npz", "--outputs", tmp_path / "y.npz"),
        *("--backend", "golden", "--json", result),
    )
    assert done.code == 0, done.err
    (told,) = json.loads(result.read_text())["saturated"]
    beyond = int(((x < -64) | (x > 63.5)).sum())
    assert told == {"name": "x", "count": beyond, "elements": 96, "low": -64.0, "high": 63.5}
    assert f"{beyond} of 96 elements of 'x' are outside -64..63.5" in " ".join(done.out.split())


def _bytes(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "corrupted": (lambda data: data[:-9] + bytes([data[-9] ^ 4]) + data[-8:], "its checksum does not match"),
    "truncated": (lambda data: data[: len(data) // 2], "truncated"),
    "foreign": (lambda data: b"PK" + data, "not a program file"),
    "future": (
        lambda data: data[:8] + b"\x09" + data[9:],
        f"format version 9, this release reads version {FORMAT_VERSION}",
    ),
}


@pytest.mark.parametrize("command", ["run", "inspect"])
@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_programs(case: str, command: str, saved: Any, inputs: Path, tmp_path: Path, gatewright: Any) -> None:
    change, message = DAMAGE[case]
    path = saved()
    _bytes(path, change)
    done = gatewright(
        command, path, *(("--inputs", inputs, "--outputs", tmp_path / "y.npz") if command == "run" else ())
    )
    _one_line(done, message)
    assert not (tmp_path / "y.npz").exists()


def _one_line(done: Any, message: str) -> None:
    assert done.code == 2
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in done.err


RUN_ERRORS: dict[str, tuple[list[str], str]] = {
    "no program": (["none.gwp", "--inputs", "x.npz"], "program file none.gwp does not exist"),
    "no inputs": (["linear.gwp", "--inputs", "none.npz"], "--inputs none.npz: No such file"),
    "no archive": (["linear.gwp", "--inputs", "linear.gwp"], "--inputs linear.gwp: not an .npz file of numbers"),
    "one array": (
        ["linear.gwp", "--inputs", "one.npy"],
        "--inputs one.npy: not an .npz file of numbers (it holds one",
    ),
    "objects": (["linear.gwp", "--inputs", "objects.npz"], "--inputs objects.npz: not an .npz file of numbers"),
    "other names": (["linear.gwp", "--inputs", "names.npz"], "input 'x' is missing, allowed: x"),
    "not finite": (["linear.gwp", "--inputs", "nan.npz"], "input 'x' holds nan"),
    "other config": (["linear.gwp", "--inputs", "x.npz", "--config", "pynq-z2"], "is compiled for config 'tiny'"),
    "other backend": (["linear.gwp", "--inputs", "x.npz", "--backend", "cloud"], "unknown backend 'cloud'"),
    "outputs": (["linear.gwp", "--inputs", "x.npz", "--outputs", "none/y.npz"], "--outputs none/y.npz: No such file"),
}


@pytest.mark.parametrize("case", RUN_ERRORS)
def test_run_refuses(
    case: str, saved: Any, x: np.ndarray, inputs: Path, tmp_path: Path, gatewright: Any, monkeypatch: Any
) -> None:
    arguments, message = RUN_ERRORS[case]
    saved()
    np.save(tmp_path / "one.npy", x)
    np.savez(tmp_path / "objects.npz", x=np.array([None]))
    np.savez(tmp_path / "names.npz", y=x)
    np.savez(tmp_path / "nan.npz", x=np.full((4, 24), np.nan))
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    defaults = [] if "--outputs" in arguments else ["--outputs", "y.npz"]
    defaults += [] if "--backend" in arguments else ["--backend", "golden"]
    _one_line(gatewright("run", *arguments, *defaults), message)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["file", "self", "a/b.1"])
def test_output_names_are_the_models(name: str, programs: Any, inputs: Path, tmp_path: Path, gatewright: Any) -> None:
    """Also where they are no names for Python."""
    program = programs.linear()
    variant = program.variants[0]
    step = variant.steps[0]
    outputs = (replace(variant.outputs[0], name=name),)
    placed = (replace(step.outputs[0], name=name),)
    changed = replace(variant, outputs=outputs, steps=(replace(step, outputs=placed),))
    save_program(replace(program, variants=(changed,)), tmp_path / "a.gwp")
    out = tmp_path / "y.npz"
    done = gatewright("run", tmp_path / "a.gwp", "--inputs", inputs, "--outputs", out, "--backend", "golden")
    assert done.code == 0, done.err
    assert np.load(out).files == [name]


# ---- inspect


@pytest.mark.parametrize("name", ["linear", "with_host_step", "attention", "aggregate"])
def test_inspect(name: str, saved: Any, tmp_path: Path, gatewright: Any) -> None:
    path, html, result = saved(name), tmp_path / "page.html", tmp_path / "result.json"
    done = gatewright("inspect", path, "--html", html, "--json", result)
    assert done.code == 0, done.err
    program: CompiledProgram = load_program(path)
    told = json.loads(result.read_text())
    assert [value["name"] for value in told["inputs"]] == [value.name for value in program.variants[0].inputs]
    assert len(told["variants"]) == len(program.variants)
    for variant in told["variants"]:
        for command in variant["commands"]:
            least = max(command["min_cycles_compute"], command["min_cycles_memory"])
            assert least > 0
            assert command["bound"] == ("compute" if command["min_cycles_compute"] == least else "memory")
            assert command["node"] in done.out
        assert variant["min_cycles"] == sum(layer["min_cycles"] for layer in variant["layers"])
        assert all(layer["error"] == 0.25 for layer in variant["layers"])
        assert f"{variant['min_cycles']:,} cycles at least" in done.out
    assert "25.00%" in done.out
    page = html.read_text()
    assert page.count("Least cycles of each command") == page.count("Device memory") == len(program.variants)
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", page)  # nothing from elsewhere
    assert page.count("plotly.js v") == 1


def test_inspect_shows_what_runs_on_the_host(saved: Any, gatewright: Any) -> None:
    done = gatewright("inspect", saved("with_host_step"))
    assert done.code == 0, done.err
    assert "relu" in done.out
    assert "a test keeps it on the host" in done.out
    moved = 4 * 40 + 4 * 16  # h: 4 rows of 9 int32, padded to 40; r: 4 rows of 9 int8, padded to 16
    assert f" {moved - 4 - 7} " in done.out  # the last rows without their pads


def test_inspect_one_variant(saved: Any, gatewright: Any) -> None:
    path = saved("attention")
    done = gatewright("inspect", path, "--variant", 1)
    assert done.code == 0, done.err
    assert "tokens = 16" in done.out
    assert "tokens = 8" not in done.out
    _one_line(gatewright("inspect", path, "--variant", 2), "--variant is 2, allowed 0..1")


def test_inspect_of_a_program_for_an_unknown_config(programs: Any, tmp_path: Path, gatewright: Any) -> None:
    save_program(replace(programs.linear(), config="own", config_hash=1), tmp_path / "own.gwp")
    _one_line(gatewright("inspect", tmp_path / "own.gwp"), "is compiled for config 'own' (hash 0000000000000001)")


def test_pictures_without_plotly(saved: Any, tmp_path: Path, gatewright: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("plotly", "gatewright.pictures"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "plotly", None)
    _one_line(gatewright("inspect", saved(), "--html", tmp_path / "page.html"), "needs plotly: pip install")
    assert not (tmp_path / "page.html").exists()


def test_names_cannot_break_the_page(
    programs: Any, tmp_path: Path, gatewright: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output(), "_width", 200)  # whatever the console took COLUMNS for when it was made
    program = programs.linear()
    variant = program.variants[0]
    step = variant.steps[0]
    layers = (replace(step.layers[0], node="</script><blink>[red]x"),)
    program = replace(program, name="<i>$body", variants=(replace(variant, steps=(replace(step, layers=layers),)),))
    save_program(program, tmp_path / "a.gwp")
    done = gatewright("inspect", tmp_path / "a.gwp", "--html", tmp_path / "a.html")
    assert done.code == 0, done.err
    assert "</script><blink>[red]x" in done.out
    page = (tmp_path / "a.html").read_text()
    assert "<blink>" not in page
    assert "<title>&lt;i&gt;$body</title>" in page


# ---- compile


def test_compile_and_run(model: Path, tmp_path: Path, gatewright: Any) -> None:
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    np.savez(tmp_path / "x.npz", x=x)
    program = tmp_path / "m.gwp"
    done = gatewright(
        "compile", model, "-o", program, "--calibration", tmp_path / "x.npz", "--config", "tiny", "--bucket", "n=4,8"
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "n = 4" in done.out
    assert [variant.dims for variant in load_program(program).variants] == [{"n": 4}, {"n": 8}]
    arguments = ("--inputs", tmp_path / "x.npz", "--outputs", tmp_path / "y.npz", "--backend", "golden")
    done = gatewright("run", program, *arguments)
    assert done.code == 0, done.err
    expected = np.maximum(x @ np.arange(12, dtype=np.float32).reshape(4, 3) / 12, 0)
    assert np.abs(np.load(tmp_path / "y.npz")["y"] - expected).max() < 0.03
    assert gatewright("inspect", program).code == 0


def test_compile_from_python(model: Path) -> None:
    program = package.compile(model, config="tiny", buckets={"n": [4]})
    with package.Accelerator("tiny", "golden") as accelerator, accelerator.load(program) as loaded:
        assert loaded(x=np.ones((2, 4)))["y"].shape == (2, 3)
    with pytest.raises(AttributeError, match="no attribute 'decompile'"):
        _ = package.decompile


def test_compile_without_onnx(model: Path, gatewright: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "onnx" or name.startswith("gatewright.comp")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    _one_line(gatewright("compile", model, "-o", model.with_name("m.gwp")), "needs onnx: pip install")


COMPILE_ERRORS: dict[str, tuple[list[str], str]] = {
    "no model": (["none.onnx"], "none.onnx"),
    "no onnx": (["x.npz"], "x.npz"),
    "bucket": (["m.onnx", "--bucket", "n"], "--bucket is 'n', allowed: NAME=SIZE"),
    "bucket of 0": (["m.onnx", "--bucket", "n=0"], "--bucket is 'n=0', allowed: NAME=SIZE"),
    "bucket twice": (["m.onnx", "--bucket", "n=1", "--bucket", "n=2"], "--bucket n is given twice"),
    "capacities": (["m.onnx", "--capacity", "n=1,2"], "--capacity n has 2 sizes, allowed: one"),
    "config": (["m.onnx", "--config", "huge"], "unknown config 'huge'"),
    "calibration": (["m.onnx", "--calibration", "m.onnx"], "--calibration m.onnx: not an .npz file"),
    "output": (["m.onnx", "-o", "none/m.gwp"], "--output none/m.gwp: No such file"),
}


@pytest.mark.parametrize("case", COMPILE_ERRORS)
def test_compile_refuses(
    case: str, model: Path, inputs: Path, tmp_path: Path, gatewright: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, message = COMPILE_ERRORS[case]
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    _one_line(gatewright("compile", *arguments, *([] if "-o" in arguments else ["-o", "m.gwp"])), message)
    assert sorted(tmp_path.iterdir()) == before


def _spoiled(name: str, proto: Any) -> None:
    if name == "NaN":
        proto.graph.initializer[0].raw_data = np.full((4, 3), np.nan, np.float32).tobytes()
    elif name == "operator":
        proto.graph.node[1].op_type = "NoSuchOperator"
    elif name == "shape":
        proto.graph.initializer[0].dims[:] = [3, 4]
    else:
        proto.graph.initializer[0].data_location = 1  # external
        proto.graph.initializer[0].ClearField("raw_data")
        proto.graph.initializer[0].external_data.add(key="location", value="weights.bin")


MODEL_ERRORS = {
    "NaN": "initializer w, read by node mm, holds NaN, allowed are finite ones",
    "operator": "node r is no valid ONNX model: No Op registered for NoSuchOperator",
    "shape": "node mm",
    "external": "the external data of tensor w is missing, expected in ",
}


@pytest.mark.parametrize("case", MODEL_ERRORS)
def test_compile_names_what_is_wrong_with_a_model(case: str, model: Path, tmp_path: Path, gatewright: Any) -> None:
    import onnx

    proto = onnx.load(model)
    _spoiled(case, proto)
    model.write_bytes(proto.SerializeToString())
    _one_line(gatewright("compile", model, "-o", tmp_path / "m.gwp", "--bucket", "n=4"), MODEL_ERRORS[case])
    assert not (tmp_path / "m.gwp").exists()


def test_compile_names_what_needs_the_memory(model: Path) -> None:
    with pytest.raises(GatewrightError, match=r"allowed at most 256; the largest piece is '.*' of node (mm|r) "):
        package.compile(model, buckets={"n": [4]}, memory_bytes=256)


def test_compile_measures_errors_and_tells_of_synthetic_inputs(model: Path, tmp_path: Path, gatewright: Any) -> None:
    done = gatewright("compile", model, "-o", tmp_path / "m.gwp", "--bucket", "n=4")
    assert done.code == 0, done.err
    assert "ranges come from synthetic inputs" in done.out
    (step,) = load_program(tmp_path / "m.gwp").variants[0].steps
    assert all(0 <= layer.error < 0.05 for layer in step.layers)


def write_stack(path: Path) -> Path:
    """A model whose layers in int8 add up to more than 5 % of error, and an input."""
    rng = np.random.default_rng(0)
    nodes, weights = [], []
    for layer in range(40):
        weights.append(onnx.numpy_helper.from_array((rng.normal(size=(32, 32)) / 4.5).astype(np.float32), f"w{layer}"))
        nodes.append(onnx.helper.make_node("MatMul", [f"x{layer}", f"w{layer}"], [f"y{layer}"], name=f"product{layer}"))
        nodes.append(onnx.helper.make_node("Tanh", [f"y{layer}"], [f"x{layer + 1}"], name=f"tanh{layer}"))
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [64, 32]) for name in ("x0", "x40")]
    graph = onnx.helper.make_graph(nodes, "stack", ends[:1], ends[1:], weights)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10), path)
    np.savez(path.with_suffix(".npz"), x0=rng.normal(size=(64, 32)).astype(np.float32))
    return path


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 3), (["--strict", "--max-error", "0.9"], 0)])
def test_inexact_results_are_warned_of(tmp_path: Path, gatewright: Any, options: list[str], code: int) -> None:
    path = write_stack(tmp_path / "stack.onnx")
    out = tmp_path / "m.gwp"
    done = gatewright(
        "compile", path, "-o", out, "--calibration", path.with_suffix(".npz"), "--json", tmp_path / "m.json", *options
    )
    assert done.code == code, done.err
    warned = "--max-error" not in options
    said = json.loads((tmp_path / "m.json").read_text())["warnings"]
    assert ["output x40 by" in text for text in said] == [True] * warned
    assert ("warning: stack is off by more than 5.0% (rms)" in " ".join(done.err.split())) == warned
    shown = gatewright("inspect", out, "--json", tmp_path / "inspect.json")
    assert shown.code == 0, shown.err
    (output,) = json.loads((tmp_path / "inspect.json").read_text())["outputs"]
    assert output["error"] > 0.05
