"""Compiled programs: what the compiler writes, the driver loads and `gatewright inspect` shows. Needs numpy alone."""
