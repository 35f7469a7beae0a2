"""The top's registers, sequencer, bus, errors and resets, with engines that only copy (cases in
benches/sequencer_bench.py)."""

from gatewright_sim.benches.catalogue import run_bench


def test_top() -> None:
    assert run_bench("sequencer") == 18
