"""The cocotb benches by name: what `gatewright verify` and the tests run. Adding one is adding an entry."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from amaranth.lib import wiring

from gatewright.files import written_whole
from gatewright.spec.boards import get_board
from gatewright.spec.config import AcceleratorConfig, get_config
from gatewright.spec.errors import GatewrightError
from gatewright.spec.registers import BLOCK_NAME
from gatewright_hw.boards.resets import POWER_ON_COUNTER
from gatewright_hw.boards.zynq7 import Zynq7Core
from gatewright_hw.boards.zynqmp import ZynqMpCore
from gatewright_hw.engines.aggregate.engine import AggregateEngine
from gatewright_hw.engines.gemm.engine import GemmEngine
from gatewright_hw.engines.vector.engine import VectorEngine
from gatewright_hw.top import ROUTES, Top
from gatewright_hw.verilog import to_verilog
from gatewright_sim.benches.coverage.collect import FOLDER
from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.copy_engine import CopyEngine
from gatewright_sim.benches.harness.engine_top import EngineTop
from gatewright_sim.benches.harness.product_engine import ProductEngine
from gatewright_sim.benches.harness.runner import BenchError, run_cocotb
from gatewright_sim.powerup import without_initial_values

__all__ = ["BENCHES", "Bench", "Design", "Verdict", "run_bench", "verify"]

CONFIG = "tiny"
"""The configuration that the benches run on: bus models in Python are slow, and nearly every mechanism is in the small
one."""

NARROW_CONFIG = "zybo-z7-10"
"""Whose engines of fewer lanes than CONFIG's have mechanisms of their own."""

WIDE_CONFIG = "pynq-z2"
"""Whose rows are wider than CONFIG's."""

TIMEOUT_S = 1200
"""Limit on the wall for one bench."""


@dataclass(frozen=True)
class Design:
    """A component in a configuration, and the name of its top module. ``uninitialised``: its registers hold anything
    when the simulation begins, but the one that ``keeps`` names."""

    make: Callable[[AcceleratorConfig], wiring.Component]
    top: str
    config: str = CONFIG
    uninitialised: bool = False
    keeps: str | None = None

    def component(self) -> wiring.Component:
        """A new one."""
        return self.make(get_config(self.config))

    @cache  # noqa: B019 - designs are few and live as long as the process
    def verilog(self) -> str:
        """Its text; benches of one design share it, hence the simulator."""
        return self.finished(to_verilog(self.component(), self.top))

    def finished(self, text: str) -> str:
        """Verilog of the component as simulated: without what registers do not have."""
        return without_initial_values(text, self.keeps) if self.uninitialised else text


@dataclass(frozen=True)
class Bench:
    """A design, and what the cases that run on it are about: the TABLE of ``gatewright_sim.benches.<about>_bench``."""

    design: Design
    about: str

    @property
    def name(self) -> str:
        return self.about if self.design.config == CONFIG else f"{self.about}-{self.design.config}"

    @property
    def module(self) -> str:
        return f"gatewright_sim.benches.{self.about}_bench"

    @property
    def table(self) -> Table:
        """The bench's cases."""
        table: Table = import_module(self.module).TABLE
        return table


@dataclass(frozen=True)
class Verdict:
    """What one bench showed: the number of tests, and the end of its log if one failed."""

    name: str
    tests: int
    failure: str | None


def _copying_top(config: AcceleratorConfig) -> Top:
    return Top(config, {name: CopyEngine() for name in dict.fromkeys(ROUTES.values())})


def _zynq7(config: AcceleratorConfig) -> wiring.Component:
    return Zynq7Core(get_board("zybo-z7-10"), Top(config))


def _zynqmp(config: AcceleratorConfig) -> wiring.Component:
    """With engines that only copy: what differs from Zynq-7000 lies before them."""
    return ZynqMpCore(get_board("kv260"), _copying_top(config))


def _gemm(config: AcceleratorConfig) -> EngineTop:
    return EngineTop(GemmEngine(config))


def _products(config: AcceleratorConfig) -> EngineTop:
    return EngineTop(ProductEngine(config))


def _aggregate(config: AcceleratorConfig) -> EngineTop:
    return EngineTop(AggregateEngine(config))


def _vector(config: AcceleratorConfig) -> EngineTop:
    return EngineTop(VectorEngine(config))


_COPYING = Design(_copying_top, BLOCK_NAME)
_GEMM = Design(_gemm, "gemm_engine")
_NARROW_GEMM = Design(_gemm, "gemm_engine", NARROW_CONFIG)

BENCHES: dict[str, Bench] = {
    bench.name: bench
    for bench in (
        Bench(_COPYING, "registers"),
        Bench(_COPYING, "sequencer"),
        Bench(_COPYING, "bus"),
        Bench(_COPYING, "recovery"),
        Bench(_COPYING, "watchdog"),
        Bench(Design(_aggregate, "aggregate_engine"), "aggregate"),
        Bench(Design(_aggregate, "aggregate_engine", NARROW_CONFIG), "aggregate"),
        Bench(Design(_aggregate, "aggregate_engine", WIDE_CONFIG), "wide_rows"),
        Bench(_GEMM, "gemm"),
        Bench(_GEMM, "attention"),
        Bench(Design(_products, "product_engine"), "epilogue"),
        Bench(_NARROW_GEMM, "gemm"),
        Bench(_NARROW_GEMM, "attention"),
        Bench(Design(_vector, "vector_engine"), "vector"),
        Bench(Design(_vector, "vector_engine", NARROW_CONFIG), "vector"),
        Bench(Design(Top, BLOCK_NAME), "accelerator"),
        Bench(Design(_zynq7, "zynq7_core", uninitialised=True), "zynq7"),
        Bench(Design(_zynqmp, "zynqmp_core", uninitialised=True, keeps=POWER_ON_COUNTER), "zynqmp"),
    )
}
"""Every bench by name."""


def run_bench(
    name: str,
    *,
    case: str | Sequence[str] | None = None,
    seed: int = 1,
    junit: Path | None = None,
    waves: Path | None = None,
    coverage: Path | None = None,
) -> int:
    """Run all cases of the bench called ``name``, or one of them, or some, and return how many ran. What they reached
    is added to the folder ``coverage``.

    Raises :class:`GatewrightError` on an unknown name and :class:`BenchError` when a case fails.
    """
    if name not in BENCHES:
        raise GatewrightError(f"unknown bench {name!r}, allowed: {', '.join(BENCHES)}")
    bench = BENCHES[name]
    return run_cocotb(
        bench.design.verilog(),
        bench.design.top,
        "gatewright_sim.benches.harness.entry",
        testcase=case,
        seed=seed,
        environment={
            "GATEWRIGHT_BENCH": bench.module,
            "GATEWRIGHT_CONFIG": bench.design.config,
            **({FOLDER: str(coverage)} if coverage else {}),
        },
        junit=junit,
        waves=waves,
        timeout_s=TIMEOUT_S,
        random_start=bench.design.uninitialised,
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
        with written_whole(junit) as file:
            ElementTree.ElementTree(suites).write(file, encoding="utf-8", xml_declaration=True)
