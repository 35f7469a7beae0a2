"""The netlist that Yosys makes for the part, simulated in the place of the RTL: Yosys' own models of its cells, ours of
block RAM."""

from gatewright_sim.gates.errors import GateError
from gatewright_sim.gates.verilog import cells_by_kind, gate_level, gates_of

__all__ = ["GateError", "cells_by_kind", "gate_level", "gates_of"]
