"""The contract: number formats, register map, command set, configuration. Python and numpy; imports nothing of ours."""
