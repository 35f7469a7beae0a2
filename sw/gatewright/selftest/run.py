"""The self-test: each kernel's golden vectors, then one request whose time is taken apart."""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.driver import (
    AcceleratorError,
    AcceleratorTimeout,
    BusProtocolError,
    CallSeconds,
    Session,
)
from gatewright.selftest.programs import BEFORE, program_of
from gatewright.selftest.vectors import KERNELS, GoldenVector, load_vectors

__all__ = ["KernelResult", "RequestTime", "SelfTest", "run_vectors", "self_test"]

ROUNDS = 8
"""How often the timed request runs each command: its time is the accelerator's, not that of ringing once."""


@dataclass(frozen=True)
class KernelResult:
    """Attributes
    ----------
    kernel : name of the engine.
    vectors : how many ran.
    skipped : which ones the configuration is too small for.
    failure : what differs first, or how the accelerator failed; empty where all is right.
    cycles : of all vectors; 0 on a backend without a clock.
    """

    kernel: str
    vectors: int
    skipped: tuple[str, ...]
    failure: str
    cycles: int


@dataclass(frozen=True)
class RequestTime:
    """Of one request with all vectors in it.

    Attributes
    ----------
    seconds : measured.
    cycles : that the accelerator counted; 0 on a backend without a clock.
    min_cycles : that it cannot do with less, by the roofline.
    clock_mhz : of the accelerator; None where there is none but a simulation's.
    """

    seconds: CallSeconds
    cycles: int
    min_cycles: int
    clock_mhz: float | None

    @property
    def predicted_s(self) -> float | None:
        """What the accelerator should take at its clock; None without clock or cycles."""
        return self.cycles / self.clock_mhz / 1e6 if self.clock_mhz and self.cycles else None


@dataclass(frozen=True)
class SelfTest:
    """All results; no request is timed on an accelerator that fails."""

    kernels: tuple[KernelResult, ...]
    request: RequestTime | None

    @property
    def passed(self) -> bool:
        """Whether every kernel is right."""
        return not any(kernel.failure for kernel in self.kernels)


def self_test(session: Session) -> SelfTest:
    """Test an accelerator. A wrong result is in what is returned; what keeps it from running at all is raised."""
    kernels = tuple(run_vectors(session, kernel) for kernel in KERNELS)
    failed = any(kernel.failure for kernel in kernels)
    return SelfTest(kernels, None if failed else _request(session))


def _fitting(session: Session, kernel: str) -> tuple[list[GoldenVector], tuple[str, ...]]:
    """The vectors that the configuration takes, and why it does not take the others."""
    vectors = load_vectors(kernel)
    reasons = [vector.why_not(session.config) for vector in vectors]
    fitting = [vector for vector, reason in zip(vectors, reasons, strict=True) if not reason]
    return fitting, tuple(reason for reason in reasons if reason)


def run_vectors(session: Session, kernel: str) -> KernelResult:
    """One kernel's vectors, but for those that the configuration is too small for, as one program."""
    vectors, skipped = _fitting(session, kernel)
    session.reset_report()
    failure = ""
    try:
        with session.load(program_of(f"self-test of {kernel}", vectors, session.config)) as program:
            found = program(**{f"{vector.name}{BEFORE}": vector.memory for vector in vectors})
        differences = (vector.difference(found[vector.name]) for vector in vectors)
        failure = next((each for each in differences if each), "")
    except (AcceleratorError, AcceleratorTimeout, BusProtocolError) as error:
        failure = str(error)
    return KernelResult(kernel, len(vectors), skipped, failure, session.report().cycles)


def _request(session: Session) -> RequestTime:
    vectors = [vector for kernel in KERNELS for vector in _fitting(session, kernel)[0]]
    inputs = {f"{vector.name}{BEFORE}": vector.memory for vector in vectors}
    with session.load(program_of("self-test", vectors, session.config, ROUNDS)) as program:
        program(**inputs)  # the first call of all costs what is done once
        session.reset_report()
        _, call = program.call_with_report(**inputs)
    report = session.report()
    return RequestTime(call.seconds, report.cycles, report.min_cycles, session.clock_mhz)
