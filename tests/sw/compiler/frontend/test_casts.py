"""Integers are cast to real numbers before they are moved; what moves indices and masks stays."""

import numpy as np
import pytest

TURNED = "moved = Transpose<perm = [1, 0]>(x)"


@pytest.mark.parametrize(
    "views",
    [TURNED, "moved = Reshape(x, target)", "turned = Transpose<perm = [1, 0]>(x) moved = Reshape(turned, other)"],
)
@pytest.mark.parametrize("kind", ["int64", "int32", "bool"])
def test_before(text_model, canonical, rng, kind, views):
    body = f"{views} real = Cast<to = 1>(moved) y = Neg(real)"
    model = text_model(f"{kind}[4, 6] x", "float[m, n] y", body, target=np.array([6, 4]), other=np.array([3, 8]))
    found = canonical(model, {"x": rng.integers(0, 2, (4, 6)).astype(kind)})
    assert found.one("Cast").inputs[0].is_graph_input()


def test_of_two_readers_one_keeps_the_integers(text_model, canonical, rng):
    body = f"{TURNED} z = Identity(moved) y = Cast<to = 1>(moved)"
    model = text_model("int64[4, 6] x", "float[6, 4] y, int64[6, 4] z", body)
    assert canonical(model, {"x": rng.integers(0, 9, (4, 6))}).operators == {"Cast": 1, "Transpose": 2}


def test_a_part_of_a_split(text_model, canonical, rng):
    body = "a, b = Split<axis = 1, num_outputs = 2>(x) y = Cast<to = 1>(b)"
    found = canonical(text_model("int64[4, 6] x", "float[4, 3] y", body), {"x": rng.integers(0, 9, (4, 6))})
    assert found.one("Cast").inputs[0].is_graph_input()


def test_casts_between_integers_and_of_real_numbers_stay(text_model, canonical, rng):
    body = f"{TURNED} y = Cast<to = 6>(moved) other = Transpose<perm = [1, 0]>(r) z = Cast<to = 11>(other)"
    model = text_model("int64[4, 6] x, float[4, 6] r", "int32[6, 4] y, double[6, 4] z", body)
    feed = {"x": rng.integers(0, 9, (4, 6)), "r": rng.normal(size=(4, 6)).astype(np.float32)}
    casts = [node for node in canonical(model, feed).nodes if node.op_type == "Cast"]
    assert [node.inputs[0].is_graph_input() for node in casts] == [False, False]


@pytest.mark.parametrize(("given", "casts"), [("int32", [7]), ("int64", [6]), ("int64", [6, 7])])
def test_indices_need_no_cast(text_model, canonical, rng, given, casts):
    names = ["x", *(f"cast{index}" for index in range(len(casts)))]
    chain = " ".join(
        f"{after} = Cast<to = {kind}>({before})" for kind, before, after in zip(casts, names, names[1:], strict=False)
    )
    table = rng.normal(size=(10, 4)).astype(np.float32)
    model = text_model(f"{given}[3] x", "float[3, 4] y", f"{chain} y = Gather(table, {names[-1]})", table=table)
    assert canonical(model, {"x": np.array([3, 9, 0], given)}).operators == {"Gather": 1}
