"""What benches share: tables of cases, the runner, drivers, a memory that misbehaves, designs around an engine."""
