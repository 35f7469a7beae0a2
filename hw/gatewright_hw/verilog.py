"""Verilog text of a component, with readable port names."""

from amaranth.back import verilog
from amaranth.hdl import Value
from amaranth.hdl._ir import PortDirection  # Amaranth 0.5 has no public name for what `convert` takes
from amaranth.lib import wiring

__all__ = ["to_verilog"]


def to_verilog(component: wiring.Component, name: str) -> str:
    """Convert ``component`` to a Verilog module ``name`` with ports ``clk``, ``rst`` and one port per member of its
    signature.

    A member inside an interface is named ``interface_member``, so that ``m_axi: Out(Axi4())`` gives ``m_axi_araddr``.
    The text depends on the design only, not on where its sources lie.
    """
    ports = {}
    for path, member, value in component.signature.flatten(component):
        direction = PortDirection.Input if member.flow is wiring.In else PortDirection.Output
        ports["_".join(map(str, path))] = (Value.cast(value), direction)
    return str(verilog.convert(component, name=name, ports=ports, emit_src=False, strip_internal_attrs=True))
