"""Dynamic dimensions, shapes and constants."""

import numpy as np
import pytest

from gatewright.compiler.bindings import Bindings
from gatewright.compiler.errors import CompileError
from gatewright.compiler.load import read_model
from gatewright.compiler.passes import run


def test_a_bucket_replaces_a_dimension_everywhere(text_model, canonical):
    body = """
        shape = Shape(x)
        tokens = Gather(shape, one)
        flat = Mul(tokens, tokens)
        target = Unsqueeze(flat, zero)
        product = MatMul(x, turned)
        turned = Transpose<perm = [0, 2, 1]>(x)
        y = Reshape(product, target)
    """
    lines = body.strip().splitlines()
    lines[4], lines[5] = lines[5], lines[4]
    model = text_model("float[1,tokens,3] x", "float[n] y", "\n".join(lines), one=np.int64(1), zero=np.array([0]))
    x = np.random.default_rng(0).normal(size=(1, 5, 3)).astype(np.float32)
    found = canonical(model, {"x": x}, Bindings({"tokens": 5}))
    assert found.operators == {"Transpose": 1, "MatMul": 1, "Reshape": 1}
    assert [list(node.outputs[0].shape) for node in found.nodes] == [[1, 3, 5], [1, 5, 5], [25]]


def test_a_dimension_with_a_capacity_stays(text_model, canonical):
    model = text_model("float[rows,4] x", "float[rows,4] y", "r = Relu(x) y = Add(r, r)")
    found = canonical(model, {"x": np.ones((3, 4), np.float32)}, Bindings(capacity={"rows": 10}))
    assert [str(node.outputs[0].shape) for node in found.nodes] == ["[rows,4]", "[rows,4]"]


def test_a_dimension_without_a_size_is_refused(text_model):
    model = read_model(text_model("float[batch,4] x", "float[batch,4] y", "y = Relu(x)"))
    with pytest.raises(
        CompileError, match=r"input x, axis 0: the size is dynamic \(batch\), allowed is a size in buckets"
    ):
        run(model)


@pytest.mark.parametrize("option", ["buckets", "capacity"])
def test_a_name_that_the_model_does_not_have_is_refused(text_model, option):
    model = read_model(text_model("float[batch,4] x", "float[batch,4] y", "y = Relu(x)"))
    with pytest.raises(CompileError, match=f"{option}: the model has no dynamic dimension 'bach', allowed are batch"):
        run(model, Bindings(**{option: {"bach": 4}}))


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "4"])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(CompileError, match=r"the size of dimension 'tokens' is .*, allowed are integers >= 1"):
        Bindings({"tokens": size})


def test_a_dimension_in_both_is_refused():
    with pytest.raises(CompileError, match="'tokens' is in buckets and in capacity"):
        Bindings({"tokens": 4}, {"tokens": 4})


def test_a_shape_that_depends_on_data_is_refused(text_model):
    model = read_model(text_model("float[6] x", "int64[1,n] y", "y = NonZero(x)"))
    with pytest.raises(CompileError, match=r"node .*NonZero.*: the shape of y is .* depends on data"):
        run(model)


def test_constants_fold_through_any_operator(text_model, canonical):
    """Also those with several outputs, and a gather of elements by a smaller index."""
    body = """
        a, b = Split<axis = 0, num_outputs = 2>(w)
        t = Transpose<perm = [1, 0]>(b)
        chosen = GatherElements<axis = 1>(t, index)
        both = Add(chosen, a_row)
        y = Mul(x, both)
    """
    model = text_model(
        "float[3,1] x",
        "float[3,1] y",
        body,
        w=np.arange(12, dtype=np.float32).reshape(4, 3),
        index=np.array([[0], [1], [0]]),
        a_row=np.ones((3, 1), np.float32),
    )
    found = canonical(model, {"x": np.ones((3, 1), np.float32)})
    assert found.operators == {"Mul": 1}


def test_random_numbers_do_not_fold(text_model):
    model = read_model(text_model("float[2] x", "float[2] y", "r = RandomNormal<shape = [2]>() y = Add(x, r)"))
    run(model)
    assert [node.op_type for node in model.graph] == ["RandomNormal", "Add"]


def test_functions_of_the_model_become_their_bodies(canonical):
    from onnx import parser

    model = parser.parse_model(
        """
        <ir_version: 10, opset_import: ["": 18, "local": 1]>
        test (float[2,3] x) => (float[2,3] y) { t = local.Twice(x) y = local.Twice(t) }
        <domain: "local", opset_import: ["": 18]> Twice (a) => (b) { b = Add(a, a) }
        """
    )
    found = canonical(model, {"x": np.ones((2, 3), np.float32)})
    assert found.operators == {"Add": 2}
    assert not found.model.functions


def test_expand_before_an_operator_that_broadcasts_goes_away(text_model, canonical):
    model = text_model(
        "float[2,3] x, float[2,1] s", "float[2,3] y", "wide = Expand(s, shape) y = Div(x, wide)", shape=np.array([2, 3])
    )
    feed = {"x": np.ones((2, 3), np.float32), "s": np.full((2, 1), 4, np.float32)}
    assert canonical(model, feed).operators == {"Div": 1}


def test_equal_nodes_become_one(text_model, canonical):
    model = text_model("float[3] x", "float[3] y", "a = Exp(x) b = Exp(x) y = Mul(a, b)")
    assert canonical(model, {"x": np.ones(3, np.float32)}).operators == {"Exp": 1, "Mul": 1}


@pytest.mark.parametrize("rows", ["rows", "pointers"])
def test_the_shape_of_a_sparse_product(text_model, canonical, rows):
    model = text_model(
        f"int64[{rows}] row_ptr, int64[edges] col, float[edges] weight, float[5,4] x",
        "float[n,4] y",
        "p = gatewright.CsrMatMul(row_ptr, col, weight, x) y = Relu(p)",
        domains=', "gatewright": 1',
    )
    from gatewright.compiler.operators import csr_function

    model.functions.append(csr_function(18))
    feed = {
        "row_ptr": np.array([0, 2, 3]),
        "col": np.array([1, 4, 0]),
        "weight": np.ones(3, np.float32),
        "x": np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32),
    }
    found = canonical(model, feed, Bindings(capacity={rows: 9, "edges": 30}))
    assert found.operators == {".CsrMatMul": 1, "Relu": 1}
    assert str(found.one("Relu").outputs[0].shape) == f"[{rows} - 1,4]"
    static = canonical(model, feed, Bindings({rows: 3, "edges": 3}))
    assert list(static.one("Relu").outputs[0].shape) == [2, 4]
