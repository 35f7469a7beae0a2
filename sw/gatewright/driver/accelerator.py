"""The accelerator as the host sees it: upload arrays, run kernels, read the counters; the same on every backend."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.arguments import ColumnRequantise, Matrix, aggregate_shape, attention_shape, gemm_shape
from gatewright.driver.arrays import Arena, DeviceArray
from gatewright.driver.backend import Backend, DeviceMemory
from gatewright.driver.backends import open_backend
from gatewright.driver.errors import DriverError, OutOfDeviceMemory
from gatewright.driver.program import Program
from gatewright.driver.registers import RegisterFile
from gatewright.driver.report import Report, Tally
from gatewright.driver.runner import Runner
from gatewright.spec.commands import AGGREGATE, ATTENTION, GEMM, AttentionFlags, GemmFlags, encode
from gatewright.spec.config import AcceleratorConfig, get_config
from gatewright.spec.csr import CsrMatrix
from gatewright.spec.fixed import Requantise
from gatewright.spec.tiling import gemm_read_beats

__all__ = ["Accelerator"]


class Accelerator:
    """One accelerator. A context manager that releases it at the end.

    Parameters
    ----------
    config : name of a shipped configuration, or an :class:`AcceleratorConfig`; the hardware must be made from it.
    backend : "board", "rtl", "golden", or "auto" for the first of these that is available; or an open :class:`Backend`.
    timeout_s : most seconds that one program may take, above 0.
    watchdog_cycles : most cycles that one command may take, 1..2**32-1; default: far above what its program needs.
    options : keyword options of the named backend.

    Raises :class:`BackendUnavailable`, :class:`ConfigMismatch`, :class:`DriverError` for bad parameters.

    Attributes
    ----------
    choice : which backend runs, and why.
    registers : the register block by name.
    """

    def __init__(
        self,
        config: str | AcceleratorConfig = "pynq-z2",
        backend: str | Backend = "auto",
        *,
        timeout_s: float = 300.0,
        watchdog_cycles: int | None = None,
        **options: Any,
    ) -> None:
        self.config = get_config(config) if isinstance(config, str) else config
        if watchdog_cycles is not None and not 1 <= watchdog_cycles < 1 << 32:
            raise DriverError(f"watchdog_cycles is {watchdog_cycles}, allowed 1..{(1 << 32) - 1}")
        self._timeout_s = _positive("timeout_s", timeout_s)
        if isinstance(backend, str):
            self.backend, self.choice = open_backend(backend, self.config, options)
        else:
            if options:
                raise DriverError(f"options {', '.join(sorted(options))} need a backend's name, not an open backend")
            self.backend, self.choice = backend, f"backend {backend.name}, as given"
        self.registers = RegisterFile(self.backend)
        self._arena = Arena(self.backend.allocate)
        self._tally = Tally(self.config, self.backend.memory)
        self._runner = Runner(self.backend, self.registers, self.config, watchdog_cycles)
        try:
            self._runner.identify()
            self._runner.recover()  # from whatever another process left
        except BaseException:
            self.backend.close()
            raise

    def __enter__(self) -> Accelerator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release memory and backend; a second call does nothing."""
        self._arena.release()
        self.backend.close()

    # ---- memory

    def upload(self, array: npt.ArrayLike) -> DeviceArray:
        """Copy a vector or a matrix of integers to the device, where kernels take it without another copy.

        Raises :class:`OutOfDeviceMemory` when it does not fit and :class:`DriverError` for another kind of array.
        """
        values = np.asarray(array)
        if not np.issubdtype(values.dtype, np.integer):
            raise DriverError(f"array is {values.dtype}, allowed: integers")
        return DeviceArray(self._allocate, values.shape, values.dtype, self.backend).write(values)

    def _allocate(self, nbytes: int) -> DeviceMemory:
        try:
            return self.backend.allocate(nbytes)
        except OutOfDeviceMemory:
            self._arena.release()
            return self.backend.allocate(nbytes)

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[_Scratch]:
        try:
            yield _Scratch(self._arena, self.backend)
        finally:
            self._arena.reset()

    # ---- kernels

    def gemm(
        self,
        a: Matrix,
        b: Matrix,
        *,
        b_is_kn: bool = False,
        bias: npt.ArrayLike | None = None,
        requantise: Requantise | ColumnRequantise | None = None,
    ) -> npt.NDArray[Any]:
        """``C = requantise(A B + bias)``: int8 or int32 [m, n].

        Parameters
        ----------
        a : int8 [m, k].
        b : int8 [n, k] (as ``torch.nn.Linear`` keeps weights), or [k, n] with ``b_is_kn``.
        bias : int32 [n], in units of the accumulator.
        requantise : one requantiser, or (multipliers [n], shifts [n]), for an int8 result; None for int32.

        Raises :class:`DriverError` naming a bad argument, :class:`AcceleratorError` and :class:`AcceleratorTimeout`.
        """
        shape = gemm_shape(self.config, a, b, b_is_kn, bias, requantise)
        flags = GemmFlags.B_KN if b_is_kn else GemmFlags(0)
        flags |= GemmFlags.OUT_INT32 if shape.out_dtype is np.int32 else GemmFlags(0)
        flags |= GemmFlags.PARAMS if shape.params is not None else GemmFlags(0)
        reads = {
            choice: gemm_read_beats(shape.m, shape.n, shape.k, self.config, resident_a=choice, b_is_kn=b_is_kn)
            for choice in (False, True)
        }
        flags |= GemmFlags.A_RESIDENT if reads[True] < reads[False] else GemmFlags(0)
        with self._scratch() as scratch:
            a_on, b_on = scratch.operand(a), scratch.operand(b)
            params = scratch.bytes(shape.params)
            c = scratch.empty((shape.m, shape.n), shape.out_dtype)
            self._run_one(
                encode(
                    GEMM,
                    flags,
                    a_addr=a_on.address,
                    b_addr=b_on.address,
                    c_addr=c.address,
                    params_addr=params,
                    m=shape.m,
                    n=shape.n,
                    k=shape.k,
                    a_stride=a_on.stride,
                    b_stride=b_on.stride,
                    c_stride=c.stride,
                )
            )
            return c.numpy()

    def attention(
        self,
        q: Matrix,
        k: Matrix,
        v: Matrix,
        heads: int,
        score: Requantise,
        out: Requantise,
        causal: bool = False,
        key_mask: npt.ArrayLike | None = None,
    ) -> npt.NDArray[np.int8]:
        """``softmax(Q K^T / sqrt(d) + mask) V`` for each head: int8 [seq_q, heads * d].

        Parameters
        ----------
        q : int8 [seq_q, heads * d]; head h is columns h*d .. h*d + d - 1.
        k, v : int8 [seq_kv, heads * d].
        score : accumulators of Q K^T to log2 units with 7 fraction bits; 1 / sqrt(d) is part of it.
        out : weighted mean of V to the output's unit.
        causal : query i attends to keys j <= i + seq_kv - seq_q.
        key_mask : bool [seq_kv], True = attend.

        Raises as :meth:`gemm`.
        """
        shape = attention_shape(self.config, q, k, v, heads, score, out, key_mask)
        flags = AttentionFlags.CAUSAL if causal else AttentionFlags(0)
        flags |= AttentionFlags.KEY_MASK if shape.mask is not None else AttentionFlags(0)
        with self._scratch() as scratch:
            on = {name: scratch.operand(matrix) for name, matrix in (("q", q), ("k", k), ("v", v))}
            on["o"] = o = scratch.empty((shape.seq_q, shape.heads * shape.head_dim), np.int8)
            self._run_one(
                encode(
                    ATTENTION,
                    flags,
                    **{f"{name}_addr": array.address for name, array in on.items()},
                    **{f"{name}_stride": array.stride for name, array in on.items()},
                    mask_addr=scratch.bytes(shape.mask),
                    seq_q=shape.seq_q,
                    seq_kv=shape.seq_kv,
                    heads=shape.heads,
                    head_dim=shape.head_dim,
                    score_multiplier=score.multiplier,
                    score_shift=score.shift,
                    out_multiplier=out.multiplier,
                    out_shift=out.shift,
                )
            )
            return o.numpy()

    def aggregate(self, csr: CsrMatrix, x: Matrix, requantise: Requantise) -> npt.NDArray[np.int8]:
        """``Y[i] = requantise(sum_j w_ij X[j])``: int8 [rows, features].

        Parameters
        ----------
        csr : the matrix of weights [rows, cols].
        x : int8 [cols, features].
        requantise : from weight units times feature units to the output's unit.

        Raises as :meth:`gemm`.
        """
        features = aggregate_shape(self.config, csr, x, requantise)
        with self._scratch() as scratch:
            x_on = scratch.operand(x)
            y = scratch.empty((csr.n_rows, features), np.int8)
            self._run_one(
                encode(
                    AGGREGATE,
                    row_ptr_addr=scratch.bytes(csr.row_ptr),
                    col_addr=scratch.bytes(csr.col),
                    weight_addr=scratch.bytes(csr.weight),
                    x_addr=x_on.address,
                    y_addr=y.address,
                    rows=csr.n_rows,
                    cols=csr.cols,
                    nnz=csr.nnz,
                    features=features,
                    x_stride=x_on.stride,
                    y_stride=y.stride,
                    multiplier=requantise.multiplier,
                    shift=requantise.shift,
                )
            )
            return y.numpy()

    # ---- programs

    def run(self, commands: Iterable[bytes], timeout_s: float | None = None) -> None:
        """Run encoded commands (:func:`gatewright.spec.commands.encode`) in order and wait for the end.

        Raises :class:`AcceleratorError` when one fails and :class:`AcceleratorTimeout` when the program takes more than
        ``timeout_s`` seconds or a command more cycles than the watchdog allows; then the accelerator is ready again.
        """
        limit = self._timeout_s if timeout_s is None else _positive("timeout_s", timeout_s)
        program = Program(commands)
        with self._scratch() as scratch:
            self._execute(program, scratch, limit)

    def _run_one(self, command: bytes) -> None:
        self._execute(Program([command]), _Scratch(self._arena, self.backend), self._timeout_s)

    def _execute(self, program: Program, scratch: _Scratch, timeout_s: float) -> None:
        self._runner.run(program, scratch.bytes(program.image()), timeout_s)
        self._tally.add(program, self.registers)

    # ---- counters

    def report(self) -> Report:
        """Commands, cycles and bounds since the last :meth:`reset_report`."""
        return self._tally.report()

    def reset_report(self) -> None:
        """Start the report from zero."""
        self._tally.reset()


class _Scratch:
    """Places one request's data in the arena."""

    def __init__(self, arena: Arena, backend: Backend) -> None:
        self._arena = arena
        self._backend = backend

    def operand(self, matrix: Matrix) -> DeviceArray:
        """The matrix on the device: itself, or a copy."""
        if isinstance(matrix, DeviceArray):
            _ = matrix.memory  # refuses one that has been freed
            if matrix.owner is not self._backend:
                raise DriverError("this device array belongs to another accelerator")
            return matrix
        return self.empty(matrix.shape, matrix.dtype).write(matrix)

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> DeviceArray:
        """An array to be written by the accelerator."""
        return DeviceArray(self._arena.take, shape, dtype, self._backend)

    def bytes(self, values: npt.NDArray[Any] | None) -> int:
        """The address of a copy of ``values`` without padding between its rows; 0 for none of them."""
        if values is None or values.size == 0:
            return 0
        flat = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        return self.empty(flat.shape, np.uint8).write(flat).address


def _positive(name: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise DriverError(f"{name} is {value}, allowed: above 0 and finite")
    return value
