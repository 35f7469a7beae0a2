"""Compiled programs on the device: placed once, then called step by step."""
