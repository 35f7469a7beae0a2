"""Says of a fetched command what :func:`gatewright.spec.commands.check` says, from the same tables."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.commands import COMMANDS, FLAGS_BITS, FLAGS_LSB, OPCODE_BITS, CommandSpec, Field, Kind
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import ALIGNMENT, COMMAND_BYTES
from gatewright_hw.engines.interface import ERROR_BITS

__all__ = ["DETAIL_BITS", "CommandValidator"]

DETAIL_BITS = 8

Fault = tuple[Value, ErrorCode, int]
"""A condition, the error that it is, and its detail."""


def _multiple(value: Value, of: int) -> Value:
    """Whether ``value`` divides by the power of two ``of``."""
    return value[: exact_log2(of)] == 0


def _field_fault(field: Field, value: Value, flags: Value, config: AcceleratorConfig) -> list[Fault]:
    """As :meth:`gatewright.spec.commands.Field.fault`."""
    if field.kind in (Kind.ADDRESS, Kind.STRIDE):
        return [(~_multiple(value, ALIGNMENT), ErrorCode.UNALIGNED, field.word)]
    if field.kind is Kind.SIZE:
        bad = (value == 0) | (value > field.maximum(config)) | ~_multiple(value, field.multiple)
        if field.bounded_by:
            flag, limit, multiple = field.bounded_by
            over = (value > getattr(config, limit)) | ~_multiple(value, getattr(config, multiple))
            bad |= ((flags & flag) != 0) & over
        return [(bad, ErrorCode.BAD_SHAPE, field.word)]
    if field.kind is Kind.CHOICE:
        return [(value > field.most, ErrorCode.BAD_FLAGS, field.word)]
    return []


def _faults(spec: CommandSpec, command: Value, config: AcceleratorConfig) -> list[Fault]:
    """All that can be wrong with a command of ``spec``, in the order in which it is reported."""
    mask = spec.flags_mask(config)
    flags = command[FLAGS_LSB : FLAGS_LSB + FLAGS_BITS] & mask
    bad_flags = flags != command[FLAGS_LSB : FLAGS_LSB + FLAGS_BITS]
    if spec.one_of:
        bad_flags |= (flags & spec.one_of) == 0
    if spec.at_most_one_of:
        bad_flags |= (flags & spec.at_most_one_of) == spec.at_most_one_of
    for flag, other in spec.requires:
        bad_flags |= ((flags & flag) != 0) & ((flags & other) == 0)
    faults = [(bad_flags, ErrorCode.BAD_FLAGS, 0)]
    for field in spec.checked_fields(config):
        faults += _field_fault(field, command[field.offset : field.offset + field.width], flags, config)
    return faults


class CommandValidator(wiring.Component):
    """The verdict on ``command``, ``delay`` cycles after it: the first stage finds every fault, the second picks the
    first one.

    Members
    -------
    command : 512 bits, in; the raw command.
    code, detail : ERROR_BITS and DETAIL_BITS, out; an ``ErrorCode``, or NONE, and the word of the command that is at
        fault.
    """

    command: In(8 * COMMAND_BYTES)
    code: Out(ERROR_BITS)
    detail: Out(DETAIL_BITS)

    delay = 2

    def __init__(self, config: AcceleratorConfig) -> None:
        self._config = config
        super().__init__()

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        opcode = self.command[:OPCODE_BITS]
        m.d.sync += [self.code.eq(ErrorCode.BAD_OPCODE), self.detail.eq(0)]
        for spec in COMMANDS.values():
            faults = _faults(spec, self.command, self._config)
            found = Signal(len(faults), name=f"{spec.name.lower()}_faults")
            m.d.sync += found.eq(Cat(condition for condition, _, _ in faults))
            with m.If(opcode == spec.opcode):
                m.d.sync += self.code.eq(ErrorCode.NONE)
                for index, (_, code, detail) in reversed(list(enumerate(faults))):
                    with m.If(found[index]):
                        m.d.sync += [self.code.eq(code), self.detail.eq(detail)]
        return m
