"""Every user of the test through every way to run the hybrid: how good, how fast, and how far int8 is from float."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch

from gatewright.comparison.row import Part
from gatewright.driver import Accelerator, Report
from gatewright.models.deploy import Deployed
from gatewright.models.train import TrainedHybrid
from gatewright.recommender.request import HybridRecommender
from gatewright.reproduction.asked import Counted, Timed
from gatewright.reproduction.experiment import Experiment, Finding, Latency, Line, Setting
from gatewright.reproduction.layers import layers_of
from gatewright.reproduction.served import Requests, served
from gatewright.spec.config import AcceleratorConfig, get_config

__all__ = ["FLOAT", "GOLDEN", "QUERY", "RUNTIME_INT8", "TYPED", "Serving"]

FLOAT = "hybrid, float: PyTorch on this CPU"
RUNTIME_FLOAT = "hybrid, float: ONNX Runtime on this CPU"
RUNTIME_INT8 = "hybrid, int8: ONNX Runtime on this CPU"
GOLDEN = "hybrid, int8: the accelerator"
TYPED = ", with a query"
QUERY = "a space adventure with friends and a robot"


@dataclass(frozen=True)
class Serving(Experiment):
    """One request of every user without a query, and of ``typing`` users with one, which the language model reads; the
    ways in turns, so that whatever else the machine does slows all of them.

    The accelerator's arithmetic is the golden model's, its time the least that the roofline allows; ``rtl`` of the
    users also ask the Verilated RTL, which counts cycles and must answer the same bytes.
    """

    NAME: ClassVar[str] = "ways to run the hybrid"
    ALONE: ClassVar[bool] = True
    MODULES: ClassVar[tuple[str, ...]] = ("gatewright_sim.golden.backend", "gatewright_sim.rtl.backend")

    config: str = "pynq-z2"
    typing: int = 100
    rtl: int = 0

    def run(self, setting: Setting) -> Finding:
        config, (trained, deployed) = get_config(self.config), self.prepare(setting)
        protocol = setting.splits.at(setting.rule)[1].full
        users = np.fromiter(protocol.relevant, np.int64)
        drawn = np.random.default_rng(0).permutation(users)
        lines, pictured = [], {"config": config.name, "programs": [], "rtl": []}
        for query, asked in ((None, users), (QUERY, np.sort(drawn[: self.typing]))):
            requests = Requests(trained, deployed, query)
            session = _Session(requests, config, setting)
            ways = session.answers(asked)
            own = [
                Line(name if query is None else f"{name}{TYPED}",
                     protocol.measure(way, name).all if query is None else None,
                     "" if query or name == FLOAT else FLOAT, latency=Latency.of(way.milliseconds, how))
                for (name, way), how in zip(ways.items(), session.how, strict=True)
            ]  # fmt: skip
            pictured["programs"].append(layers_of(requests.program, config))
            if self.rtl:
                few = np.sort(np.intersect1d(drawn[: self.rtl], asked))
                measured, told = session.on_rtl(few, ways[GOLDEN])
                pictured["rtl"].append(told)
                own[-1] = replace(own[-1], latency=measured, facts=_said(told))
            lines += own
        return Finding(tuple(lines), pictured)

    def prepare(self, setting: Setting) -> tuple[TrainedHybrid, Deployed]:
        known, _ = setting.splits.asked(setting.rule, Part.TEST)
        return served(known, get_config(self.config), setting.progress)


@dataclass(frozen=True)
class _Session:
    requests: Requests
    config: AcceleratorConfig
    setting: Setting
    cpu: str = field(default_factory=lambda: f"{os.cpu_count()} cores")

    @property
    def how(self) -> tuple[str, ...]:
        """What times of `answers` are."""
        return (
            f"PyTorch {torch.__version__}, {self.cpu}, {torch.get_num_threads()} threads", f"ONNX Runtime, {self.cpu}",
            f"ONNX Runtime, quantize_dynamic, {self.cpu}", f"least cycles by the roofline, {self._clock}",
        )  # fmt: skip

    @property
    def _clock(self) -> str:
        return f"{self.config.name} at an assumed {self.config.clock_mhz:g} MHz"

    def answers(self, users: np.ndarray) -> dict[str, Timed]:
        """Of every way, by its name."""
        programs, model = self.requests.deployed.programs, self.requests.deployed.model
        runtime = [Timed(way) for way in self.requests.in_onnx_runtime()]
        with Accelerator(self.config, "golden") as golden, HybridRecommender(golden, model, programs) as recommender:
            accelerator = Counted(self.requests.on(recommender), accelerator=golden)
            ways = (Timed(self.requests.in_float), *runtime, accelerator)
            for done, user in enumerate(users):
                self._say("requests in every way", done, len(users))
                for way in ways:
                    way.ask(int(user))
            self._say("requests in every way", len(users), len(users))
        return dict(zip((FLOAT, RUNTIME_FLOAT, RUNTIME_INT8, GOLDEN), ways, strict=True))

    def on_rtl(self, users: np.ndarray, golden: Timed) -> tuple[Latency, dict[str, Any]]:
        """Cycles of these users' requests, and how many answers are those of ``golden``."""
        programs, model = self.requests.deployed.programs, self.requests.deployed.model
        total, equal = Report.nothing(), 0
        with Accelerator(self.config, "rtl") as rtl, HybridRecommender(rtl, model, programs) as recommender:
            way = Counted(self.requests.on(recommender), accelerator=rtl)
            for done, user in enumerate(users):
                self._say("requests on the RTL", done, len(users))
                way.ask(int(user))
                total += rtl.report()
                equal += np.array_equal(way.answers[int(user)], golden.answers[int(user)])
            self._say("requests on the RTL", len(users), len(users))
        engines = [asdict(engine) for engine in total.engines]
        told = {"requests": len(users), "equal": equal, "cycles": total.cycles, "engines": engines}
        return Latency.of(way.milliseconds, f"cycles of the RTL, {self._clock}"), told

    def _say(self, stage: str, done: int, total: int) -> None:
        self.setting.say(f"{stage}{TYPED if self.requests.query else ''}", done, total)


def _said(rtl: dict[str, Any]) -> dict[str, str]:
    return {"RTL": f"{rtl['equal']} of {rtl['requests']} answers are the golden model's, byte for byte"}
