# amaranth: UnusedElaboratable=no
"""Memories of every shape that the accelerator has, synthesised, against Amaranth's own; modes that are refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from amaranth.hdl import Fragment, Module, Mux, Shape, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.config import CONFIGS, get_config
from gatewright_hw.synthesis import synthesised
from gatewright_hw.top import Top
from gatewright_hw.verilog import to_verilog
from gatewright_sim.gates.errors import GateError
from gatewright_sim.gates.lockstep import differences
from gatewright_sim.gates.verilog import cells_by_kind, gates_of

CYCLES = 20_000


class Memories(wiring.Component):
    """Memories side by side. Each of their ports is driven from outside, but for addresses: those that do not exist are
    0, and a quarter of all reads is where the next port is just writing."""

    def __init__(self, memories: Mapping[str, memory.Memory]) -> None:
        self._memories = memories
        members = {}
        for name, ram in memories.items():
            for index, port in enumerate((*ram.write_ports, *ram.read_ports)):
                for member, flow, value in port.signature.flatten(port):
                    kind = In if flow.flow is wiring.In else Out
                    members[f"{name}_{index}_{member[0]}"] = kind(len(Value.cast(value)))
                members[f"{name}_{index}_same"] = In(2)
        super().__init__(members)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        for name, ram in self._memories.items():
            m.submodules[name] = ram
            for index, port in enumerate((*ram.write_ports, *ram.read_ports)):
                ours = {key: getattr(self, f"{name}_{index}_{key}") for key in ("addr", "en", "data", "same")}
                m.d.comb += port.addr.eq(Mux(ours["addr"] < ram.depth, ours["addr"], 0))
                if index and ram.write_ports:
                    with m.If(ours["same"] == 0):
                        m.d.comb += port.addr.eq(ram.write_ports[0].addr)
                if isinstance(port.en, Signal):
                    m.d.comb += port.en.eq(ours["en"])
                data = Value.cast(port.data)
                m.d.comb += data.eq(ours["data"]) if index < len(ram.write_ports) else ours["data"].eq(data)
        return m


def _like(ram: memory.Memory) -> memory.Memory:
    """A memory of that shape, and with its ports."""
    made = memory.Memory(shape=ram.shape, depth=ram.depth, init=[] if ram.write_ports else ram.init)
    for port in ram.write_ports:
        made.write_port(granularity=port.signature.granularity)
    for port in ram.read_ports:
        made.read_port(domain=port.domain)
    return made


def _memories_of(configs: Iterable[str]) -> dict[str, memory.Memory]:
    """One memory of every shape that the accelerator has in these configurations, by a name that says it."""
    found: dict[str, memory.Memory] = {}
    elaborate = memory.Memory.elaborate

    def note(ram: memory.Memory, platform: object) -> Any:
        assert not any(port.transparent_for for port in ram.read_ports)
        ways = [f"w{port.signature.granularity or ''}" for port in ram.write_ports]
        ways += [f"r_{port.domain}" for port in ram.read_ports]
        found.setdefault("_".join((f"ram{Shape.cast(ram.shape).width}x{ram.depth}", *ways)), ram)
        return elaborate(ram, platform)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory.Memory, "elaborate", note)
        for config in configs:
            Fragment.get(Top(get_config(config)), None)
    return {name: _like(ram) for name, ram in found.items()}


def test_every_memory_in_use() -> None:
    text = to_verilog(Memories(_memories_of(CONFIGS)), "memories")
    module = synthesised(text, "memories")
    assert {"RAMB18E1", "RAMB36E1", "RAM32M", "RAM64M"} <= cells_by_kind(module).keys()
    assert differences(text, "memories", {"gates": gates_of(module, "gates", keeps=True)}, CYCLES) == {}


def _block_ram(**changes: Any) -> dict[str, Any]:
    """A netlist of one RAMB18E1 in a mode that the model knows, but for changes of parameters and pins."""
    parameters = {
        "RAM_MODE": "TDP",
        "READ_WIDTH_A": f"{9:032b}",
        "WRITE_WIDTH_A": f"{9:032b}",
        "READ_WIDTH_B": f"{9:032b}",
    }
    pins: dict[str, list[Any]] = {"CLKARDCLK": [2], "CLKBWRCLK": [2], "ENARDEN": ["1"], "ENBWREN": ["1"]}
    pins |= {"ADDRARDADDR": ["0"] * 14, "ADDRBWRADDR": ["0"] * 14, "WEA": ["1", "1"]}
    for name, value in changes.items():
        if isinstance(value, list):
            pins[name] = value
        else:
            parameters[name] = f"{value:032b}" if isinstance(value, int) else value
    cell = {"type": "RAMB18E1", "parameters": parameters, "connections": pins, "port_directions": {}}
    return {"ports": {"clk": {"direction": "input", "bits": [2]}}, "cells": {"a.ram": cell}}


@pytest.mark.parametrize("width", [1, 2, 4, 9, 18])
def test_a_mode_that_is_known(width: int) -> None:
    changes = {"READ_WIDTH_A": width, "WRITE_WIDTH_A": width, "READ_WIDTH_B": width}
    assert f".WIDTH(32'b{width:032b})" in gates_of(_block_ram(**changes), "top")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"DOA_REG": 1}, "parameter DOA_REG is 1, allowed 0"),
        ({"DOB_REG": 1}, "parameter DOB_REG is 1, allowed 0"),
        ({"RAM_MODE": "QDP"}, "parameter RAM_MODE is QDP, allowed TDP, SDP"),
        ({"WRITE_MODE_A": "BOTH"}, "parameter WRITE_MODE_A is BOTH, allowed WRITE_FIRST, READ_FIRST, NO_CHANGE"),
        ({"RAM_EXTENSION_A": "LOWER"}, "parameter RAM_EXTENSION_A is LOWER, allowed NONE"),
        ({"EN_ECC_READ": "TRUE"}, "parameter EN_ECC_READ is TRUE, allowed FALSE"),
        ({"IS_CLKARDCLK_INVERTED": "1"}, "parameter IS_CLKARDCLK_INVERTED is 1, allowed 0"),
        ({"READ_WIDTH_B": 18}, "parameter READ_WIDTH_B is 18, allowed 1, 2, 4, 9, 18, the same for all ports"),
        ({"READ_WIDTH_A": 36}, "parameter READ_WIDTH_A is 36, allowed 1, 2, 4, 9, 18, the same for all ports"),
        ({"WRITE_WIDTH_B": 9}, "parameter WRITE_WIDTH_A is 9, allowed 0"),
        ({"RAM_MODE": "SDP"}, "parameter READ_WIDTH_B is 9, allowed 0"),
        ({"RSTRAMB": [3]}, "pin RSTRAMB is in use, allowed 0"),
        ({"CLKBWRCLK": [3]}, "CLKARDCLK and CLKBWRCLK differ, allowed one clock"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_mode_that_is_not_known_stops_the_run(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(GateError, match=rf"^RAMB18E1 a\.ram: {re.escape(said)}"):
        gates_of(_block_ram(**changes), "top")
