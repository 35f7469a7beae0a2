"""The accelerator as the host sees it: upload arrays, run kernels, read the counters; the same on every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from gatewright.driver.backend import Backend, DeviceMemory
from gatewright.driver.backends import open_backend
from gatewright.driver.errors import DriverError, OutOfDeviceMemory
from gatewright.driver.gate import exclusive, gate_of
from gatewright.driver.kernels.kernels import Kernels, Place
from gatewright.driver.memory.arena import Arena
from gatewright.driver.memory.arrays import DeviceArray
from gatewright.driver.memory.scratch import Scratch
from gatewright.driver.programs.command_list import CommandList
from gatewright.driver.programs.loaded_program import LoadedProgram
from gatewright.driver.registers import GuardedPort, RegisterFile
from gatewright.driver.report import Report, Tally
from gatewright.driver.runner import Runner
from gatewright.program import CompiledProgram, load_program
from gatewright.spec.config import AcceleratorConfig, get_config

__all__ = ["Accelerator"]

P = ParamSpec("P")
R = TypeVar("R")


class Accelerator(Kernels, AbstractContextManager["Accelerator"]):
    """One accelerator. A context manager that releases it at the end.

    ::

        with Accelerator("pynq-z2", backend="golden") as accelerator:
            c = accelerator.gemm(a, b)  # int8 [m, k] times int8 [n, k], transposed: int32 [m, n]
            with accelerator.load("model.gwp") as model:
                scores = model(ids=ids)["scores"]
            print(accelerator.report().cycles, accelerator.registers.COMMAND_INDEX)

    **Threads** may share it, its programs, arrays and registers: it runs one call at a time, each to its end, and the
    others wait for their turn. Several accelerators run side by side. Two that are made over one open backend count as
    one here; closing either closes the backend.

    **asyncio**: ``await program.call_async(ids=ids)``, or ``await accelerator.call_async(accelerator.gemm, a, b)`` for
    anything else. One accelerator takes such calls in order, several run at once. A call that is cancelled before its
    turn does not run; later, it runs to its end and its result is dropped.

    **Interrupts** (Ctrl-C) end a call at once; the accelerator is brought to rest and takes the next one. A signal
    handler or finaliser that interrupts a call cannot make one of its own; it may free arrays and programs.

    **Forks**: a process cannot use what its parent opened (:class:`ForkedAccelerator`), and closing it there does
    nothing. It may open accelerators of its own.

    **After** :meth:`close`, which waits for the running call, all of it raises :class:`AcceleratorClosed`.

    Parameters
    ----------
    config : name of a shipped configuration, or an :class:`AcceleratorConfig`; the hardware must be made from it.
    backend : "board", "rtl", "golden", or "auto" for the first of these that is available; or an open :class:`Backend`.
    timeout_s : most seconds that one program may take, above 0. Waiting for other threads' calls does not count.
    watchdog_cycles : most cycles that one command may take, 1..2**32-1; default: far above what its program needs.
    options : keyword options of the named backend.

    Raises :class:`BackendUnavailable`, :class:`ConfigMismatch`, :class:`DriverError` for bad parameters.

    Attributes
    ----------
    choice : which backend runs, and why.
    registers : the register block by name; an access waits for the running call.
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
        self.timeout_s = timeout_s
        if isinstance(backend, str):
            self.backend, self.choice = open_backend(backend, self.config, options)
        else:
            if options:
                raise DriverError(f"options {', '.join(sorted(options))} need a backend's name, not an open backend")
            self.backend, self.choice = backend, f"backend {backend.name}, as given"
        self._gate = gate_of(self.backend)
        self.registers = RegisterFile(GuardedPort(self._gate, self.backend))
        self._arena = Arena(self.backend.allocate)
        self._tally = Tally(self.config, self.backend.memory)
        self._own_registers = RegisterFile(self.backend)
        self._runner = Runner(self.backend, self._own_registers, self.config, watchdog_cycles)
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    @property
    def timeout_s(self) -> float:
        """Most seconds that one program may take; set, it holds for later calls."""
        return self._timeout_s

    @timeout_s.setter
    def timeout_s(self, seconds: float) -> None:
        self._timeout_s = _positive("timeout_s", seconds)

    @property
    def name(self) -> str:
        """Of the backend."""
        return self.backend.name

    @property
    def clock_mhz(self) -> float | None:
        """The clock that the accelerator has now; None where there is none but a simulation's."""
        return self.backend.clock_mhz

    @exclusive
    def _connect(self) -> None:
        self._runner.identify()
        self._runner.recover()  # from whatever another process left

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for the running call, then release memory and backend; a second call does nothing."""
        self._gate.close(self.backend.close)

    async def call_async(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Await ``function(*args, **kwargs)``, a method of this accelerator or a function that calls such methods.

        It runs in a thread of the accelerator's. Raises what the function raises.
        """
        return await self._gate.run_async(function, *args, **kwargs)

    # ---- memory

    def upload(self, array: npt.ArrayLike) -> DeviceArray:
        """Copy a vector or a matrix of integers to the device, where kernels take it without another copy.

        Raises :class:`OutOfDeviceMemory` when it does not fit and :class:`DriverError` for another kind of array.
        """
        values = np.asarray(array)
        if not np.issubdtype(values.dtype, np.integer):
            raise DriverError(f"array is {values.dtype}, allowed: integers")
        return self._upload(values)

    @exclusive
    def _upload(self, values: npt.NDArray[Any]) -> DeviceArray:
        array = DeviceArray(self._gate, self._allocate, values.shape, values.dtype)
        try:
            array.put(values)
        except BaseException:
            array.free()
            raise
        return array

    def _scratch(self) -> Scratch:
        """Memory for one request; that of the last one is taken back."""
        self._arena.reset()
        return Scratch(self._arena, self._gate)

    def _allocate(self, nbytes: int, *, reads: bool = True) -> DeviceMemory:
        try:
            return self.backend.allocate(nbytes, reads=reads)
        except OutOfDeviceMemory:
            self._arena.release()
            return self.backend.allocate(nbytes, reads=reads)

    # ---- programs

    def run(self, commands: Iterable[bytes], timeout_s: float | None = None) -> None:
        """Run encoded commands (:func:`gatewright.spec.commands.encode`) in order and wait for the end.

        Raises :class:`AcceleratorError` when one fails and :class:`AcceleratorTimeout` when the program takes more than
        ``timeout_s`` seconds or a command more cycles than the watchdog allows; then the accelerator is ready again.
        """
        limit = self._timeout_s if timeout_s is None else _positive("timeout_s", timeout_s)
        self._run(self._listed(commands), limit)

    @exclusive
    def _run(self, commands: CommandList, timeout_s: float) -> None:
        self._launch(commands, self._scratch().bytes(commands.image()), timeout_s)

    def load(self, program: CompiledProgram | str | Path) -> LoadedProgram:
        """Place a compiled program, or the one in a file, in device memory, to be called with its inputs by name.

        Raises :class:`~gatewright.program.errors.ProgramError` for a file or program that is not sound,
        :class:`ConfigMismatch` for one of another configuration, and :class:`OutOfDeviceMemory`; nothing is loaded.
        """
        self._gate.check()
        compiled = program if isinstance(program, CompiledProgram) else load_program(program)
        return LoadedProgram(compiled, self.config, self.backend.memory, self._gate, self._allocate, self._launch)

    @exclusive
    def _compute(self, place: Place) -> npt.NDArray[Any]:
        scratch = self._scratch()
        command, result = place(scratch)
        commands = self._listed([command])
        self._launch(commands, scratch.bytes(commands.image()))
        return result.get()

    def _listed(self, commands: Iterable[bytes]) -> CommandList:
        return CommandList(commands, self.config, self.backend.memory)

    def _launch(self, commands: CommandList, address: int, timeout_s: float | None = None) -> None:
        self._runner.run(commands, address, self._timeout_s if timeout_s is None else timeout_s)
        self._tally.add(commands, self._own_registers)

    # ---- counters

    @exclusive
    def report(self) -> Report:
        """Commands, cycles and bounds since the last :meth:`reset_report`."""
        return self._tally.report()

    @exclusive
    def reset_report(self) -> None:
        """Start the report from zero."""
        self._tally.reset()


def _positive(name: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise DriverError(f"{name} is {value}, allowed: above 0 and finite")
    return value
