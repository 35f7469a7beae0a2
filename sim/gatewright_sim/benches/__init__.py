"""Test benches of the RTL: the runner, bus models and cocotb tests."""
