"""Lowering: one file per family of operators, each with rules that turn a node into kernels."""

from importlib import import_module

__all__ = ["FAMILIES", "load_rules"]

FAMILIES = (
    "linear",
    "attention",
    "pool",
    "gather",
    "sparse",
    "elementwise",
    "choice",
    "functions",
    "norm",
    "softmax",
    "masks",
    "shape",
    "reduce",
    "matmul",
    "integer",
)
"""Modules of this package that register rules."""


def load_rules() -> None:
    """Fill the table of rules."""
    for family in FAMILIES:
        import_module(f"gatewright.compiler.lower.{family}")
