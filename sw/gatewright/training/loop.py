"""One training loop for all: steps, looks at validation, an end by rule, and a checkpoint from which it continues.

A training that was killed and continues ends with the very weights of one that was not: everything random comes from
two generators, numpy's and torch's, whose states are part of the checkpoint.
"""

import json
import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from gatewright.cache import digest
from gatewright.models.determinism import deterministic
from gatewright.training.checkpoint import Checkpoint, held_folder, load_checkpoint, save_checkpoint
from gatewright.training.errors import TrainingError
from gatewright.training.history import History, Look
from gatewright.training.plan import Plan

__all__ = ["Run", "Task", "train", "trainable"]


class Task(Protocol):
    """What is trained, on what.

    Attributes
    ----------
    module : those of its parameters that ask for a gradient are trained
    identity : model and data, as a checkpoint names them
    """

    @property
    def module(self) -> nn.Module: ...
    @property
    def identity(self) -> Mapping[str, Any]: ...

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        """Of a batch drawn from ``rng``."""
        ...

    def quality(self) -> float:
        """On validation, the higher the better; it must not draw random numbers."""
        ...


def trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that are trained, by name."""
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}


@deterministic()
def train(
    task: Task, plan: Plan, *, folder: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> History:
    """Train ``task.module``, which then has the weights of its best look.

    With a ``folder`` it continues from the checkpoint there, and keeps one. ``progress`` is called as (step, steps).
    Raises `TrainingError` for a loss or a quality that is no finite number, `CheckpointError` and `OSError`.
    """
    with torch.random.fork_rng(devices=[]), held_folder(folder) if folder else nullcontext():
        torch.manual_seed(plan.seed)
        return Run(task, plan, folder).to_end(progress)


class Run:
    """A training in one process. Others differ in how a step is done, and in where the state lies."""

    def __init__(self, task: Task, plan: Plan, folder: Path | None) -> None:
        self.task, self.plan, self.folder = task, plan, folder
        self.parameters = trainable(task.module)
        self.optimizer = torch.optim.AdamW(self.parameters.values(), weight_decay=plan.weight_decay)
        shapes = {name: list(parameter.shape) for name, parameter in self.parameters.items()}
        self.identity = {**task.identity, **plan.identity, "trained": digest(json.dumps(shapes))}
        self.rng = np.random.default_rng(plan.seed)
        self.history = History(parameters=sum(parameter.numel() for parameter in self.parameters.values()))
        self.best: dict[str, torch.Tensor] = {}

    def to_end(self, progress: Callable[[int, int], None] | None = None) -> History:
        self.resume()
        while not self.history.ended(self.plan):
            self._advance()
            if progress:
                progress(self.done, self.plan.steps)
        self.take_best()
        return self.history

    @property
    def done(self) -> int:
        """Steps."""
        return len(self.history.losses)

    def _advance(self) -> None:
        """A step, if it is not the time for the first look; a look where one is due; a checkpoint."""
        if self.history.looks:
            self._step()
        if self.done % self.plan.validate_every == 0 or self.done >= self.plan.steps:
            self._look()
        if self.folder and (self.done % self.plan.checkpoint_every == 0 or self.history.ended(self.plan)):
            self.save(self.folder)

    def _step(self) -> None:
        begin, worked = perf_counter(), process_time()
        loss = self.update(self.plan.rate(self.done))
        if not math.isfinite(loss):
            raise TrainingError(f"the loss of step {self.done + 1} is {loss}: a smaller learning_rate may help")
        self.history.losses.append(loss)
        self.history.seconds += perf_counter() - begin
        self.history.cpu_seconds += process_time() - worked

    def _look(self) -> None:
        worked = process_time()
        quality = self.quality()
        if not math.isfinite(quality):
            raise TrainingError(f"the quality after step {self.done} is {quality}")
        past = self.history
        past.look_seconds += process_time() - worked
        past.looks.append(Look(self.done, past.seconds, past.cpu_seconds, past.look_seconds, quality))
        if self.history.best.step == self.done:
            self.keep_best()

    def update(self, rate: float) -> float:
        """One step of AdamW with this learning rate; the loss before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        loss = self.task.loss(self.rng)
        if loss.isfinite():
            loss.backward()
            self.optimizer.step()
        kept = (value for state in self.optimizer.state.values() for value in state.values())
        self.history.optimizer_bytes = sum(value.nbytes for value in kept)
        return float(loss.detach())

    def quality(self) -> float:
        return self.task.quality()

    def keep_best(self) -> None:
        self.best = {name: value.detach().clone() for name, value in self.parameters.items()}

    def take_best(self) -> None:
        for name, value in self.best.items():
            _assign(self.parameters[name], value)

    def save(self, folder: Path) -> None:
        tensors = {"torch.rng": torch.get_rng_state()}
        for name, parameter in self.parameters.items():
            tensors[f"weights/{name}"] = parameter
            tensors[f"best/{name}"] = self.best[name]
            tensors |= {f"adamw.{key}/{name}": value for key, value in self.optimizer.state[parameter].items()}
        save_checkpoint(folder, Checkpoint(self.identity, self.done, self.state(), tensors))

    def state(self) -> dict[str, Any]:
        """What is no tensor, in JSON."""
        return {"history": asdict(self.history), "numpy.rng": self.rng.bit_generator.state}

    def restore(self, state: Mapping[str, Any]) -> None:
        """The reverse of `state`."""
        entry = state["history"]
        self.history = History(**{**entry, "looks": [Look(**look) for look in entry["looks"]]})
        self.rng.bit_generator.state = state["numpy.rng"]

    def resume(self) -> None:
        """Go on from the checkpoint in the folder, if there is one."""
        found = load_checkpoint(self.folder, self.identity) if self.folder else None
        if found is None:
            return
        self.restore(found.state)
        torch.set_rng_state(found.tensors["torch.rng"])
        for name, value in found.tensors.items():
            kind, _, parameter = name.partition("/")
            if kind == "weights":
                _assign(self.parameters[parameter], value)
            elif kind == "best":
                self.best[parameter] = value
            elif kind.startswith("adamw."):
                self.optimizer.state[self.parameters[parameter]][kind.removeprefix("adamw.")] = value


@torch.no_grad()
def _assign(parameter: nn.Parameter, value: torch.Tensor) -> None:
    parameter.copy_(value)
