"""What benches share: the runner, drivers of the bus, memories and designs around the engine under test."""
