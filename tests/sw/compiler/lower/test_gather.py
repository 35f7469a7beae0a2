"""Rows of tables: copied by AGGREGATE, or seen through a view."""

import numpy as np
import pytest

from gatewright.program.errors import InputError
from gatewright.spec.commands import Opcode

TABLE = np.random.default_rng(3).normal(size=(50, 48)).astype(np.float32)


def opcodes(outcome):
    return [
        Opcode(int(outcome.program.image[step.offset + 64 * index]))
        for step in outcome.steps
        for index in range(step.count)
    ]


@pytest.mark.parametrize("shape", [(7,), (2, 5), (1, 9), ()])
def test_rows_of_a_constant_table(graph, run, shape, rng):
    g = graph()
    index = g.input("ids", shape, np.int64)
    model = g.model(g.node("Gather", [g.constant(TABLE), index], [*shape, 48]))
    outcome = run(model, {"ids": rng.integers(-50, 50, shape)})
    assert not outcome.reasons
    assert outcome.error < 1e-3


def test_every_row_is_exact_to_16_bits_whatever_calibration_saw(graph, run):
    g = graph()
    table = TABLE * np.where(np.arange(50) == 49, 1.0, 1e-2)[:, None].astype(np.float32)
    model = g.model(g.node("Gather", [g.constant(table), g.input("ids", [3], np.int64)], [3, 48]))
    outcome = run(model, {"ids": np.array([49, 0, 49])}, calibration={"ids": np.array([0, 1, 2])})
    assert outcome.error < 1e-3


def test_an_index_outside_of_the_table_is_refused(graph, run):
    g = graph()
    model = g.model(g.node("Gather", [g.constant(TABLE), g.input("ids", [3], np.int64)], [3, 48]))
    with pytest.raises(InputError, match=r"ids.*-50\.\.49"):
        run(model, {"ids": np.array([0, 50, 1])}, calibration={"ids": np.array([0, 1, 2])})


def test_rows_wider_than_a_command_holds(graph, run, rng):
    g = graph()
    table = rng.normal(size=(5, 3000)).astype(np.float32)
    model = g.model(g.node("Gather", [g.constant(table), g.input("ids", [4], np.int64)], [4, 3000]))
    outcome = run(model, {"ids": np.array([4, 0, 2, 2])})
    assert opcodes(outcome).count(Opcode.AGGREGATE) > 1
    assert outcome.error < 1e-3


def test_a_dynamic_number_of_rows(graph, run):
    g = graph()
    model = g.model(g.node("Gather", [g.constant(TABLE), g.input("ids", ["n"], np.int64)], ["n", 48]))
    outcome = run(model, {"ids": np.arange(11)}, capacity={"n": 30})
    assert outcome.found[next(iter(outcome.found))].shape == (11, 48)
    assert outcome.error < 1e-3


@pytest.mark.parametrize(
    ("index", "axis", "commands"),
    [
        (np.array([2, 3, 4]), 0, {Opcode.VECTOR}),  # consecutive rows are there already
        (np.array([5, 1, -1]), 0, {Opcode.VECTOR, Opcode.AGGREGATE}),
        (np.array(0), 1, {Opcode.VECTOR}),  # rows at a regular distance, too
        (np.array([[1, 0], [3, 3]]), 1, {Opcode.VECTOR, Opcode.AGGREGATE}),
    ],
)
def test_constant_indices_into_an_activation(graph, run, index, axis, commands, rng):
    g = graph()
    x = g.node("Relu", [g.input("x", [6, 4, 16])], [6, 4, 16])
    shape = np.zeros((6, 4, 16)).take(index, axis).shape
    model = g.model(g.node("Gather", [x, g.constant(index.astype(np.int64))], shape, axis=axis))
    outcome = run(model, {"x": rng.normal(size=(6, 4, 16)).astype(np.float32)})
    assert not outcome.reasons
    assert set(opcodes(outcome)) == commands
    assert outcome.error < 1e-3


def test_input_indices_into_an_activation(graph, run, rng):
    g = graph()
    x = g.node("Relu", [g.input("x", [6, 4, 16])], [6, 4, 16])
    model = g.model(g.node("Gather", [x, g.input("ids", [3], np.int64)], [3, 4, 16]))
    outcome = run(model, {"x": rng.normal(size=(6, 4, 16)).astype(np.float32), "ids": np.array([5, -6, 1])})
    assert not outcome.reasons
    assert outcome.error < 1e-3


def test_single_elements_run_on_the_host(graph, run):
    g = graph()
    model = g.model(g.node("Gather", [g.constant(TABLE[0]), g.input("ids", [3], np.int64)], [3]))
    outcome = run(model, {"ids": np.array([5, 6, 1])})
    assert any("has no rows, but single elements" in reason for reason in outcome.reasons)
