"""PyTorch modules, compiled in one line and executed; and what is said of those that cannot be."""

import re
import warnings
from dataclasses import dataclass

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

import gatewright  # noqa: E402
from gatewright import Accelerator  # noqa: E402
from gatewright.compiler.errors import CalibrationWarning, CompileError  # noqa: E402
from gatewright.models.csr_op import csr_matmul  # noqa: E402

ALLOWED = 0.05  # relative rms error


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def execute(program, **inputs):
    with Accelerator(config="pynq-z2", backend="golden") as accelerator, accelerator.load(program) as loaded:
        return loaded(**{name: value.numpy() for name, value in inputs.items()})


def close(found, tensor):
    right = tensor.detach().numpy()
    assert found.shape == right.shape
    assert found.dtype == right.dtype
    assert np.linalg.norm(found - right) <= ALLOWED * np.linalg.norm(right)


@dataclass
class Sums:
    total: torch.Tensor
    parts: tuple[torch.Tensor, torch.Tensor]
    cache: object = None


class Adds(nn.Module):
    def forward(self, x, y):
        total = x + y
        return Sums(total, (total, y))


def test_results_are_named_by_what_holds_them():
    x, y = torch.randn(3, 8), torch.randn(3, 8)
    program = gatewright.compile(Adds(), (x, y), calibration=[(x, y)])
    assert [value.name for value in program.variants[0].outputs] == ["total", "parts_0", "parts_1"]
    found = execute(program, x=x, y=y)
    for name, right in {"total": x + y, "parts_0": x + y, "parts_1": y}.items():
        close(found[name], right)


SAMPLES = torch.randn(12, 4, 20, generator=torch.Generator().manual_seed(1))


def test_a_loader_calibrates_and_the_module_stays_as_it_was():
    module = nn.Sequential(nn.Linear(20, 32), nn.GELU(), nn.Dropout(0.5), nn.Linear(32, 5))
    module[2].eval()
    loader = DataLoader(TensorDataset(SAMPLES.reshape(48, 20)), batch_size=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        program = gatewright.compile(module, SAMPLES[0], calibration=loader)
    assert [part.training for part in module.modules()] == [True, True, True, False, True]
    assert program.name == "Sequential"
    close(execute(program, input=SAMPLES[1])["output"], module.eval()(SAMPLES[1]))


def test_without_calibration_the_example_inputs_are_it_and_that_is_said():
    with pytest.warns(CalibrationWarning, match="^Linear is calibrated on its example inputs alone") as said:
        program = gatewright.compile(nn.Linear(20, 5), SAMPLES[0])
    assert said[0].filename == __file__
    assert program.variants[0].inputs[0].shape == (4, 20)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.layer = nn.Embedding(50, 32), nn.TransformerEncoderLayer(32, 2, 64, batch_first=True)

    def forward(self, ids, scale=1.0, *, ignored=None):
        return self.layer(self.table(ids) * scale, src_key_padding_mask=ignored)


def test_dynamic_axes_are_buckets():
    ids = [torch.randint(0, 50, (1, 12)) for _ in range(4)]
    module = Encoder()
    program = gatewright.compile(
        module, ids[0], calibration=ids, dynamic_axes={"ids": {1: "tokens"}}, buckets={"tokens": [8, 16]}
    )
    assert [variant.dims for variant in program.variants] == [{"tokens": 8}, {"tokens": 16}]
    ids = ids[0][:, :8]
    close(execute(program, ids=ids)["output"], module.eval()(ids))


def test_constants_of_the_example_hold_for_all_calls():
    ids = [torch.randint(0, 50, (1, 8)) for _ in range(4)]
    module = Encoder()
    program = gatewright.compile(
        module, {"ids": ids[0], "scale": 0.5}, calibration=[{"ids": each, "scale": 0.5} for each in ids]
    )
    assert [value.name for value in program.variants[0].inputs] == ["ids"]
    close(execute(program, ids=ids[1])["output"], module.eval()(ids[1], 0.5))


class Graph(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("row_ptr", torch.tensor([0, 2, 3, 5]))
        self.register_buffer("col", torch.tensor([0, 2, 1, 1, 2]))
        self.register_buffer("weight", torch.tensor([0.5, 0.25, 1.0, 0.75, 0.25]))

    def forward(self, x):
        return csr_matmul(self.row_ptr, self.col, self.weight, x)


def test_a_sparse_product_is_the_fabrics():
    samples = [torch.randn(3, 16) for _ in range(8)]
    program = gatewright.compile(Graph(), samples[0], calibration=samples)
    assert len(program.variants[0].steps) == 1
    close(execute(program, x=samples[1])["output"], Graph()(samples[1]))


class Decides(nn.Module):
    def forward(self, x):
        return x + 1 if x.sum() > 0 else x - 1


class Draws(nn.Module):
    def forward(self, x):
        return x + torch.rand_like(x)


class Keeps(nn.Module):
    def forward(self, x):
        return {"y": x + 1, "cache": object()}


ROW = torch.zeros(2, 20)
AXES = {"dynamic_axes": {"input": {0: "rows"}}}
REFUSED = {
    "no example": (nn.Linear(20, 5), None, {}, "example_inputs of Linear is a NoneType, allowed: a tensor"),
    "a wrong size": (nn.Linear(20, 5), torch.zeros(2, 6), {}, "Linear fails for its example inputs: RuntimeError"),
    "control flow": (Decides(), ROW, {}, "Decides cannot be exported by PyTorch: GuardOnDataDependentSymNode: .*"),
    "chance": (Draws(), ROW, {}, r"Draws was exported, but its output differs from PyTorch's by .* \(rms\)"),
    "an object": (Keeps(), ROW, {}, r"gives cache, a object, allowed are tensors: .* outputs=\[...\] .* y, cache"),
    "an unknown output": (Keeps(), ROW, {"outputs": ["z"]}, "outputs has 'z', allowed are those of Keeps: y, cache"),
    "another size": (nn.Linear(20, 5), ROW, {"calibration": [ROW[:1]]}, r"input 'input' has shape \[1, 20\], allowed"),
    "no size": (nn.Linear(20, 5), ROW, AXES, "dimension 'rows' of 'input' has no sizes, needed: buckets"),
    "one row": (nn.Linear(20, 5), ROW[:1], {**AXES, "capacity": {"rows": 8}}, "is 1 in the example .* 2 or more"),
    "a wrong axis": (nn.Linear(20, 5), ROW, {"dynamic_axes": {"input": {2: "rows"}}}, "has axis 2, allowed: 0..1"),
    "a wrong input": (nn.Linear(20, 5), ROW, {"dynamic_axes": {"x": {0: "rows"}}}, "has 'x', allowed are the inputs"),
    "of ONNX": (b"", ROW, {}, "example_inputs, dynamic_axes and outputs are of a torch.nn.Module"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.filterwarnings("ignore::gatewright.compiler.errors.CalibrationWarning")
def test_what_cannot_be_compiled_is_said_in_one_line(case, capfd):
    module, example, options, said = REFUSED[case]
    with pytest.raises(CompileError) as raised:
        gatewright.compile(module, example, **options)
    message = str(raised.value)
    assert re.search(said, message), message
    assert "\n" not in message
    assert capfd.readouterr() == ("", "")


def test_outputs_chooses_results():
    x = torch.randn(2, 20)
    program = gatewright.compile(Keeps(), x, calibration=[x], outputs=["y"])
    assert [value.name for value in program.variants[0].outputs] == ["y"]
