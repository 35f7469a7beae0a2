"""Whether processor and accelerator see each other's writes, for every kind of memory, and what a round takes."""

from __future__ import annotations

from gatewright.doctor.finding import Finding, Verdict
from gatewright.driver.backend import DeviceMemory
from gatewright.driver.board.buffers import Buffers, allocate
from gatewright.driver.board.coherence import Coherence, check_coherence
from gatewright.driver.board.fabric import Fabric
from gatewright.driver.board.loaded import LoadedDesign
from gatewright.driver.board.pynq_versions import BoardPort
from gatewright.driver.registers import RegisterFile
from gatewright.driver.runner import Runner
from gatewright.spec.boards import Board

__all__ = ["DIRECTIONS", "SIZES", "coherent", "directions"]

SIZES = (8 << 10, 640 << 10)
"""The least that zocl gives, and more than a Cortex-A9's second-level cache holds."""

DIRECTIONS = {
    "memory to the accelerator": (True, False),
    "memory from the accelerator": (False, True),
    "memory uncached": (False, False),
}
"""Which of source and result are cacheable."""


def directions(port: BoardPort) -> list[str]:
    """What there is to measure. Behind PYNQ.remote all memory is cacheable."""
    return [name for name, cacheable in DIRECTIONS.items() if any(cacheable) or not port.remote]


def coherent(port: BoardPort, board: Board, ours: LoadedDesign, direction: str) -> Finding:
    """One of :func:`directions`, measured by copies through our design, which nobody else uses."""
    source, result = DIRECTIONS[direction]
    fabric = Fabric(port, board)
    owner = Buffers(lambda: fabric.at_rest)

    def take(nbytes: int, cacheable: bool) -> DeviceMemory:
        return allocate(port, nbytes, cacheable, owner)

    try:
        registers = RegisterFile(fabric)
        if registers.field("STATUS", "busy"):
            return Finding(direction, Verdict.ODD, "not measured: the accelerator is at work", "wait for its end")
        runner = Runner(fabric, registers, ours.config)
        runner.recover()
        measured = {
            nbytes: check_coherence(
                ours.config, take, runner.run, nbytes, source_cacheable=source, result_cacheable=result
            )
            for nbytes in SIZES
        }
        runner.recover()
        return _finding(direction, measured, port.remote)
    finally:
        for memory in list(owner.live):
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
