"""Experiments of no time, in a module that other processes find, too: they count how often they are run."""

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gatewright.evaluation.quality import Quality
from gatewright.reproduction.experiment import Experiment, Finding, Latency, Line, Setting
from gatewright.reproduction.fine_tuning import FineTuning
from gatewright.reproduction.serving import Serving

RUNS: list[str] = []


@dataclass(frozen=True)
class Halved(Experiment):
    """Lines of a popularity with ``share`` of its quality, and everything that pictures are made of."""

    NAME: ClassVar[str] = Serving.NAME

    share: float = 0.5
    fails: bool = False

    def run(self, setting: Setting) -> Finding:
        RUNS.append(self.NAME)
        kept = setting.folder / "step.json"
        if self.fails and not kept.exists():
            kept.write_text(json.dumps(7))
            raise KeyboardInterrupt
        users = np.flatnonzero(np.diff(setting.parts.test.user_ptr))
        whole = 0.2 + 0.6 * np.random.default_rng(1).random(len(users))
        latency = Latency.of([1.0, 2.0, 4.0], "by a test's clock")
        step = json.loads(kept.read_text()) if kept.exists() else 0
        layer = {"node": "layer <1>", "operator": "MatMul", "engine": "gemm", "compute": 30, "memory": 10, "least": 30}
        return Finding(
            (
                Line("whole", Quality(setting.splits.k, users, {"ndcg": whole}), latency=latency),
                Line("part", Quality(setting.splits.k, users, {"ndcg": whole * self.share}), "whole", 3.0, latency,
                     {"step": f"{step}", "of full fine-tuning's": "34%", "nothing": ""}),
            ),
            {"programs": [{"name": "request", "variant": "all sizes", "layers": [
                {**layer, "error": 0.01, "own": None}, {**layer, "engine": "vector", "error": None, "own": None}]}],
             "rtl": [{"engines": [{"name": "gemm", "cycles": 40, "min_cycles_compute": 30, "min_cycles_memory": 10}]}]},
        )  # fmt: skip


@dataclass(frozen=True)
class Costs(Experiment):
    """No lines, but costs to picture."""

    NAME: ClassVar[str] = FineTuning.NAME

    def run(self, setting: Setting) -> Finding:
        RUNS.append(self.NAME)
        full = {"name": "full", "seconds": 10.0, "full": 10.0, "reached": "1 of 1 seeds"}
        never = {"name": "LoRA", "seconds": None, "full": None, "reached": "0 of 1 seeds"}
        return Finding((), {"costs": [full, never]})
