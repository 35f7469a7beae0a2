"""Fine-tuning of the text encoder in several processes, on this machine or on several, with CPUs or GPUs.

    python -m gatewright.training.launch --processes 2 --out build/training

starts `gatewright.training.worker` by PyTorch's own launcher, which ends all when one fails. On one machine processes
meet at the loopback address: the name of a machine may lead anywhere. On several, the same command is run on each,
with ``--nodes`` and ``--meet HOST:PORT``, a port of the first. A process takes a GPU of its own; where a machine has
none, or with ``DS_ACCELERATOR=cpu``, DeepSpeed's own variable, it takes its share of the cores.
"""

import os
import sys
from collections.abc import Mapping, Sequence

import torch

from gatewright.options import OptionError, Options, at_least
from gatewright.outcome import outcome
from gatewright.training import worker
from gatewright.training.ranks import Ranks
from gatewright.training.zero import read_config, require_deepspeed

__all__ = ["check_devices", "gpus", "launch_command", "launch_environment"]


def gpus(given: Mapping[str, str]) -> int:
    """GPUs of this machine that DeepSpeed takes."""
    return 0 if given.get("DS_ACCELERATOR") == "cpu" else torch.cuda.device_count()


def check_devices(processes: int, devices: int) -> None:
    """Raise `OptionError` where ``processes`` would share one of so many GPUs, ``devices``, which NCCL cannot do."""
    if 0 < devices < processes:
        raise OptionError(f"--processes is {processes}, allowed: up to {devices}, a GPU each, or DS_ACCELERATOR=cpu")


def launch_command(processes: int, nodes: int, meet: str | None, arguments: Sequence[str]) -> list[str]:
    """What starts ``processes`` on this one of ``nodes`` machines."""
    if nodes > 1 and not meet:
        raise OptionError(f"--nodes {nodes} needs --meet HOST:PORT, where they find each other")
    where = (
        [f"--nnodes={nodes}", "--rdzv-backend=c10d", f"--rdzv-endpoint={meet}", "--rdzv-id=gatewright"]
        if meet
        else ["--standalone", "--local-addr=127.0.0.1"]
    )
    return [
        sys.executable, "-m", "torch.distributed.run", *where, f"--nproc-per-node={processes}",
        "-m", worker.__name__, *arguments,
    ]  # fmt: skip


def launch_environment(processes: int, alone: bool, given: Mapping[str, str]) -> dict[str, str]:
    """With what is not ``given``: threads for its share of the cores; on one machine, the loopback device."""
    chosen = {"OMP_NUM_THREADS": str(max(1, len(os.sched_getaffinity(0)) // processes))}
    if alone:
        chosen["GLOO_SOCKET_IFNAME"] = "lo"
    return {**chosen, **given}


def main() -> None:
    require_deepspeed()
    own, every = Options(__name__, __doc__), worker.options()
    devices = gpus(os.environ)
    for parser in (own, every):
        parser.add_argument(
            "--processes",
            type=at_least(1),
            default=devices or 2,
            metavar="N",
            help="on each machine (default: one a GPU, without any 2)",
        )
        parser.add_argument("--nodes", type=at_least(1), default=1, metavar="N", help="machines (default: 1)")
        parser.add_argument("--meet", metavar="HOST:PORT", help="where several machines meet: a port of the first")
    checked = every.parse_args()  # what is wrong is said once, before any process starts
    read_config(checked.deepspeed)
    Ranks(0, checked.processes * checked.nodes).share(checked.stretches)
    chosen, arguments = own.parse_known_args()
    check_devices(chosen.processes, devices)
    command = launch_command(chosen.processes, chosen.nodes, chosen.meet, arguments)
    environment = launch_environment(chosen.processes, chosen.meet is None, os.environ)
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    sys.exit(outcome(main, extra="train"))
