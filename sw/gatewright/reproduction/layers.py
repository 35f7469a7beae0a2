"""What pictures show of a program: bounds and quantisation errors of its layers, in JSON's types."""

from __future__ import annotations

from math import isfinite
from typing import Any

from gatewright.program.compiled import CompiledProgram
from gatewright.program.summary import summarise
from gatewright.spec.config import AcceleratorConfig

__all__ = ["layers_of"]


def layers_of(program: CompiledProgram, config: AcceleratorConfig) -> dict[str, Any]:
    """Of the longest variant; sizes that a call brings along count at their most."""
    summary = summarise(program, program.variants[-1], config)
    layers = [
        {
            "node": layer.node,
            "operator": layer.operator,
            "engine": layer.commands[0].engine if layer.commands else "",
            "compute": sum(command.min_cycles_compute for command in layer.commands),
            "memory": sum(command.min_cycles_memory for command in layer.commands),
            "least": layer.min_cycles,
            "error": _number(layer.error),
            "own": _number(layer.own),
        }
        for layer in summary.layers
    ]
    return {"name": program.name.rpartition(" ")[0] or program.name, "variant": summary.title, "layers": layers}


def _number(error: float) -> float | None:
    return error if isfinite(error) else None
