"""Which expressions and statements are sites of mutants, and that the others stay."""

import ast

import pytest

from gatewright_sim.mutation.rewrite import RUNTIME, rewrite


def rewritten(body: str) -> tuple[str, list[str]]:
    tree, lines = rewrite(f"def elaborate(m):\n    {body}\n", "part.py")
    return ast.unparse(tree.body[0].body[0]), [name.removeprefix("part.py: elaborate: ") for name in lines]


@pytest.mark.parametrize(
    ("body", "methods"),
    [
        ("x = a == 1", ["compare"]),
        ("x = a & ~b", ["binary", "invert"]),
        ("m.d.sync += [a.eq(b), c.eq(1)]", ["statement", "assigned"]),
        ("m.d.comb += each", ["statement"]),
        ("m.next = 'IDLE'", ["next_state"]),
        ("x = Mux(a, b[3], c)", ["chosen", "part"]),
        ("x = a.any()", ["method"]),
        ("x = a[1:] + 1", ["binary", "part"]),
    ],
)
def test_a_site_becomes_a_call(body: str, methods: list[str]) -> None:
    text, _ = rewritten(body)
    for method in methods:
        assert f"{RUNTIME}.{method}(" in text


@pytest.mark.parametrize(
    "body",
    [
        "x = Signal(8)",
        "x = a << 2",
        "x = a < b < c",
        "x = sig[3]",  # it may be assigned to later on
        "self.x += 1",
        "x = fits and full",
        "match entry:\n        case -1:\n            pass",
    ],
)
def test_what_is_no_site_stays(body: str) -> None:
    assert rewritten(body) == (ast.unparse(ast.parse(body)), [])


def test_what_is_assigned_to_is_no_site() -> None:
    _, sites = rewritten("m.d.comb += a[3].eq(b[3])")
    assert "b[3]" in sites
    assert "a[3]" not in sites


def test_equal_sites_are_told_apart_and_know_their_line() -> None:
    _, lines = rewrite("class A:\n def f(m):\n  x = a == 1\n  y = (a ==  1)\n", "part.py")
    assert lines == {"part.py: A.f: a == 1": 3, "part.py: A.f: a == 1 #2": 4}


def test_shapes_outside_of_functions_stay() -> None:
    text = "WIDTH = A + B\n\nclass Part:\n    data: In(WIDTH - 1)"
    tree, lines = rewrite(text, "part.py")
    assert (ast.unparse(tree), lines) == (text, {})
