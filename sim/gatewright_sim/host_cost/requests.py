"""Requests to an idle accelerator, for whoever counts a process' instructions.

    python -m gatewright_sim.host_cost.requests FOLDER COUNT USER [QUERY]

FOLDER has a deployed model, as `gatewright.models.deploy.Deployed.save` writes it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gatewright.driver.accelerator import Accelerator
from gatewright.program.file import load_program
from gatewright.recommender.model import HybridModel
from gatewright.recommender.request import HybridRecommender
from gatewright.spec.config import get_config
from gatewright_sim.host_cost.idle import IdleBackend

__all__ = ["main"]


def main(folder: str, count: str, user: str, query: str | None = None) -> None:
    """Make ``count`` equal requests."""
    programs = [load_program(Path(folder) / name) for name in ("history.gwp", "query.gwp")]
    config = get_config(programs[0].config)
    model = HybridModel.load(Path(folder) / "model.npz")
    with (
        Accelerator(config, IdleBackend(config)) as accelerator,
        HybridRecommender(accelerator, model, (programs[0], programs[1])) as recommender,
    ):
        for _ in range(int(count)):
            recommender.recommend(int(user), query)


if __name__ == "__main__":
    main(*sys.argv[1:])
