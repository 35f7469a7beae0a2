"""Designs whose registers hold anything until they are reset, as those of a fabric may."""

from __future__ import annotations

import re

__all__ = ["without_initial_values"]

_REGISTER = re.compile(r"^(\s*reg (?:\[[^]]+\] )?(\S+)\s*) = [^;]+;$", re.M)
_MEMORY = re.compile(r"^  initial begin\n    (\S+)\[0\] = .*?^  end\n", re.S | re.M)
_MODULE = re.compile(r"^module .*?^endmodule$", re.S | re.M)
_ALWAYS = r"\$auto$verilog_backend"
"""Registers that Yosys adds, so that what is constant is evaluated once; they are no hardware."""


def without_initial_values(verilog: str, keep: str | None = None) -> str:
    """``verilog`` as Amaranth writes it, but registers and memories have no initial values. Memories that are never
    written are tables, and keep theirs, as does the register called ``keep``."""

    def strip(module: re.Match[str]) -> str:
        text = module.group()

        def register(match: re.Match[str]) -> str:
            return match.group() if match[2].startswith(_ALWAYS) or match[2] == keep else f"{match[1]};"

        def memory(match: re.Match[str]) -> str:
            written = re.search(
                rf"{re.escape(match[1])} ?\[[^;]*\] ?<=|{re.escape(match[1])}\[[^;]*\]\[[^;]*\] <=", text
            )
            return "" if written else match.group()

        return _MEMORY.sub(memory, _REGISTER.sub(register, text))

    return _MODULE.sub(strip, verilog)
