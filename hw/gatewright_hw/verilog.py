"""Verilog text of a component, with readable port names."""

import re
from collections.abc import Mapping

from amaranth.back import rtlil, verilog
from amaranth.hdl import Signal, Value
from amaranth.hdl._ir import PortDirection  # Amaranth 0.5 has no public name for what `convert` takes
from amaranth.lib import wiring

__all__ = ["to_rtlil", "to_verilog"]

_NEVER_STARTED = re.compile(r"^  always @\*\n    (.*'h[0-9a-f]+;)$", re.MULTILINE)
_STARTER = re.compile(r"^  reg (\\\$auto\$verilog_backend\S+)\s+= 0;$", re.MULTILINE)


def to_verilog(component: wiring.Component, name: str, **inputs: Signal) -> str:
    """Convert ``component`` to a Verilog module ``name`` with ports ``clk``, ``rst`` and one port per member of its
    signature.

    A member inside an interface is named ``interface_member``, so that ``m_axi: Out(Axi4())`` gives ``m_axi_araddr``.
    ``inputs`` are more ports: signals that something inside reads and nothing drives. The text depends on the design
    only, not on where its sources lie.
    """
    ports = _ports(component, inputs)
    text = verilog.convert(component, name=name, ports=ports, emit_src=False, strip_internal_attrs=True)
    return "endmodule\n".join(map(_started, text.split("endmodule\n")))


def _started(module: str) -> str:
    """Yosys writes bits of a variable that are constant as a block without an input, which no simulator has to start:
    they would be X, or whatever registers begin with. Its other blocks read a variable that sets them off."""
    if not _NEVER_STARTED.search(module):
        return module
    starter = _STARTER.search(module)
    assert starter is not None, "a module with such a variable has a process"
    return _NEVER_STARTED.sub(lambda found: _block(starter[1], found[1]), module)


def _block(starter: str, statement: str) -> str:
    return f"  always @* begin\n    if ({starter} ) begin end\n    {statement}\n  end"


def to_rtlil(component: wiring.Component, name: str) -> str:
    """The same as Yosys' own text, in which each cell knows the line of the source that it comes from."""
    return str(rtlil.convert(component, name=name, ports=_ports(component, {}), emit_src=True))


def _ports(component: wiring.Component, inputs: Mapping[str, Signal]) -> dict[str, tuple[Value, PortDirection]]:
    ports = {name: (signal, PortDirection.Input) for name, signal in inputs.items()}
    for path, member, value in component.signature.flatten(component):
        direction = PortDirection.Input if member.flow is wiring.In else PortDirection.Output
        ports["_".join(map(str, path))] = (Value.cast(value), direction)
    return ports
