"""The same training in several processes, with DeepSpeed: the optimiser's state and gradients in shares (ZeRO).

S. Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", SC 2020. What is learnt
is what one process learns with the same batch. On CPUs, processes talk by gloo.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from gatewright.files import reason, written_whole
from gatewright.training.checkpoint import check_same_run, held_folder
from gatewright.training.errors import CheckpointError, TrainingError
from gatewright.training.history import History
from gatewright.training.loop import Run, Task
from gatewright.training.plan import Plan
from gatewright.training.ranks import Ranks

__all__ = ["CONFIG", "join", "read_config", "require_deepspeed", "train_zero"]

CONFIG = Path(__file__).with_name("zero.json")
TIMEOUT = timedelta(minutes=10)
"""Longest wait for another process, at the start and at each exchange."""

LATEST = "latest.json"


def require_deepspeed() -> None:
    """Raise `TrainingError` where it is not installed."""
    if find_spec("deepspeed") is None:
        raise TrainingError("training in several processes needs the package deepspeed: install gatewright[train]")


def join() -> Ranks:
    """Meet the other processes that the launcher started."""
    require_deepspeed()
    import deepspeed

    # DeepSpeed compiles a library for sums in shared memory when processes meet on CPUs, two minutes and for inference
    # alone. PyTorch guards that by a lock file, which a process that is killed leaves behind: all later ones wait for
    # ever. An operator that is not compatible is left out.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed.init_distributed(timeout=TIMEOUT, verbose=False)
    return Ranks(dist.get_rank(), dist.get_world_size())


def read_config(path: Path) -> dict[str, Any]:
    """DeepSpeed's configuration in ``path``. Raises `TrainingError` for what is none, and for what the plan decides."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"configuration {path} cannot be read: {reason(error)}") from error
    except ValueError as error:
        raise TrainingError(f"configuration {path} is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise TrainingError(f"configuration {path} is a {type(config).__name__}, allowed: an object")
    ours = (
        "train_batch_size",
        "train_micro_batch_size_per_gpu",
        "gradient_accumulation_steps",
        "optimizer",
        "scheduler",
    )
    for name in ours:
        if name in config:
            raise TrainingError(f"configuration {path} has {name}, which the training's own options decide")
    shares = config.get("zero_optimization", {})
    stage = shares.get("stage", 0) if isinstance(shares, dict) else None
    if stage not in (0, 1, 2):  # 3 has weights in shares, too; a text encoder is looked at and saved whole
        raise TrainingError(f"configuration {path} has zero_optimization.stage {stage!r}, allowed: 0, 1, 2")
    return config


def train_zero(
    task: Task,
    plan: Plan,
    ranks: Ranks,
    config: Mapping[str, Any],
    *,
    batch: int,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> History:
    """What `train` does, by all processes together; each calls it alike.

    ``task.loss`` is that of the process' own share of ``batch`` examples. Weights come together in every process at
    the end. Raises what `train` does.
    """
    first = ranks.rank == 0
    with held_folder(folder) if folder and first else nullcontext():
        return _ZeroRun(task, plan, folder, ranks, config, batch).to_end(progress if first else None)


class _Loss(nn.Module):
    def __init__(self, task: Task) -> None:
        super().__init__()
        self.module, self.task = task.module, task

    def forward(self, rng: np.random.Generator) -> torch.Tensor:
        return self.task.loss(rng)


class _ZeroRun(Run):
    def __init__(
        self, task: Task, plan: Plan, folder: Path | None, ranks: Ranks, config: Mapping[str, Any], batch: int
    ) -> None:
        super().__init__(task, plan, folder)
        import deepspeed

        self.ranks = ranks
        self.identity |= {"processes": ranks.world, "deepspeed": dict(config)}
        sizes = {"train_batch_size": batch, "train_micro_batch_size_per_gpu": batch // ranks.world}
        self.engine, self.optimizer, _, _ = deepspeed.initialize(
            model=_Loss(task), optimizer=self.optimizer, config={**config, **sizes}
        )

    def update(self, rate: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.engine(self.rng)
        value = self._mean(float(loss.detach()))
        if np.isfinite(value):
            self.engine.backward(loss)
            self.engine.step()
        kept = (value for state in self.optimizer.optimizer.state.values() for value in state.values())
        self.history.optimizer_bytes = sum(value.nbytes for value in kept if torch.is_tensor(value))
        return value

    def quality(self) -> float:
        return self._mean(self.task.quality())

    def _mean(self, value: float) -> float:
        """Over all processes, so that all decide alike."""
        total = torch.tensor(value, dtype=torch.float64, device=self.engine.device)
        dist.all_reduce(total)
        return float(total) / self.ranks.world

    def save(self, folder: Path) -> None:
        """A folder a checkpoint, and last of all the name of the newest, which is then the only one.

        DeepSpeed's files are pickles: they are for whoever wrote them.
        """
        tag = f"step-{self.done}"
        self.engine.save_checkpoint(str(folder), tag, {"best": self.best, **self.state()}, save_latest=False)
        if self.ranks.rank == 0:
            with written_whole(folder / LATEST) as file:
                file.write(json.dumps({"tag": tag, "identity": self.identity}).encode())
            for old in folder.glob("step-*"):
                if old.name != tag:
                    shutil.rmtree(old)
        dist.barrier()

    def resume(self) -> None:
        latest = self.folder / LATEST if self.folder else None
        if latest is None or not latest.exists():
            return
        try:
            found = json.loads(latest.read_text(encoding="utf-8"))
            check_same_run(latest, found["identity"], json.loads(json.dumps(self.identity)))
            _, state = self.engine.load_checkpoint(str(self.folder), found["tag"])
            self.best = state.pop("best")
            self.restore(state)
        except CheckpointError:
            raise
        except Exception as error:  # json, torch and DeepSpeed raise classes of their own
            text = " ".join(str(error).split())
            raise CheckpointError(f"checkpoint {latest} is damaged: {text}; delete it to begin anew") from error
