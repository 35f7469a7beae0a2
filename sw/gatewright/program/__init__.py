"""Compiled programs: what the compiler writes, the driver loads and `gatewright inspect` shows. Needs numpy alone."""

from gatewright.program.compiled import CompiledProgram
from gatewright.program.errors import DamagedProgram, InputError, ProgramError, UnsupportedProgram
from gatewright.program.file import load_program, save_program

__all__ = [
    "CompiledProgram",
    "DamagedProgram",
    "InputError",
    "ProgramError",
    "UnsupportedProgram",
    "load_program",
    "save_program",
]
