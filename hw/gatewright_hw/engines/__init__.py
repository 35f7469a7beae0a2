"""The engines: each runs one kind of command from operands to results in DDR."""
