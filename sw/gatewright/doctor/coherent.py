"""Whether processor and accelerator see each other's writes, for every kind of memory, and what a round takes."""

from __future__ import annotations

from gatewright.doctor.finding import Finding, Verdict
from gatewright.driver.backend import DeviceMemory
from gatewright.driver.board.buffers import BoardMemory, allocate
from gatewright.driver.board.coherence import Coherence, check_coherence
from gatewright.driver.board.fabric import Fabric
from gatewright.driver.board.loaded import LoadedDesign
from gatewright.driver.board.pynq_versions import BoardPort
from gatewright.driver.registers import RegisterFile
from gatewright.driver.runner import Runner
from gatewright.spec.boards import Board
from gatewright.spec.memory import MemoryModel

__all__ = ["SIZES", "coherent"]

SIZES = (8 << 10, 1 << 20)
"""The least that zocl gives, and more than a Cortex-A9's second-level cache holds."""

_DIRECTIONS = {
    "memory to the accelerator": (True, False),
    "memory from the accelerator": (False, True),
    "memory uncached": (False, False),
}
"""Which of source and result are cacheable."""


def coherent(port: BoardPort, board: Board, ours: LoadedDesign | None) -> list[Finding]:
    """One line for each direction of cacheable memory, and one for memory that is not."""
    if ours is None:
        return [Finding("memory coherence", Verdict.ODD, "not measured: that needs our design", "gatewright flash")]
    fabric = Fabric(port, board, MemoryModel())
    live: set[BoardMemory] = set()

    def take(nbytes: int, cacheable: bool) -> DeviceMemory:
        return allocate(port, nbytes, cacheable, live)

    try:
        registers = RegisterFile(fabric)
        if registers.field("STATUS", "busy"):
            return [Finding("memory coherence", Verdict.ODD, "not measured: the accelerator is at work", "wait")]
        runner = Runner(fabric, registers, ours.config)
        runner.recover()

        def measure(nbytes: int, source: bool, result: bool) -> Coherence:
            return check_coherence(
                ours.config, take, runner.run, nbytes, source_cacheable=source, result_cacheable=result
            )

        found = [
            _finding(name, {size: measure(size, *cacheable) for size in SIZES}, port.remote)
            for name, cacheable in _DIRECTIONS.items()
            if any(cacheable) or not port.remote
        ]
        runner.recover()
        return found
    finally:
        for memory in list(live):
            memory.free()
        fabric.close()


def _finding(name: str, measured: dict[int, Coherence], remote: bool) -> Finding:
    """Behind PYNQ.remote all memory is cacheable: there is nothing to fall back to."""
    wrong = [size for size, each in measured.items() if not each.right]
    said = ", ".join(f"{size >> 10} KiB in {1e3 * each.seconds:.1f} ms" for size, each in measured.items())
    if not wrong:
        return Finding(name, Verdict.GOOD, f"right: {said}")
    said = f"wrong for {', '.join(f'{size >> 10} KiB' for size in wrong)}"
    if remote or name.endswith("uncached"):
        return Finding(name, Verdict.BAD, said, "this zocl does not fit the image's XRT: reinstall both")
    return Finding(name, Verdict.ODD, said, "this zocl's syncs do nothing: the driver uses uncached memory instead")
