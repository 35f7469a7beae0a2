"""What the accelerator refuses or cannot finish: a named exception that says where, and the next request works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from gatewright.driver import Accelerator, AcceleratorError, AcceleratorTimeout, DeviceArray
from gatewright.driver.errors import BusProtocolError
from gatewright.spec.commands import AGGREGATE, ATTENTION, GEMM, CommandSpec, GemmFlags, encode
from gatewright.spec.errors import ErrorCode
from gatewright.spec.registers import register

BACKENDS = ("golden", "board", "rtl")
A, B = (np.random.default_rng(rows).integers(-128, 128, (rows, 24)).astype(np.int8) for rows in (5, 9))
EXPECTED = A.astype(np.int32) @ B.T.astype(np.int32)
OUTSIDE = 0x4000_0000
"""An address, a multiple of 8, with no memory behind it."""


@dataclass
class Place:
    """An accelerator, its memory's faults, and commands that would succeed as they are."""

    accelerator: Accelerator
    faults: Any
    arrays: dict[str, DeviceArray]

    def command(self, spec: CommandSpec, flags: int = 0, **changes: int) -> bytes:
        """A valid command of 4 x 4 (attention: one head of 8), but for ``changes``."""
        values = {field.name: 1 for field in spec.fields}
        values |= {field.name: self.arrays["ints"].address for field in spec.fields if field.name.endswith("_addr")}
        values |= {field.name: 64 for field in spec.fields if field.name.endswith("_stride")}
        values |= {"head_dim": 8, "m": 4, "n": 4, "k": 4, "rows": 2, "cols": 4, "nnz": 3, "features": 8}
        values |= {"row_ptr_addr": self.arrays["row_ptr"].address, "col_addr": self.arrays["col"].address}
        values |= {f"{output}_addr": self.arrays["out"].address for output in "coy"} | changes
        return encode(spec, flags, **{field.name: values[field.name] for field in spec.fields})

    def gemm(self, **changes: int) -> bytes:
        return self.command(GEMM, GemmFlags.OUT_INT32, **changes)


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, open_accelerator: Callable[..., Accelerator]) -> Place:
    accelerator = open_accelerator(request.param, watchdog_cycles=20_000)
    board = request.param == "board"
    faults = request.getfixturevalue("device").memory.faults if board else accelerator.backend.faults
    arrays = {
        "ints": accelerator.upload(np.zeros(1024, np.int8)),
        "out": accelerator.upload(np.zeros(1024, np.int8)),
        "row_ptr": accelerator.upload(np.array([0, 2, 3], np.uint32)),
        "col": accelerator.upload(np.array([3, 0, 1], np.uint32)),
    }
    return Place(accelerator, faults, arrays)


CASES: dict[str, tuple[Callable[[Place], list[bytes]], ErrorCode, int, int]] = {
    # what runs; the error code, the command's index and the detail (word) that are to be reported
    "empty_memory": (lambda p: [bytes(64)], ErrorCode.BAD_OPCODE, 0, 0),
    "unknown_opcode": (lambda p: [p.gemm(), b"\x63" + bytes(63)], ErrorCode.BAD_OPCODE, 1, 0),
    "unknown_flag": (lambda p: [p.command(ATTENTION, 0x80)], ErrorCode.BAD_FLAGS, 0, 0),
    "int8_without_params": (lambda p: [p.command(GEMM)], ErrorCode.BAD_FLAGS, 0, 0),
    "unaligned_address": (lambda p: [p.gemm(b_addr=OUTSIDE + 4)], ErrorCode.UNALIGNED, 0, 2),
    "unaligned_stride": (lambda p: [p.gemm(), p.gemm(), p.gemm(c_stride=12)], ErrorCode.UNALIGNED, 2, 10),
    "zero_rows": (lambda p: [p.gemm(m=0)], ErrorCode.BAD_SHAPE, 0, 5),
    "too_long_k": (lambda p: [p.gemm(k=p.accelerator.config.gemm_max_k + 1)], ErrorCode.BAD_SHAPE, 0, 7),
    "odd_head": (lambda p: [p.command(ATTENTION, head_dim=12)], ErrorCode.BAD_SHAPE, 0, 8),
    "too_many_keys": (lambda p: [p.command(ATTENTION, seq_kv=65)], ErrorCode.BAD_SHAPE, 0, 7),
    "too_many_features": (lambda p: [p.command(AGGREGATE, features=129)], ErrorCode.BAD_SHAPE, 0, 9),
    "read_outside_memory": (lambda p: [p.gemm(a_addr=OUTSIDE)], ErrorCode.READ_DECERR, 0, 0),
    "read_beyond_the_end": (lambda p: [p.gemm(a_addr=0x1FFF_FFC0)], ErrorCode.READ_DECERR, 0, 0),
    "write_outside_memory": (lambda p: [p.gemm(), p.gemm(c_addr=OUTSIDE)], ErrorCode.WRITE_DECERR, 1, 0),
    "attention_outside_memory": (lambda p: [p.command(ATTENTION, v_addr=OUTSIDE)], ErrorCode.READ_DECERR, 0, 0),
    "aggregate_outside_memory": (lambda p: [p.command(AGGREGATE, x_addr=OUTSIDE)], ErrorCode.READ_DECERR, 0, 0),
    "aggregate_writes_outside": (lambda p: [p.command(AGGREGATE, y_addr=OUTSIDE)], ErrorCode.WRITE_DECERR, 0, 0),
    "read_slverr": (lambda p: _slverr(p, "ints"), ErrorCode.READ_SLVERR, 0, 0),
    "write_slverr": (lambda p: _slverr(p, "out"), ErrorCode.WRITE_SLVERR, 0, 0),
    "row_pointers_fall": (lambda p: _csr(p, [0, 3, 2], [0, 1, 2]), ErrorCode.BAD_ROW_POINTER, 0, 0),
    "row_pointers_from_one": (lambda p: _csr(p, [1, 2, 3], [0, 1, 2]), ErrorCode.BAD_ROW_POINTER, 0, 0),
    "row_pointers_beyond_nnz": (lambda p: _csr(p, [0, 1, 4], [0, 1, 2]), ErrorCode.BAD_ROW_POINTER, 0, 0),
    "column_beyond_cols": (lambda p: _csr(p, [0, 2, 3], [0, 1, 4]), ErrorCode.BAD_INDEX, 0, 0),
}


def _slverr(place: Place, array: str) -> list[bytes]:
    start = place.arrays[array].address
    place.faults.slverr = (start, start + 64)
    return [place.gemm()]


def _csr(place: Place, row_ptr: list[int], col: list[int]) -> list[bytes]:
    place.arrays["row_ptr"].write(row_ptr)
    place.arrays["col"].write(col)
    return [place.command(AGGREGATE)]


def test_commands_that_are_valid_as_they_are(place: Place) -> None:
    place.accelerator.run([place.gemm(), place.command(ATTENTION), place.command(AGGREGATE)])


@pytest.mark.parametrize("case", CASES)
def test_an_error_names_the_command_and_the_next_request_works(case: str, place: Place) -> None:
    commands, code, index, detail = CASES[case]
    with pytest.raises(AcceleratorError, match=f"command {index} .*{code.name}") as caught:
        place.accelerator.run(commands(place))
    assert (caught.value.code, caught.value.index, caught.value.detail) == (code, index, detail)
    place.faults.slverr = (0, 0)
    assert np.array_equal(place.accelerator.gemm(A, B), EXPECTED)


def test_the_message_names_the_field_and_its_value(place: Place) -> None:
    with pytest.raises(AcceleratorError, match=r"\(GEMM\) stopped with UNALIGNED: .*\(a_stride = 65\)") as caught:
        place.accelerator.run([place.gemm(a_stride=65)])
    assert caught.value.fields == {"a_stride": 65}
    with pytest.raises(AcceleratorError, match="heads = 1, head_dim = 72"):
        place.accelerator.run([place.command(ATTENTION, head_dim=72)])


def test_commands_before_the_bad_one_have_completed(place: Place) -> None:
    place.arrays["ints"].write(np.full(1024, 2, np.int8))
    with pytest.raises(AcceleratorError):
        place.accelerator.run([place.gemm(), bytes(64)])
    assert place.arrays["out"].numpy()[:16].view(np.int32).tolist() == [16] * 4
    assert place.accelerator.report().programs == 0  # a program that failed does not count


def test_a_hung_bus_ends_at_the_watchdog_and_the_next_request_works(place: Place) -> None:
    for _ in range(2):
        place.faults.hang = True
        with pytest.raises(
            AcceleratorTimeout, match=r"engine gemm, command 0 \(GEMM\): not done after 20,000 cyc"
        ) as caught:
            place.accelerator.gemm(A, B)
        assert caught.value.engine == "gemm"
        assert caught.value.registers["PROGRAM_COUNT"] == 1
        if place.accelerator.name == "board":  # whose memory no reset of ours revives
            place.faults.hang = False
        assert np.array_equal(place.accelerator.gemm(A, B), EXPECTED)


def test_a_program_that_outlasts_its_timeout(open_accelerator: Callable[..., Accelerator]) -> None:
    accelerator = open_accelerator("rtl", watchdog_cycles=2**32 - 1, timeout_s=0.05)
    accelerator.backend.faults.hang = True
    with pytest.raises(AcceleratorTimeout, match=r"not done after 0\.05 s; STATUS = 0x1") as caught:
        accelerator.gemm(A, B)
    assert isinstance(caught.value, TimeoutError)
    assert np.array_equal(accelerator.gemm(A, B), EXPECTED)


def test_a_slow_program_is_drained_at_its_timeout(
    open_accelerator: Callable[..., Accelerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerator = open_accelerator("rtl")
    with monkeypatch.context() as patch:
        patch.setattr(accelerator.backend, "wait", lambda timeout_s: False)
        patch.setattr(accelerator.backend, "reset", pytest.fail)
        with pytest.raises(AcceleratorTimeout, match="not done after"):
            accelerator.gemm(np.ones((40, 64), np.int8), np.ones((40, 64), np.int8))
    assert np.array_equal(accelerator.gemm(A, B), EXPECTED)


def test_an_interrupted_start_does_not_leave_a_program_running(
    open_accelerator: Callable[..., Accelerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerator = open_accelerator("golden")
    backend, written = accelerator.backend, []
    honest = backend.write
    control, start, reset = register("CONTROL").offset, 1, 2

    def interrupt(offset: int, value: int) -> None:
        honest(offset, value)
        written.append((offset, value))
        if (offset, value) == (control, start):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(backend, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            accelerator.gemm(A, B)
    assert written[-2:] == [(control, start), (control, reset)]
    assert np.array_equal(accelerator.gemm(A, B), EXPECTED)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_interrupted_recovery_is_made_up_for(
    backend: str, open_accelerator: Callable[..., Accelerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerator = open_accelerator(backend)

    def interrupt(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(accelerator.backend, "wait", interrupt)
        patch.setattr(accelerator._runner, "recover", interrupt)
        with pytest.raises(KeyboardInterrupt):
            accelerator.gemm(np.ones((40, 64), np.int8), np.ones((40, 64), np.int8))
    assert np.array_equal(accelerator.gemm(A, B), EXPECTED)
    assert accelerator.report().programs == 1


@pytest.mark.parametrize("error", [BusProtocolError, KeyboardInterrupt])
def test_a_bus_that_cannot_be_drained_is_reset_by_the_backend(
    error: type[BaseException], open_accelerator: Callable[..., Accelerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerator = open_accelerator("golden")
    backend, resets = accelerator.backend, []
    honest = backend.reset

    def fail(timeout_s: float) -> bool:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(backend, "wait", fail)
        patch.setattr(backend, "reset", lambda: resets.append(honest()))
        backend.faults.hang = error is KeyboardInterrupt
        with pytest.raises(error):
            accelerator.gemm(A, B)
    assert len(resets) == 1
    assert np.array_equal(accelerator.gemm(A, B), EXPECTED)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_interrupted_wait_does_not_leave_a_program_running(
    backend: str, open_accelerator: Callable[..., Accelerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerator = open_accelerator(backend)

    def interrupt(timeout_s: float) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(accelerator.backend, "wait", interrupt)
        patch.setattr(accelerator.backend, "reset", pytest.fail)  # a bus that comes to rest needs no more
        with pytest.raises(KeyboardInterrupt):
            accelerator.gemm(np.ones((40, 64), np.int8), np.ones((40, 64), np.int8))
    assert np.array_equal(accelerator.gemm(A, B), EXPECTED)
