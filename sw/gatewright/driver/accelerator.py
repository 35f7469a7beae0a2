"""The accelerator as the host sees it: upload arrays, run kernels, read the counters; the same on every backend."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.arena import Arena
from gatewright.driver.arrays import DeviceArray
from gatewright.driver.backend import Backend, DeviceMemory
from gatewright.driver.backends import open_backend
from gatewright.driver.command_list import CommandList
from gatewright.driver.errors import DriverError, OutOfDeviceMemory
from gatewright.driver.kernels import Kernels
from gatewright.driver.loaded_program import LoadedProgram
from gatewright.driver.registers import RegisterFile
from gatewright.driver.report import Report, Tally
from gatewright.driver.runner import Runner
from gatewright.driver.scratch import Scratch
from gatewright.program import CompiledProgram, load_program
from gatewright.spec.config import AcceleratorConfig, get_config

__all__ = ["Accelerator"]


class Accelerator(Kernels):
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
    def _scratch(self) -> Iterator[Scratch]:
        try:
            yield Scratch(self._arena, self.backend)
        finally:
            self._arena.reset()

    # ---- programs

    def run(self, commands: Iterable[bytes], timeout_s: float | None = None) -> None:
        """Run encoded commands (:func:`gatewright.spec.commands.encode`) in order and wait for the end.

        Raises :class:`AcceleratorError` when one fails and :class:`AcceleratorTimeout` when the program takes more than
        ``timeout_s`` seconds or a command more cycles than the watchdog allows; then the accelerator is ready again.
        """
        limit = self._timeout_s if timeout_s is None else _positive("timeout_s", timeout_s)
        listed = CommandList(commands)
        with self._scratch() as scratch:
            self._execute(listed, scratch, limit)

    def load(self, program: CompiledProgram | str | Path) -> LoadedProgram:
        """Place a compiled program, or the one in a file, in device memory, to be called with its inputs by name.

        Raises :class:`~gatewright.program.errors.ProgramError` for a file or program that is not sound,
        :class:`ConfigMismatch` for one of another configuration, and :class:`OutOfDeviceMemory`; nothing is loaded.
        """
        compiled = program if isinstance(program, CompiledProgram) else load_program(program)
        return LoadedProgram(compiled, self.config, self._allocate, self._launch)

    def _launch(self, commands: CommandList, address: int) -> None:
        self._runner.run(commands, address, self._timeout_s)
        self._tally.add(commands, self.registers)

    def _run_one(self, command: bytes) -> None:
        self._execute(CommandList([command]), Scratch(self._arena, self.backend), self._timeout_s)

    def _execute(self, commands: CommandList, scratch: Scratch, timeout_s: float) -> None:
        self._runner.run(commands, scratch.bytes(commands.image()), timeout_s)
        self._tally.add(commands, self.registers)

    # ---- counters

    def report(self) -> Report:
        """Commands, cycles and bounds since the last :meth:`reset_report`."""
        return self._tally.report()

    def reset_report(self) -> None:
        """Start the report from zero."""
        self._tally.reset()


def _positive(name: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise DriverError(f"{name} is {value}, allowed: above 0 and finite")
    return value
