"""Fetches commands from memory, validates them, has the engines run them one at a time, and stops at the first
error."""

from collections.abc import Mapping

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.commands import COMMANDS, OPCODE_BITS, Opcode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import ALIGNMENT, BUS_BYTES, COMMAND_BYTES
from gatewright.spec.registers import ENGINES
from gatewright_hw.bus.master import BusErrors
from gatewright_hw.bus.ports import ADDRESS_BITS, ReadPort
from gatewright_hw.bus.reader import BurstReader
from gatewright_hw.engines.interface import ERROR_BITS
from gatewright_hw.validator import DETAIL_BITS, CommandValidator

__all__ = ["Sequencer"]

COMMAND_BEATS = COMMAND_BYTES // BUS_BYTES
BUS_ERROR_CODES = {
    "read_slverr": ErrorCode.READ_SLVERR,
    "read_decerr": ErrorCode.READ_DECERR,
    "write_slverr": ErrorCode.WRITE_SLVERR,
    "write_decerr": ErrorCode.WRITE_DECERR,
}
"""In the order of precedence when a command meets several."""


class Sequencer(wiring.Component):
    """Runs a program, one command after the other. Between the work of engines lie a fetch (a memory latency and eight
    beats) and less than ten cycles.

    Every command is fetched, validated, given to its engine, and has ended when the engine says so and the bus is
    quiet. A bus error outranks what the engine found in the data, since that may be the bus error's consequence.
    After a WATCHDOG error nothing more happens until a reset: a start is answered with the same error.

    Parameters
    ----------
    config : the accelerator's.
    routes : for every opcode, the number of the engine port that takes it.

    Members
    -------
    start : 1, in; run the program. Ignored while busy.
    started : 1, out; a start is taken in this cycle.
    program_addr, program_count : ADDRESS_BITS and 32 bits, in; byte address and number of commands, sampled by
        ``start``.
    watchdog : 32 bits, in; most cycles of one command, from its fetch to its end, sampled at its fetch. 0 = no limit.
    busy, done, error, code, detail, error_index, command_index : out; as the registers of these names.
    finished : 1, out; high for one cycle at the end of each program.
    clear_errors, bus_errors, bus_quiet : as the AXI master's ``clear``, ``errors`` and ``quiet``.
    read : ReadPort, out; of the command fetch.
    command : 512 bits, out; for all engines.
    engine_valid, engine_ready, engine_done, engine_error : the engines' control side, one bit or ERROR_BITS per engine
        port; see :class:`.engines.interface.EngineSignature`.
    active, completed : one bit per entry of ``spec.registers.ENGINES``, out; for the counters.
    """

    def __init__(self, config: AcceleratorConfig, routes: Mapping[Opcode, int]) -> None:
        missing = [spec.name for opcode, spec in COMMANDS.items() if opcode not in routes]
        if missing:
            raise ValueError(f"Sequencer: no engine takes {', '.join(missing)}, needed: one for every opcode")
        self._config = config
        self._routes = routes
        self._ports = max(routes.values()) + 1
        super().__init__(
            {
                "start": In(1),
                "started": Out(1),
                "program_addr": In(ADDRESS_BITS),
                "program_count": In(32),
                "watchdog": In(32),
                "busy": Out(1),
                "done": Out(1),
                "error": Out(1),
                "code": Out(ERROR_BITS),
                "detail": Out(DETAIL_BITS),
                "error_index": Out(32),
                "command_index": Out(32),
                "finished": Out(1),
                "clear_errors": Out(1),
                "bus_errors": In(BusErrors),
                "bus_quiet": In(1),
                "read": Out(ReadPort()),
                "command": Out(8 * COMMAND_BYTES),
                "engine_valid": Out(self._ports),
                "engine_ready": In(self._ports),
                "engine_done": In(self._ports),
                "engine_error": In(ERROR_BITS).array(self._ports),
                "active": Out(len(ENGINES)),
                "completed": Out(len(ENGINES)),
            }
        )

    def _route(self, m: Module) -> tuple[Signal, Signal]:
        """The command's engine port and its place in ENGINES, one-hot, a cycle after the command."""
        port, engine = Signal(self._ports), Signal(len(ENGINES))
        m.d.sync += [port.eq(0), engine.eq(0)]
        with m.Switch(self.command[:OPCODE_BITS]):
            for opcode, spec in COMMANDS.items():
                with m.Case(opcode):
                    m.d.sync += [
                        port.eq(1 << self._routes[Opcode(opcode)]),
                        engine.eq(1 << ENGINES.index(spec.engine)),
                    ]
        return port, engine

    def _bus_error(self, m: Module) -> Signal:
        """The code of the bus errors seen, or NONE."""
        code = Signal(ERROR_BITS)
        for name, value in reversed(BUS_ERROR_CODES.items()):
            with m.If(self.bus_errors[name]):
                m.d.comb += code.eq(value)
        return code

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.validator = validator = CommandValidator(self._config)
        m.submodules.fetch = fetch = BurstReader(depth=2 * COMMAND_BEATS, outstanding=2)
        wiring.connect(m, fetch.port, wiring.flipped(self.read))
        port, engine = self._route(m)
        bus_error = self._bus_error(m)

        addr = Signal(ADDRESS_BITS)
        left = Signal(32)  # commands not begun
        beat = Signal(range(COMMAND_BEATS))
        wait = Signal(range(validator.delay))
        found = Signal(ERROR_BITS)  # the engine's error
        hung = Signal()
        ending = Signal()  # the program ends in this cycle, by an error unless the code is NONE
        code = Signal(ERROR_BITS)
        detail = Signal(DETAIL_BITS)
        m.d.comb += [
            validator.command.eq(self.command),
            fetch.descriptor.payload.addr.eq(addr),
            fetch.descriptor.payload.beats.eq(COMMAND_BEATS),
        ]

        quiet = Signal()  # a cycle late, for the clock's sake: an engine that is done opens no transaction
        m.d.sync += quiet.eq(self.bus_quiet)

        with m.If(~hung), m.FSM() as fsm:
            with m.State("IDLE"), m.If(self.start):
                m.d.sync += [addr.eq(self.program_addr), left.eq(self.program_count)]
                m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.comb += self.clear_errors.eq(1)
                with m.If(left == 0):
                    m.d.comb += ending.eq(1)
                    m.next = "IDLE"
                with m.Elif(addr[: exact_log2(ALIGNMENT)] != 0):
                    m.d.comb += [ending.eq(1), code.eq(ErrorCode.UNALIGNED)]
                    m.next = "IDLE"
                with m.Else():
                    m.d.comb += fetch.descriptor.valid.eq(1)
                    with m.If(fetch.descriptor.ready):
                        m.next = "FETCH"
            with m.State("FETCH"):
                m.d.comb += fetch.data.ready.eq(1)
                with m.If(fetch.data.valid):
                    m.d.sync += [
                        self.command.eq(Cat(self.command[8 * BUS_BYTES :], fetch.data.payload)),
                        beat.eq(beat + 1),
                        wait.eq(validator.delay - 1),
                    ]
                    with m.If(beat == COMMAND_BEATS - 1):
                        m.next = "VALIDATE"
            with m.State("VALIDATE"):
                m.d.sync += wait.eq(wait - 1)
                with m.If(wait == 0):
                    m.next = "JUDGE"
            with m.State("JUDGE"):
                with m.If(bus_error != ErrorCode.NONE):
                    m.d.comb += [ending.eq(1), code.eq(bus_error)]
                    m.next = "IDLE"
                with m.Elif(validator.code != ErrorCode.NONE):
                    m.d.comb += [ending.eq(1), code.eq(validator.code), detail.eq(validator.detail)]
                    m.next = "IDLE"
                with m.Else():
                    m.next = "ISSUE"
            with m.State("ISSUE"):
                m.d.comb += [self.engine_valid.eq(port), self.active.eq(engine)]
                with m.If((self.engine_ready & port).any()):
                    m.next = "RUN"
            with m.State("RUN"):
                m.d.comb += self.active.eq(engine)
                with m.If((self.engine_done & port).any()):
                    for index in range(self._ports):
                        with m.If(port[index]):
                            m.d.sync += found.eq(self.engine_error[index])
                    m.next = "SETTLE"
            with m.State("SETTLE"), m.If(quiet):
                with m.If((bus_error != ErrorCode.NONE) | (found != ErrorCode.NONE)):
                    m.d.comb += [ending.eq(1), code.eq(Mux(bus_error != ErrorCode.NONE, bus_error, found))]
                    m.next = "IDLE"
                with m.Else():
                    m.d.comb += self.completed.eq(engine)
                    m.d.sync += [addr.eq(addr + COMMAND_BYTES), left.eq(left - 1)]
                    m.next = "ADVANCE"
            with m.State("ADVANCE"):
                with m.If(left == 0):
                    m.d.comb += ending.eq(1)
                    m.next = "IDLE"
                with m.Else():
                    m.d.sync += self.command_index.eq(self.command_index + 1)
                    m.next = "BEGIN"

        timer = Signal(32)
        elapsed = Signal()
        expired = Signal()
        between = fsm.ongoing("ADVANCE") | fsm.ongoing("BEGIN")
        m.d.comb += [
            self.busy.eq(~fsm.ongoing("IDLE") & ~hung),
            self.started.eq(self.start & ~self.busy),
            expired.eq(self.busy & ~between & elapsed & ~ending & ~self.completed.any()),
        ]
        with m.If(fsm.ongoing("BEGIN")):
            m.d.sync += [timer.eq(self.watchdog), elapsed.eq(self.watchdog == 1)]
        with m.Else():
            m.d.sync += [timer.eq(timer - (timer != 0)), elapsed.eq(timer == 2)]

        m.d.sync += self.finished.eq(ending | expired | (hung & self.start))
        with m.If(self.started):
            m.d.sync += [self.done.eq(hung), self.error.eq(hung), self.error_index.eq(0), self.command_index.eq(0)]
            with m.If(~hung):
                m.d.sync += [self.code.eq(ErrorCode.NONE), self.detail.eq(0)]
        with m.If(ending):
            m.d.sync += [
                self.done.eq(1),
                self.error.eq(code != ErrorCode.NONE),
                self.code.eq(code),
                self.detail.eq(detail),
            ]
            with m.If(code != ErrorCode.NONE):
                m.d.sync += self.error_index.eq(self.command_index)
        with m.If(expired):
            m.d.sync += [
                hung.eq(1),
                self.done.eq(1),
                self.error.eq(1),
                self.code.eq(ErrorCode.WATCHDOG),
                self.error_index.eq(self.command_index),
            ]
        return m
