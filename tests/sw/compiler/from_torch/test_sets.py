"""Calibration inputs in the forms that PyTorch users have them in."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from gatewright.compiler.errors import CompileError  # noqa: E402
from gatewright.compiler.from_torch.example import read_example  # noqa: E402
from gatewright.compiler.from_torch.sets import named_sets  # noqa: E402


class Module(nn.Module):
    def forward(self, x, y, scale=1.0):
        return x + y * scale


ROWS = torch.arange(24.0).reshape(3, 2, 4)
EXAMPLE = read_example(Module(), (ROWS[0], ROWS[0], 0.5))
ONE = read_example(nn.Linear(4, 4), ROWS[0])

SETS = {
    "a loader of tuples": (ONE, DataLoader(TensorDataset(ROWS.reshape(6, 4)), batch_size=2)),
    "a loader of tensors": (ONE, DataLoader(ROWS.reshape(6, 4), batch_size=2)),
    "an array": (ONE, ROWS.numpy()),
    "a generator of dicts": (ONE, ({"input": each} for each in ROWS)),
    "tuples": (EXAMPLE, [(each, each) for each in ROWS]),
    "dicts with the constant": (EXAMPLE, [{"y": each.numpy(), "x": each, "scale": 0.5} for each in ROWS]),
}


@pytest.mark.parametrize("kind", SETS)
def test_each_set_is_arrays_by_name(kind):
    example, given = SETS[kind]
    found = named_sets(given, example, "Module")
    assert [set(each) for each in found] == [set(example.tensors)] * len(ROWS)
    for arrays, rows in zip(found, ROWS.numpy(), strict=True):
        for array in arrays.values():
            np.testing.assert_array_equal(array, rows)


def test_a_lone_dict_is_one_set():
    (found,) = named_sets({"x": ROWS[0], "y": ROWS[1]}, EXAMPLE, "Module")
    np.testing.assert_array_equal(found["y"], ROWS[1].numpy())


REFUSED = {
    "none": ([], "calibration is empty, needed: at least one set"),
    "a number": (3, "calibration is a int, allowed: an iterable"),
    "too few": ([(ROWS[0],)], "calibration set 0 has 1 inputs, Module takes 2: x, y"),
    "text": ([(ROWS[0], ROWS[0]), "x"], "calibration set 1 is a str, allowed: a tensor, a tuple or a dict"),
    "another constant": ([{"x": ROWS[0], "y": ROWS[0], "scale": 2.0}], "scale = 2.0, allowed as in the example: 0.5"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_set_is_refused(case):
    given, said = REFUSED[case]
    with pytest.raises(CompileError, match=said):
        named_sets(given, EXAMPLE, "Module")
