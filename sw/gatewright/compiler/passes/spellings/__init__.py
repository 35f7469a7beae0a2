"""Operators without a rule of their own, spelled with operators that have one."""
