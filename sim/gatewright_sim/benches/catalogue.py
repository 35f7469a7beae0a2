"""The cocotb benches by name: what `gatewright verify` runs. Adding one is adding an entry."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from amaranth.lib import wiring

from gatewright.spec.config import AcceleratorConfig, get_config
from gatewright.spec.errors import GatewrightError
from gatewright.spec.registers import BLOCK_NAME
from gatewright_hw.engines.aggregate.engine import AggregateEngine
from gatewright_hw.engines.gemm.engine import GemmEngine
from gatewright_hw.engines.vector.engine import VectorEngine
from gatewright_hw.top import ROUTES, Top
from gatewright_sim.benches.harness.copy_engine import CopyEngine
from gatewright_sim.benches.harness.engine_top import EngineTop
from gatewright_sim.benches.harness.runner import BenchError, run_cocotb

__all__ = ["BENCHES", "Bench", "Verdict", "run_bench", "verify"]

CONFIG = "tiny"
"""The configuration that the benches run on: bus models in Python are slow, and every mechanism is in the small one."""

TIMEOUT_S = 1200
"""Limit on the wall for one bench."""


@dataclass(frozen=True)
class Bench:
    """A design and the module of cocotb tests that runs on it."""

    design: Callable[[AcceleratorConfig], wiring.Component]
    top: str
    tests: str


@dataclass(frozen=True)
class Verdict:
    """What one bench showed: the number of tests, and the end of its log if one failed."""

    name: str
    tests: int
    failure: str | None


def _sequencer(config: AcceleratorConfig) -> wiring.Component:
    return Top(config, {name: CopyEngine() for name in dict.fromkeys(ROUTES.values())})


BENCHES: dict[str, Bench] = {
    "sequencer": Bench(_sequencer, BLOCK_NAME, "gatewright_sim.benches.sequencer_bench"),
    "aggregate": Bench(
        lambda config: EngineTop(AggregateEngine(config)), "aggregate_engine", "gatewright_sim.benches.aggregate_bench"
    ),
    "gemm": Bench(lambda config: EngineTop(GemmEngine(config)), "gemm_engine", "gatewright_sim.benches.gemm_bench"),
    "attention": Bench(
        lambda config: EngineTop(GemmEngine(config)), "gemm_engine", "gatewright_sim.benches.attention_bench"
    ),
    "vector": Bench(
        lambda config: EngineTop(VectorEngine(config)), "vector_engine", "gatewright_sim.benches.vector_bench"
    ),
    "machine": Bench(Top, BLOCK_NAME, "gatewright_sim.benches.accelerator_bench"),
}
"""Every bench by name."""


def run_bench(
    name: str, *, testcase: str | None = None, seed: int = 1, junit: Path | None = None, waves: Path | None = None
) -> int:
    """Run the bench called ``name``, or one of its tests, and return how many tests ran.

    Raises :class:`GatewrightError` on an unknown name and :class:`BenchError` when a test fails.
    """
    if name not in BENCHES:
        raise GatewrightError(f"unknown bench {name!r}, allowed: {', '.join(BENCHES)}")
    bench = BENCHES[name]
    return run_cocotb(
        bench.design(get_config(CONFIG)),
        bench.top,
        bench.tests,
        testcase=testcase,
        seed=seed,
        environment={"GATEWRIGHT_CONFIG": CONFIG},
        junit=junit,
        waves=waves,
        timeout_s=TIMEOUT_S,
    )


def verify(
    names: Iterable[str], seed: int = 1, junit: Path | None = None, waves: Path | None = None
) -> Iterator[Verdict]:
    """Run the benches called ``names`` one after the other and yield their verdicts.

    ``junit`` gets the results of all of them (JUnit XML), ``waves`` the waves of the last (FST). Raises
    :class:`GatewrightError` on an unknown name.
    """
    suites = ElementTree.Element("testsuites", name="gatewright")
    with TemporaryDirectory(prefix="gatewright-verify-") as folder:
        for name in names:
            results = Path(folder) / f"{name}.xml"
            try:
                yield Verdict(name, run_bench(name, seed=seed, junit=results, waves=waves), None)
            except BenchError as error:
                yield Verdict(name, 0, str(error))
            if results.exists():
                suites.extend(ElementTree.parse(results).getroot().iter("testsuite"))
    if junit:
        junit.parent.mkdir(parents=True, exist_ok=True)
        ElementTree.ElementTree(suites).write(junit, encoding="utf-8", xml_declaration=True)
