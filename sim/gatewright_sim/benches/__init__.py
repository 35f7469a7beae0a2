"""Test benches of the RTL under cocotb: a table of cases for each, and a catalogue of them all."""
