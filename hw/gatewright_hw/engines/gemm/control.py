"""What the control of the gemm engine looks like: for each opcode a part that says what to load and one that says what
to compute."""

from __future__ import annotations

from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import COMMAND_BYTES
from gatewright_hw.engines.gemm.geometry import Event, Geometry

__all__ = ["LoadsSignature", "TilesSignature"]


class LoadsSignature(wiring.Signature):
    """Makes the loads of a command.

    Members
    -------
    command : 512 bits, in; the command, stable from SETUP_CYCLES before ``start`` until the end.
    start : 1, in; begin.
    release_a, release_b : 1, in; what an earlier load brought to the banks of A, B is no longer needed.
    job : stream of ``geometry.job``, out; the loads, in order.
    """

    def __init__(self, geometry: Geometry) -> None:
        super().__init__(
            {
                "command": In(8 * COMMAND_BYTES),
                "start": In(1),
                "release_a": In(1),
                "release_b": In(1),
                "job": Out(stream.Signature(geometry.job)),
            }
        )


class TilesSignature(wiring.Signature):
    """Makes the tiles of a command, each as soon as its operands have arrived.

    Members
    -------
    command : 512 bits, in; the command, stable from SETUP_CYCLES before ``start`` until the end.
    start : 1, in; begin.
    event : Event, in; from the loader, what has arrived.
    tile : stream of ``geometry.tile``, out; the tiles, in order.
    busy : 1, out; tiles are left.
    **more : members that a part has besides.
    """

    def __init__(self, geometry: Geometry, **more: wiring.Member) -> None:
        super().__init__(
            {
                "command": In(8 * COMMAND_BYTES),
                "start": In(1),
                "event": In(Event),
                "tile": Out(stream.Signature(geometry.tile)),
                "busy": Out(1),
                **more,
            }
        )
