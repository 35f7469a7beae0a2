"""What becomes of a model, and above all that nothing wrong passes for right."""

import numpy as np
import pytest
from onnx import parser

from gatewright_sim.zoo import trial as module
from gatewright_sim.zoo.material import Material, drawn
from gatewright_sim.zoo.trial import FAILURES, Result, kept_trial, trial


def model(body: str, opset: int = 18, to: str = "4, 16") -> bytes:
    text = f'<ir_version: 8, opset_import: ["": {opset}]> g (float[4, 16] x) => (float[{to}] y) {{ {body} }}'
    return parser.parse_model(text).SerializeToString()


def material(data: bytes, scale: float = 1.0) -> Material:
    """Of inputs that are ``scale`` times larger than in calibration."""
    made = drawn(data, lambda rng: {"x": rng.standard_normal((4, 16), np.float32)})
    return Material(data, made.calibration, tuple({"x": scale * feed["x"]} for feed in made.fresh))


def test_a_model_of_the_fabric_is_right():
    found = trial("one", material(model("t = Tanh(x) y = Add(t, x)")))
    assert (found.result, found.doorbells, found.fabric, found.host, found.reason) == (Result.RIGHT, 1, 2, 0, "")
    assert 0 < found.error < 1e-3
    assert 0 < found.promised < 1e-3


def test_nodes_on_the_host_have_their_reason():
    found = trial("one", material(model("t = Sign(x) u = Tanh(x) y = Add(t, u)")))
    assert (found.result, found.fabric, found.host) == (Result.RIGHT, 2, 1)
    assert found.reason == "the fabric has no operator Sign"


def test_what_saturates_is_said():
    found = trial("one", material(model("y = Neg(x)"), scale=30.0))
    assert (found.result, found.reason) == (Result.WARNED, "x saturates")
    assert found.error > 0.05


def test_an_operator_set_that_the_runtime_does_not_know_is_converted():
    assert trial("one", material(model("y = Add(x, x)", opset=6))).result is Result.RIGHT


WRONG = {
    "other numbers": (model("y = Mul(x, x)"), ""),
    "another shape": (model("y = Transpose(x)", to="16, 4"), "y is float32[16, 4] instead of float32[4, 16]"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_program_is_wrong_silently(monkeypatch, what):
    """One that was compiled from another model, and says nothing."""
    data, said = WRONG[what]
    compiled = module.compile_model
    monkeypatch.setattr(module, "compile_model", lambda _, **options: compiled(data, **options))
    found = trial("one", material(model("y = Neg(x)")))
    assert (found.result, found.reason) == (Result.SILENT, said)
    assert found.result in FAILURES


def test_a_refusal_and_a_crash_are_told_apart(monkeypatch):
    refused = trial("one", material(b"no model"))
    assert refused.result is Result.REFUSED
    assert refused.reason

    def breaks(*_, **__):
        raise KeyError("a node")

    monkeypatch.setattr(module, "compile_model", breaks)
    crashed = trial("one", material(model("y = Neg(x)")))
    assert (crashed.result, crashed.reason) == (Result.CRASHED, "KeyError: 'a node'")


def test_a_trial_is_kept_for_its_code_and_model(monkeypatch, tmp_path):
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path))
    given = material(model("y = Neg(x)"))
    first = kept_trial("one", given, "pynq-z2", "version 1")
    monkeypatch.setattr(module, "trial", None)
    assert kept_trial("one", given, "pynq-z2", "version 1") == first
    for other in ((material(model("y = Abs(x)")), "version 1"), (given, "version 2")):
        with pytest.raises(TypeError):
            kept_trial("one", other[0], "pynq-z2", other[1])
