"""Example inputs: which become inputs of the program, which stay as they are, and which are refused."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from gatewright.compiler.errors import CompileError  # noqa: E402
from gatewright.compiler.from_torch.example import read_example  # noqa: E402


class Module(nn.Module):
    def forward(self, x, scale=1.0, *more, mask=None):
        return x, scale, more, mask


ROW = torch.arange(3.0)
TAKEN = {
    "a tensor": (ROW, ["x"], {}),
    "an array": (np.arange(3.0, dtype=np.float32), ["x"], {}),
    "several": ((ROW, 2.0, ROW, ROW), ["x", "more_0", "more_1"], {"scale": 2.0}),
    "by name": ({"mask": ROW, "x": ROW}, ["mask", "x"], {}),
    "None": ({"x": ROW, "mask": None}, ["x"], {"mask": None}),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_inputs_are_named_like_arguments(kind):
    given, names, constants = TAKEN[kind]
    example = read_example(Module(), given)
    assert list(example.tensors) == names
    assert example.constants == constants
    others = [torch.full((3,), float(index)) for index in range(len(names))]
    x, scale, more, mask = example.call(Module(), others)
    found = dict(zip(names, others, strict=True))
    assert x is found["x"]
    assert scale == constants.get("scale", 1.0)
    assert list(more) == [found[name] for name in names if name.startswith("more")]
    assert mask is found.get("mask")


REFUSED = {
    "no example": (None, "example_inputs of Module is a NoneType, allowed: a tensor"),
    "nothing": ((), "do not fit Module.forward: missing a required argument: 'x'"),
    "a wrong name": ({"x": ROW, "y": ROW}, "do not fit Module.forward: got an unexpected keyword argument 'y'"),
    "no tensor": ((1.0,), "example_inputs of Module have no tensor"),
    "a set": ((ROW, {1}), "example input 'scale' of Module is a set, allowed: tensors"),
    "a sparse one": (ROW.to_sparse(), "example input 'x' of Module is torch.sparse_coo, allowed: dense"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_example_is_refused(case):
    given, said = REFUSED[case]
    with pytest.raises(CompileError, match=said):
        read_example(Module(), given)
