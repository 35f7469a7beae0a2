"""ONNX Runtime: its results by name, and one line for whatever it refuses."""

import sys

import numpy as np
import onnx
import pytest

from gatewright.program.onnx_session import OnnxSession, SessionError

MODEL = onnx.parser.parse_model(
    '<ir_version: 10, opset_import: ["" : 20]> t (float[2] x) => (float[2] y, float[2] z) { y = Neg(x) z = Relu(x) }'
).SerializeToString()


@pytest.mark.parametrize("options", [{}, {"fused": False}, {"threads": 1}])
def test_results_by_name(options):
    session = OnnxSession(MODEL, **options)
    assert list(session.outputs) == ["y", "z"]
    z, y = session.run(["z", "y"], {"x": np.array([1, -2], np.float32)})
    assert (z.tolist(), y.tolist()) == ([1, 0], [-1, 2])


@pytest.mark.parametrize("feed", [{}, {"x": np.ones(3, np.float32)}, {"x": np.ones(2)}], ids=["none", "shape", "type"])
def test_inputs_that_do_not_fit(feed):
    with pytest.raises(SessionError, match=r"^ONNX Runtime failed: .+$"):
        OnnxSession(MODEL).run(["y"], feed)


def test_a_model_that_is_none():
    with pytest.raises(SessionError, match=r"^ONNX Runtime cannot load it: .+$"):
        OnnxSession(b"nothing")


def test_without_onnxruntime(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match="onnxruntime"):
        OnnxSession(MODEL)


def test_a_loop_without_an_end_is_given_up():
    endless = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 20]> t (float[2] x) => (float[2] y) {
        n = Constant<value_int = 4611686018427387904>() go = Constant<value = bool {1}>()
        y = Loop(n, go, x) <body = b (int64 i, bool k, float[2] s) => (bool k2, float[2] s2)
                            { k2 = Identity(k) s2 = Add(s, s) }> }"""
    )
    session = OnnxSession(endless.SerializeToString())
    with pytest.raises(SessionError, match=r"^ONNX Runtime has not ended after 0\.2 s$"):
        session.run(["y"], {"x": np.ones(2, np.float32)}, seconds=0.2)
