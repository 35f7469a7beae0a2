"""Bitstreams with Vivado: a non-project script, complete, that people may also run elsewhere."""
