"""WeightLanes against ``spec.vector.softmax_weight``."""

import numpy as np

from gatewright.spec.vector import EXP2_FRACTION_BITS, SOFTMAX_STEPS, VALUE_BITS, softmax_weight
from gatewright_hw.engines.vector.weight_lanes import WeightLanes
from gatewright_sim.components.simulation import run_pipeline

LOW, HIGH = -(1 << VALUE_BITS - 1), (1 << VALUE_BITS - 1) - 1


def test_equals_the_rule(lanes: int, rng: np.random.Generator) -> None:
    """Every number of halvings and the ends of each, the widest distance there is, and lanes that do not count."""
    one = 1 << EXP2_FRACTION_BITS
    edges = np.concatenate([[0, 1], *([n * one - 1, n * one, n * one + 1] for n in range(1, SOFTMAX_STEPS + 3))])
    distance = np.concatenate([edges, [HIGH - LOW], rng.integers(0, 20 * one, 800 - len(edges) - 1)])
    rng.shuffle(distance)
    distance = distance.reshape(-1, lanes)
    widest = distance.max(-1)
    peak = np.array([rng.integers(LOW + most, HIGH, endpoint=True) for most in widest])
    counts = rng.integers(0, 1 << lanes, len(peak))
    groups = zip(peak.tolist(), (peak[:, None] - distance).tolist(), counts.tolist(), strict=True)
    results = run_pipeline(WeightLanes(lanes), [{"peak": p, "v": v, "counts": c} for p, v, c in groups], ["weights"])
    taken = counts[:, None] >> np.arange(lanes) & 1
    np.testing.assert_array_equal([list(weights) for (weights,) in results], softmax_weight(distance) * taken)
