"""Every user of the test through every way to run the hybrid: how good, how fast, and how far int8 is from float."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any, ClassVar

import numpy as np
import torch

from gatewright.comparison.row import Part
from gatewright.driver import Accelerator, Report
from gatewright.program.compiled import CompiledProgram
from gatewright.program.summary import summarise
from gatewright.reproduction.asked import Counted, Timed
from gatewright.reproduction.experiment import Experiment, Finding, Latency, Line, Setting
from gatewright.reproduction.served import Served
from gatewright.spec.config import AcceleratorConfig, get_config

__all__ = ["FLOAT", "GOLDEN", "RUNTIME_INT8", "Serving"]

FLOAT = "hybrid, float: PyTorch on this CPU"
RUNTIME_FLOAT = "hybrid, float: ONNX Runtime on this CPU"
RUNTIME_INT8 = "hybrid, int8: ONNX Runtime on this CPU"
GOLDEN = "hybrid, int8: the accelerator"


@dataclass(frozen=True)
class Serving(Experiment):
    """One request of every user, the ways in turns, so that whatever else the machine does slows all of them.

    The accelerator's arithmetic is the golden model's, its time the least that the roofline allows; ``rtl`` of the
    users also ask the Verilated RTL, which counts cycles and must answer the same bytes.
    """

    NAME: ClassVar[str] = "ways to run the hybrid"
    ALONE: ClassVar[bool] = True
    MODULES: ClassVar[tuple[str, ...]] = ("gatewright_sim.golden.backend", "gatewright_sim.rtl.backend")

    config: str = "pynq-z2"
    rtl: int = 0

    def run(self, setting: Setting) -> Finding:
        config, served = get_config(self.config), self.prepare(setting)
        protocol = setting.splits.at(setting.rule)[1].full
        users = np.fromiter(protocol.relevant, np.int64)
        runtime = [Timed(way) for way in served.in_onnx_runtime()]
        with Accelerator(config, "golden") as golden:
            ways = dict(zip(
                (FLOAT, RUNTIME_FLOAT, RUNTIME_INT8, GOLDEN),
                (Timed(served.in_float), *runtime, Counted(served.on(golden), accelerator=golden)),
                strict=True,
            ))  # fmt: skip
            for done, user in enumerate(users):
                setting.say("requests in every way", done, len(users))
                for way in ways.values():
                    way.ask(int(user))
            setting.say("requests in every way", len(users), len(users))
        cpu = f"{os.cpu_count()} cores"
        how = (f"PyTorch {torch.__version__}, {cpu}, {torch.get_num_threads()} threads", f"ONNX Runtime, {cpu}",
               f"ONNX Runtime, weights and activations by quantize_dynamic, {cpu}",
               f"least cycles by the roofline, {_clock(config)}")  # fmt: skip
        lines = [
            Line(name, protocol.measure(way, name).all, "" if name == FLOAT else FLOAT,
                 latency=Latency.of(way.milliseconds, said))
            for (name, way), said in zip(ways.items(), how, strict=True)
        ]  # fmt: skip
        pictured: dict[str, Any] = {"config": config.name, "programs": [_program(served.deployed.program, config)]}
        if self.rtl:
            chosen = np.sort(np.random.default_rng(0).permutation(users)[: self.rtl])
            measured, pictured["rtl"] = self._on_rtl(served, config, chosen, ways[GOLDEN], setting)
            lines[-1] = replace(lines[-1], latency=measured, facts=_said(pictured["rtl"]))
        return Finding(tuple(lines), pictured)

    def prepare(self, setting: Setting) -> Served:
        known, _ = setting.splits.asked(setting.rule, Part.TEST)
        return Served.of(known, get_config(self.config), setting.progress)

    def _on_rtl(
        self, served: Served, config: AcceleratorConfig, users: np.ndarray, golden: Timed, setting: Setting
    ) -> tuple[Latency, dict[str, Any]]:
        total, equal = Report.nothing(), 0
        with Accelerator(config, "rtl") as rtl:
            way = Counted(served.on(rtl), accelerator=rtl)
            for done, user in enumerate(users):
                setting.say("requests on the RTL", done, len(users))
                way.ask(int(user))
                total += rtl.report()
                equal += np.array_equal(way.answers[int(user)], golden.answers[int(user)])
            setting.say("requests on the RTL", len(users), len(users))
        engines = [asdict(engine) for engine in total.engines]
        told = {"requests": len(users), "equal": equal, "cycles": total.cycles, "engines": engines}
        return Latency.of(way.milliseconds, f"cycles of the RTL, {_clock(config)}"), told


def _clock(config: AcceleratorConfig) -> str:
    return f"{config.name} at an assumed {config.clock_mhz:g} MHz"


def _said(rtl: dict[str, Any]) -> dict[str, str]:
    return {"RTL": f"{rtl['equal']} of {rtl['requests']} answers are the golden model's, byte for byte"}


def _program(program: CompiledProgram, config: AcceleratorConfig) -> dict[str, Any]:
    """Bounds and errors of the layers of a program's longest variant, for pictures."""
    summary = summarise(program, program.variants[-1], config)
    layers = [
        {
            "node": layer.node,
            "operator": layer.operator,
            "engine": layer.commands[0].engine if layer.commands else "",
            "compute": sum(command.min_cycles_compute for command in layer.commands),
            "memory": sum(command.min_cycles_memory for command in layer.commands),
            "least": layer.min_cycles,
            "error": layer.error if isfinite(layer.error) else None,
            "own": layer.own if isfinite(layer.own) else None,
        }
        for layer in summary.layers
    ]
    return {"name": program.name, "variant": summary.title, "layers": layers}
