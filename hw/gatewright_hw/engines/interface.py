"""What every engine looks like to the sequencer and the arbiter."""

from amaranth.hdl import Shape
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.commands import FLAGS_BITS, FLAGS_LSB, CommandSpec
from gatewright.spec.memory import COMMAND_BYTES
from gatewright_hw.bus.ports import ReadPort, WritePort

__all__ = ["ERROR_BITS", "EngineSignature", "command_layout"]

ERROR_BITS = 8


def command_layout(spec: CommandSpec) -> data.FlexibleLayout:
    """The 512-bit command as a layout: the fields of ``spec`` by name, and ``flags``, whose bits are the flags of
    ``spec`` by name in lower case."""
    flags = {(flag.name or "").lower(): data.Field(1, exact_log2(flag)) for flag in spec.flags}
    fields = {"flags": data.Field(data.FlexibleLayout(FLAGS_BITS, flags), FLAGS_LSB)}
    fields |= {field.name: data.Field(Shape(field.width, signed=field.signed), field.offset) for field in spec.fields}
    return data.FlexibleLayout(8 * COMMAND_BYTES, fields)


class EngineSignature(wiring.Signature):
    """An engine.

    Members
    -------
    command : stream of 512 bits, in; raw (view it with :func:`command_layout`). Taken when the engine is idle. Only
        validated commands arrive.
    done : 1, out; high for one cycle when the command has ended: every read has returned and every write is
        acknowledged.
    error : ERROR_BITS, out; an ``ErrorCode`` found in the data (for example BAD_INDEX), with ``done``; NONE otherwise.
    read : ``read_ports`` ReadPorts, out; write : WritePort, out; the engine's memory.
    """

    def __init__(self, read_ports: int = 1) -> None:
        super().__init__(
            {
                "command": In(stream.Signature(8 * COMMAND_BYTES)),
                "done": Out(1),
                "error": Out(ERROR_BITS),
                "read": Out(ReadPort()).array(read_ports),
                "write": Out(WritePort()),
            }
        )
