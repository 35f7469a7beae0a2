"""The on-chip memory port, AXI4 and AXI4-Lite components."""
