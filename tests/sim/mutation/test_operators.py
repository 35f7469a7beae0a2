# amaranth: UnusedElaboratable=no

"""Faults in hardware: with 0 selected the original, with a mutant's number what its name says."""

import ast
from typing import Any

import pytest
from amaranth.hdl import Const, Elaboratable, Module, Mux, Signal, signed

from gatewright_sim.components.simulation import simulate
from gatewright_sim.mutation.operators import Operators
from gatewright_sim.mutation.rewrite import RUNTIME, rewrite

A, B = 0b1100_0101, 0b0100_0111


class Part(Elaboratable):
    """Combinational: ``out`` of ``a`` and ``b``, as ``body`` says."""

    def __init__(self, body: str, operators: Operators) -> None:
        self.a, self.b, self.out = Signal(8), Signal(8), Signal(signed(16))
        tree, _ = rewrite(f"def build(m, a, b, out):\n{body}", "part.py")
        names = {RUNTIME: operators, "Mux": Mux, "Const": Const}
        exec(compile(ast.fix_missing_locations(tree), "part.py", "exec"), names)
        self._build = names["build"]

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        self._build(m, self.a, self.b, self.out)
        return m


def results(body: str) -> dict[str, int]:
    """What comes out, by the name of the fault; that of the original by ''."""
    first = Operators()
    Part(body, first).elaborate(None)
    operators = Operators()
    operators.numbers = {key: number for number, key in enumerate(first.found, start=1)}
    part = Part(body, operators)
    taken: dict[str, int] = {}

    async def testbench(ctx: Any) -> None:
        ctx.set(part.a, A)
        ctx.set(part.b, B)
        for key, number in {"": 0, **operators.numbers}.items():
            ctx.set(operators.select, number)
            taken[key.split(": ", 2)[-1]] = ctx.get(part.out)
            await ctx.delay(1e-9)

    simulate(part, testbench)
    for key, number in operators.numbers.items():
        assert fixed(body, key) == taken[key.split(": ", 2)[-1]], f"{key} ({number}), selected and fixed"
    return taken


def fixed(body: str, key: str) -> int:
    """What comes out of the part that is the mutant."""
    part = Part(body, Operators(fixed=key))
    taken = []

    async def testbench(ctx: Any) -> None:
        ctx.set(part.a, A)
        ctx.set(part.b, B)
        taken.append(ctx.get(part.out))
        await ctx.delay(1e-9)

    simulate(part, testbench)
    return int(taken[0])


CASES = [
    ("a & b", {"": A & B, "|": A | B, "left": A, "right": B}),
    ("a + 3", {"": A + 3, "-": (A - 3) & 511, "right + 1": A + 4, "right - 1": A + 2}),
    ("a - b", {"": A - B, "+": A + B - 512}),
    ("a > b", {"": 1, ">=": 1}),
    ("a == 197", {"": 1, "!=": 0, "right + 1": 0, "right - 1": 0}),
    ("Mux(a[0], a, b)", {"": A, "swapped": B, "high": A, "low": B, "up": B}),
    ("(~a)[:8] | 0", {"": ~A & 255, "&": 0, "left": ~A & 255, "right": 0, "not inverted": A}),
    ("a.as_signed()", {"": A - 256, "as_unsigned": A}),
    ("a.as_unsigned()", {"": A, "as_signed": A - 256}),
    ("a[2:5] | 0", {"": 1, "&": 0, "left": 1, "right": 0, "up": 0, "down": 2}),
    ("b.any()", {"": 1, "all": 0}),
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[expression for expression, _ in CASES])
def test_faults_of_an_expression(expression: str, expected: dict[str, int]) -> None:
    found = results(f"    m.d.comb += out.eq({expression})\n")
    found = {key.split(" -> ")[-1]: value for key, value in found.items() if "out.eq" not in key}
    assert found == expected


def test_faults_of_statements_and_conditions() -> None:
    found = results("    with m.If(a == b):\n        m.d.comb += out.eq(5)\n")
    assert {key.split(": ")[-1].split(" -> ")[-1]: value for key, value in found.items() if "m.If" in key} == {
        "negated": 5,
        "always": 5,
        "never": 0,
    }
    found = results("    m.d.comb += [out.eq(5), a.any().eq(0) if False else out[0].eq(0)]\n")
    assert found[""] == 4
    assert found["out.eq(5) -> left out"] == 0
    assert found["out.eq(5) -> =6"] == 6


def test_integers_and_shapes_are_no_hardware() -> None:
    operators = Operators()
    assert operators.binary("site", "+", 3, 4) == 7
    assert operators.compare("site", "<", 3, 4) is True
    assert not operators.found
