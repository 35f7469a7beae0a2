"""Simulation: the bit-exact golden model, the Verilated RTL in process, and the cocotb benches."""
