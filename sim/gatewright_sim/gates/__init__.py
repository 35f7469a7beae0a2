"""The netlist that Yosys makes for the part, simulated in the place of the RTL: Yosys' own models of its cells, ours of
block RAM."""
