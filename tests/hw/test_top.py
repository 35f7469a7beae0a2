"""The top's registers, sequencer, bus, errors and resets, with engines that only copy (cases in
benches/top_bench.py)."""

from gatewright.spec.config import get_config
from gatewright_hw.top import ROUTES, Top
from gatewright_sim.benches.copy_engine import CopyEngine
from gatewright_sim.benches.runner import run_cocotb


def test_top() -> None:
    engines = {name: CopyEngine() for name in dict.fromkeys(ROUTES.values())}
    ran = run_cocotb(Top(get_config("tiny"), engines), "gatewright_top", "gatewright_sim.benches.top_bench")
    assert ran == 18
