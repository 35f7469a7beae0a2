"""Loaded programs: results, sizes, errors, and what a call costs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatewright.driver import Accelerator, AcceleratorError, ConfigMismatch, DriverError, OutOfDeviceMemory
from gatewright.driver.programs.loaded_step import LoadedStep
from gatewright.program import DamagedProgram, InputError, ProgramError, UnsupportedProgram, save_program
from gatewright.program.compiled import Value, Variant
from gatewright.program.convert import outputs_digest
from gatewright.spec.config import get_config
from gatewright.spec.fixed import Requantise
from gatewright.spec.registers import register
from gatewright_sim.golden.backend import GoldenBackend

TINY = get_config("tiny")
X = np.random.default_rng(11).integers(-100, 100, (4, 24)).astype(np.int8)
SEQUENCE = np.random.default_rng(12).integers(-128, 128, (16, 16)).astype(np.int8)
BACKENDS = ("golden", "board", "rtl")


@pytest.fixture
def golden(open_accelerator: Callable[..., Accelerator]) -> Accelerator:
    return open_accelerator("golden")


def _linear(programs: Any, x: np.ndarray) -> np.ndarray:
    return (x.astype(np.int32) @ programs.WEIGHT.T.astype(np.int32)) * np.float32(programs.Y_SCALE)


@pytest.mark.parametrize("shape", [(4, 9, 1), (36,), (4, 10)])
def test_an_output_that_its_step_does_not_make(golden: Accelerator, programs: Any, shape: tuple[int, ...]) -> None:
    program = programs.linear()
    (variant,) = program.variants
    wrong = replace(variant, outputs=(replace(variant.outputs[0], shape=shape),))
    with golden.load(replace(program, variants=(wrong,))) as loaded, pytest.raises(DamagedProgram, match="output y is"):
        loaded(x=X)


def _attend(accelerator: Accelerator, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    score, out = Requantise(40000, 20), Requantise(32768, 15)
    return accelerator.attention(x, x, x, 1, score, out, key_mask=mask.astype(bool))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_results_on_every_backend(
    backend: str, programs: Any, open_accelerator: Callable[..., Accelerator]
) -> None:
    accelerator = open_accelerator(backend)
    with accelerator.load(programs.linear()) as linear:
        y = linear(x=X * np.float32(programs.X_SCALE))["y"]
    assert y.dtype == np.float32
    assert np.array_equal(y, _linear(programs, X))
    with accelerator.load(programs.attention()) as attention:
        mask = np.arange(5) < 4
        found = attention(x=SEQUENCE[None, :5] * np.float32(programs.X_SCALE), m=mask[None].astype(np.int64))["y"]
    assert attention.report.variant.dims == {"tokens": 8}
    assert np.array_equal(found[0], _attend(accelerator, SEQUENCE[:5], mask))
    with accelerator.load(programs.aggregate()) as aggregate:
        for edges in (3, 32, 0, 7):  # fewer and more than before: the command's size follows
            graph = _graph(edges)
            assert np.array_equal(aggregate(**graph)["y"], _sum(accelerator, graph)), edges
    with accelerator.load(programs.with_host_step()) as hosted:
        hidden = np.maximum(_linear(programs, X), 0)
        second = np.clip(np.rint(hidden / np.float32(64)), -128, 127).astype(np.int32)
        expected = second @ programs.WEIGHT[:, :9].T.astype(np.int32)
        assert np.array_equal(hosted(x=X * np.float32(programs.X_SCALE))["y"], expected.astype(np.float32))
        assert len(hosted.report.host_seconds) == 1
        assert hosted.report.host_seconds[0] > 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_call_reports_the_inputs_that_saturated(
    backend: str, programs: Any, open_accelerator: Callable[..., Accelerator]
) -> None:
    graph = _graph(7)
    with open_accelerator(backend).load(programs.aggregate()) as loaded:
        loaded(**graph | {"w": np.array([1e6, 1, -40_000, 0, 2, 3, 32_767])})
        (found,) = loaded.report.saturated
        assert (found.name, found.count, found.elements) == ("w", 2, 7)
        assert (found.low, found.high) == (-32768, 32767)
        assert str(found).startswith("2 of 7 elements of 'w' are outside -3.277e+04..3.277e+04, ")
        loaded(**graph)
        assert loaded.report.saturated == ()


def test_a_call_reports_the_results_of_host_steps_that_saturated(programs: Any, golden: Accelerator) -> None:
    with golden.load(programs.with_host_step("Exp")) as hosted:
        hosted(x=np.zeros((4, 24)))
        assert hosted.report.saturated == ()
        hosted(x=np.sign(programs.WEIGHT[:4]) * 50)
        assert [found.name for found in hosted.report.saturated] == ["r"]


def test_a_vector_command(programs: Any, golden: Accelerator, rng: np.random.Generator) -> None:
    a, b = rng.integers(-128, 128, (2, 2, 8))
    with golden.load(programs.vector()) as loaded:
        y = loaded(a=a, b=b)["y"]
    table = np.clip(4 * np.arange(-32768, 32769, 128), 0, 8000)  # linear between its entries
    assert np.array_equal(y, np.interp(a + b, np.arange(-32768, 32769, 128), table))


def _graph(edges: int, rows: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(edges)
    ends = np.sort(rng.integers(0, edges + 1, rows - 1))
    return {
        "x": rng.integers(-30, 30, (7, 8)).astype(np.float32),
        "row_ptr": np.array([0, *ends, edges]),
        "col": rng.integers(-7, 7, edges),  # negative ones count from the end
        "w": rng.integers(-2, 3, edges).astype(np.float32),
    }


def _sum(accelerator: Accelerator, graph: dict[str, np.ndarray]) -> np.ndarray:
    dense = np.zeros((len(graph["row_ptr"]) - 1, 7))
    for row, (start, stop) in enumerate(zip(graph["row_ptr"], graph["row_ptr"][1:], strict=False)):
        np.add.at(dense[row], graph["col"][start:stop], graph["w"][start:stop])
    return np.clip(dense @ graph["x"], -128, 127)


def test_backends_agree_by_digest(programs: Any, open_accelerator: Callable[..., Accelerator]) -> None:
    x = X * np.float32(programs.X_SCALE)
    digests = set()
    for backend in BACKENDS:
        with open_accelerator(backend).load(programs.linear()) as loaded:
            digests.add(outputs_digest(loaded(x=x)))
    assert len(digests) == 1
    assert outputs_digest({"y": x}) not in digests
    assert outputs_digest({"y": x}) != outputs_digest({"z": x})
    assert outputs_digest({"y": x}) != outputs_digest({"y": x.reshape(-1)})


@pytest.mark.parametrize(("tokens", "bucket"), [(1, 8), (7, 8), (8, 8), (9, 16), (16, 16)])
def test_the_smallest_bucket_that_holds_the_inputs_runs(
    tokens: int, bucket: int, programs: Any, golden: Accelerator
) -> None:
    mask = np.ones(tokens, bool)
    with golden.load(programs.attention()) as loaded:
        for _ in range(2):
            loaded(
                x=np.ones((1, 16, 16)) * 7, m=np.ones((1, 16), bool)
            )  # what a call leaves does not reach the next one
            y = loaded(x=SEQUENCE[None, :tokens] * 0.5, m=mask[None])["y"]
            assert loaded.report.variant.dims == {"tokens": bucket}
            assert y.shape == (1, tokens, 16)
            assert np.array_equal(y[0], _attend(golden, SEQUENCE[:tokens], mask))


def test_sizes_that_no_bucket_holds(programs: Any, golden: Accelerator) -> None:
    with golden.load(programs.attention()) as loaded:
        with pytest.raises(InputError, match=r"no bucket holds tokens = 17, allowed: tokens 1\.\.8; tokens 1\.\.16"):
            loaded(x=np.zeros((1, 17, 16)), m=np.ones((1, 17), int))
        with pytest.raises(InputError, match=r"no bucket holds tokens = 0"):
            loaded(x=np.zeros((1, 0, 16)), m=np.ones((1, 0), int))
        with pytest.raises(InputError, match=r"input 'm' has shape \(1, 4\), allowed: \[1, tokens\], and tokens is 5"):
            loaded(x=np.zeros((1, 5, 16)), m=np.ones((1, 4), int))


def test_dynamic_sizes_above_the_capacity(programs: Any, golden: Accelerator) -> None:
    with golden.load(programs.aggregate()) as loaded:
        with pytest.raises(InputError, match=r"dimension 'edges' is 33, allowed 0\.\.32"):
            loaded(**_graph(33))
        loaded(**_graph(32))


BAD_INPUTS: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({}, "input 'x' is missing, allowed: x"),
    "unknown": ({"x": X, "z": X}, "input 'z' is unknown, allowed: x"),
    "shape": ({"x": X[:3]}, r"input 'x' has shape \(3, 24\), allowed: \[4, 24\]"),
    "dimensions": ({"x": X[0]}, r"input 'x' has shape \(24,\), allowed: 2 dimensions"),
    "text": ({"x": [["a"] * 24] * 4}, r"input 'x' is <U1, allowed: float32"),
    "complex": ({"x": X.astype(complex)}, "input 'x' is complex128, allowed: float32"),
    "nan": ({"x": np.full((4, 24), np.nan)}, "input 'x' holds nan, allowed: finite numbers"),
    "ragged": ({"x": [[1], [2, 3]]}, "input 'x' is no array"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_inputs_that_a_program_does_not_take(
    case: str, programs: Any, golden: Accelerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, message = BAD_INPUTS[case]
    with golden.load(programs.linear()) as loaded:
        with monkeypatch.context() as patch:
            patch.setattr(golden.backend, "write", pytest.fail)
            with pytest.raises(InputError, match=message):
                loaded(**inputs)
        assert np.array_equal(loaded(x=X * 0.5)["y"], _linear(programs, X))


# ---- what a call costs


class CountingBackend(GoldenBackend):
    """Counts register accesses."""

    accesses = 0

    def read(self, offset: int) -> int:
        self.accesses += 1
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        self.accesses += 1
        super().write(offset, value)


def test_register_accesses_do_not_depend_on_the_size(programs: Any) -> None:
    counts = set()
    for commands in (1, 10, 200):
        backend = CountingBackend(TINY)
        with Accelerator("tiny", backend) as accelerator, accelerator.load(programs.linear(commands)) as loaded:
            loaded(x=X)
            assert backend.accesses > 0
            before = backend.accesses
            loaded(x=X)
            counts.add(backend.accesses - before)
            assert accelerator.report().engine("gemm").commands == 2 * commands
    assert len(counts) == 1
    assert counts.pop() < 32


def test_every_fabric_step_is_one_doorbell(programs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = []
    backend = CountingBackend(TINY)
    honest, control = backend.write, register("CONTROL")

    def note(offset: int, value: int) -> None:
        if offset == control.offset:
            starts.append(control.extract(value, "start"))
        honest(offset, value)

    with Accelerator("tiny", backend) as accelerator, accelerator.load(programs.with_host_step()) as loaded:
        monkeypatch.setattr(backend, "write", note)
        loaded(x=X)
    assert starts.count(1) == 2


def test_bounds_and_watchdog_are_computed_at_most_once(
    programs: Any, golden: Accelerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with golden.load(programs.linear(40)) as loaded:
        loaded(x=X)
        monkeypatch.setattr("gatewright.driver.programs.command_list.roofline", pytest.fail)
        monkeypatch.setattr("gatewright.driver.programs.command_list._pessimistic_cycles", pytest.fail)
        loaded(x=X)
    engine = golden.report().engine("gemm")
    assert engine.commands == 80
    golden.reset_report()
    monkeypatch.undo()
    with golden.load(programs.linear()) as one:
        one(x=X)
    assert engine.min_cycles_compute == 80 * golden.report().engine("gemm").min_cycles_compute


def test_bounds_follow_dynamic_sizes(programs: Any, golden: Accelerator) -> None:
    with golden.load(programs.aggregate()) as loaded:
        least = []
        for edges in (3, 32, 3):
            golden.reset_report()
            loaded(**_graph(edges))
            least.append(golden.report().engine("aggregate"))
    assert [each.min_cycles_compute for each in least] == [2, 16, 2]
    assert all(each.min_cycles == max(each.min_cycles_compute, each.min_cycles_memory) for each in least)


def test_commands_are_patched_where_sizes_differ(
    programs: Any, golden: Accelerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From those of the last call that reached the accelerator: a refused one leaves nothing behind."""
    few, many = _graph(3), _graph(32)
    with golden.load(programs.aggregate()) as loaded:
        loaded(**few)
        with pytest.raises(InputError, match="input 'col' spans"):
            loaded(**many | {"col": many["col"] + 100})
        for graph in (few, many, few):
            assert np.array_equal(loaded(**graph)["y"], _sum(golden, graph))
        monkeypatch.setattr(LoadedStep, "_patch", pytest.fail)
        assert np.array_equal(loaded(**few)["y"], _sum(golden, few))


def test_outputs_are_each_calls_own(programs: Any, golden: Accelerator) -> None:
    with golden.load(programs.linear()) as loaded:
        first = loaded(x=X * 0.5)["y"]
        loaded(x=-X * 0.5)
        assert np.array_equal(first, _linear(programs, X))


def test_a_call_moves_its_values_alone(
    programs: Any, open_accelerator: Callable[..., Accelerator], device: Any
) -> None:
    """Of a program with a megabyte of constants, a call syncs its inputs and its outputs once, and nothing else."""
    accelerator = open_accelerator("board")
    with accelerator.load(programs.linear(1, 1 << 20)) as loaded:
        del device.syncs[:]
        loaded(x=X)
        (flush, written), (invalidate, read) = device.syncs
        assert (flush, invalidate) == ("flush", "invalidate")
        assert max(written, read) <= 8192


# ---- what is refused, and what stays


def _used(accelerator: Accelerator) -> int:
    return sum(accelerator.backend._memory._used.values())


def test_memory_is_freed(programs: Any, golden: Accelerator) -> None:
    before = _used(golden)
    loaded = golden.load(programs.linear())
    assert _used(golden) > before
    loaded.close()
    loaded.close()
    assert _used(golden) == before
    with pytest.raises(DriverError, match="program 'test' has been closed"):
        loaded(x=X)


def test_two_programs_share_the_accelerator(programs: Any, golden: Accelerator) -> None:
    with golden.load(programs.linear()) as one, golden.load(programs.linear(3)) as other:
        assert np.array_equal(one(x=X * 0.5)["y"], other(x=X * 0.5)["y"])
        assert np.array_equal(golden.gemm(X, programs.WEIGHT), one(x=X * 0.5)["y"] / programs.Y_SCALE)


REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "another config": ({"config": "pynq-z2", "config_hash": 5}, ConfigMismatch, "is compiled for config 'pynq-z2'"),
    "a newer minor": ({"spec_version": (1, 99)}, UnsupportedProgram, r"contract version 1\.99"),
    "another major": ({"spec_version": (2, 0)}, UnsupportedProgram, r"contract version 2\.0"),
    "no variants": ({"variants": ()}, DamagedProgram, "the number of variants is 0"),
    "an image beyond the end": ({"nbytes": 64}, DamagedProgram, "nbytes is 64"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_program_leaves_nothing(
    case: str, programs: Any, golden: Accelerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes, error, message = REFUSED[case]
    monkeypatch.setattr(golden.backend, "allocate", pytest.fail)
    with pytest.raises(error, match=message):
        golden.load(replace(programs.linear(), **changes))


UNFIT: dict[str, tuple[dict[str, int], str]] = {
    "shape": ({"head_dim": 12}, r"BAD_SHAPE in word 8 \(head_dim is 12, allowed 1\.\.\d+, multiples of 8\)"),
    "alignment": ({"q_stride": 20}, r"UNALIGNED in word 9 \(q_stride is 20, allowed 0\.\.4294967295, multiples of 8\)"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_command_that_the_config_cannot_hold(case: str, programs: Any, golden: Accelerator) -> None:
    fields, message = UNFIT[case]
    with pytest.raises(ProgramError, match=rf"program 'test': command 0 \(ATTENTION, node 'node'\) has {message}"):
        golden.load(programs.attention(**fields))
    assert _used(golden) == 0


def test_too_little_memory(programs: Any) -> None:
    small = GoldenBackend(TINY, memory_bytes=1 << 16)
    with Accelerator("tiny", small) as accelerator:
        with pytest.raises(OutOfDeviceMemory, match="program 'test' takes 1,"):
            accelerator.load(programs.linear(1, 1 << 20))
        with accelerator.load(programs.linear()) as loaded:
            assert np.array_equal(loaded(x=X * 0.5)["y"], _linear(programs, X))


def test_nothing_stays_loaded_when_placing_fails(
    programs: Any, golden: Accelerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gatewright.driver.programs.loaded_variant.LoadedVariant.place", interrupt)
    with pytest.raises(KeyboardInterrupt):
        golden.load(programs.linear())
    assert _used(golden) == 0


@pytest.mark.parametrize("kind", [Path, str])
def test_files_load(kind: type, programs: Any, golden: Accelerator, tmp_path: Path) -> None:
    save_program(programs.linear(), tmp_path / "linear.gwp")
    with golden.load(kind(tmp_path / "linear.gwp")) as loaded:
        assert np.array_equal(loaded(x=X * 0.5)["y"], _linear(programs, X))


def test_a_missing_file(golden: Accelerator, tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"none\.gwp does not exist"):
        golden.load(tmp_path / "none.gwp")


# ---- errors while it runs


def test_an_error_names_the_node(programs: Any, golden: Accelerator) -> None:
    with golden.load(programs.aggregate()) as loaded:
        good = _graph(7)
        message = r"command 0 \(AGGREGATE, node 'graph'\) stopped with BAD_ROW_POINTER"
        with pytest.raises(AcceleratorError, match=message) as caught:
            loaded(**good | {"row_ptr": good["row_ptr"][::-1]})
        assert caught.value.node == "graph"
        assert np.array_equal(loaded(**good)["y"], _sum(golden, good))
        with pytest.raises(InputError, match=r"input 'col' spans 0\.\.7, allowed -7\.\.6"):
            loaded(**good | {"col": np.array([7, 0, 0, 0, 0, 0, 0])})


def test_a_host_step_without_onnxruntime(programs: Any, golden: Accelerator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with golden.load(programs.with_host_step()) as loaded:
        with pytest.raises(DriverError, match="host step of node 'relu' needs onnxruntime"):
            loaded(x=X)
        monkeypatch.undo()
        loaded(x=X)


def test_a_host_step_that_fails(programs: Any, golden: Accelerator) -> None:
    with (
        golden.load(programs.with_host_step("NoSuchOperator")) as loaded,
        pytest.raises(DriverError, match=r"relu.: ONNX Runtime cannot load it: .*NoSuchOp"),
    ):
        loaded(x=X)


def test_a_program_without_commands(programs: Any, golden: Accelerator, tmp_path: Path) -> None:
    """A model of which the fabric runs nothing."""
    program = programs.with_host_step()
    variant = program.variants[0]
    h, r = (Value(name, "float32", (4, 9)) for name in "hr")
    variants = (Variant({}, {}, (h,), (r,), (variant.steps[1],)),)
    save_program(replace(program, variants=variants, image=np.zeros(0, np.uint8), nbytes=0), tmp_path / "host.gwp")
    with golden.load(tmp_path / "host.gwp") as loaded:
        assert np.array_equal(loaded(h=X[:, :9])["r"], np.maximum(X[:, :9], 0))
    assert golden.report().programs == 0


def test_a_session_is_made_once(programs: Any, golden: Accelerator, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    with golden.load(programs.with_host_step()) as loaded:
        loaded(x=X)
        monkeypatch.setattr(onnxruntime, "InferenceSession", pytest.fail)
        loaded(x=X)
