"""Names of the tensors in what a module gives."""

from collections import namedtuple
from dataclasses import dataclass

import pytest

torch = pytest.importorskip("torch")

from gatewright.compiler.errors import CompileError  # noqa: E402
from gatewright.compiler.from_torch.results import flattened  # noqa: E402

X, Y, Z = torch.zeros(1), torch.ones(1), torch.ones(2)


@dataclass
class Pair:
    total: object
    parts: object
    cache: object = None


Named = namedtuple("Named", "low high")

RESULTS = {
    "a tensor": (X, {"output": X}),
    "a tuple": ((X, Y), {"output_0": X, "output_1": Y}),
    "a dict": ({"sum": X, "off": None}, {"sum": X}),
    "a dataclass": (Pair(X, (Y, Z)), {"total": X, "parts_0": Y, "parts_1": Z}),
    "a namedtuple": (Named(X, Y), {"low": X, "high": Y}),
    "lists in a dict": ({"all": [X, [Y, Z]]}, {"all_0": X, "all_1_0": Y, "all_1_1": Z}),
    "a dict in a dataclass": (Pair({"x": X}, {"y": Named(Y, Z)}), {"total_x": X, "parts_y_low": Y, "parts_y_high": Z}),
}


@pytest.mark.parametrize("kind", RESULTS)
def test_tensors_are_named_by_what_holds_them(kind):
    result, wanted = RESULTS[kind]
    found = flattened(result, "Module")
    assert list(found) == list(wanted)
    assert all(found[name] is tensor for name, tensor in wanted.items())


def test_only_what_is_wanted_is_looked_at():
    assert list(flattened(Pair(X, (Y, Z), object()), "Module", ["parts"])) == ["parts_0", "parts_1"]


REFUSED = {
    "an object": (Pair(X, Y, object()), None, r"Module gives cache, a object, allowed are tensors: .* total, parts"),
    "a number": ((X, 3), None, "Module gives output_1, a int, allowed are tensors"),
    "an unknown name": ((X, Y), ["output"], "outputs has 'output', allowed are those of Module: output_0, output_1"),
    "nothing": (None, None, "Module gives NoneType without any tensor"),
    "one name twice": ({"a_0": X, "a": [Y]}, None, "Module gives two tensors named a_0, allowed are different names"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_tensor_is_refused(case):
    result, wanted, said = REFUSED[case]
    with pytest.raises(CompileError, match=said):
        flattened(result, "Module", wanted)
