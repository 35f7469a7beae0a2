"""Fine-tuning of the text encoder in one of several processes: what `gatewright.training.launch` starts in each."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from gatewright.files import written_whole
from gatewright.models.data import load_movielens
from gatewright.models.data.splits import UserTimeSplit, split
from gatewright.options import Options, at_least
from gatewright.outcome import outcome
from gatewright.training.encoder_files import save_encoder
from gatewright.training.fine_tune import FineTuneTask
from gatewright.training.plan import Plan
from gatewright.training.recommendation_loss import RecommendationLoss
from gatewright.training.zero import CONFIG, join, read_config, train_zero

__all__ = ["options"]


def options() -> Options:
    parser = Options("gatewright.training.launch", __doc__)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="ratings (default: those that are installed)")
    parser.add_argument("--users", type=at_least(1), metavar="N", help="of the first N users alone")
    parser.add_argument("--steps", type=at_least(1), default=Plan.steps, metavar="N", help="at most")
    parser.add_argument("--validate-every", type=at_least(1), default=Plan.validate_every, metavar="N", help="steps")
    parser.add_argument(
        "--stretches", type=at_least(2), default=RecommendationLoss.stretches, metavar="N", help="a step"
    )
    parser.add_argument("--deepspeed", type=Path, default=CONFIG, metavar="FILE", help=f"configuration ({CONFIG})")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="checkpoints, losses, the encoder")
    return parser


def main() -> None:
    chosen = options().parse_args()
    config = read_config(chosen.deepspeed)
    ranks = join()
    data = load_movielens(chosen.data)
    parts = split(data.subset(chosen.users) if chosen.users else data, UserTimeSplit())
    loss = RecommendationLoss(stretches=chosen.stretches)
    plan = Plan(steps=chosen.steps, validate_every=chosen.validate_every, checkpoint_every=chosen.validate_every)
    task = FineTuneTask(parts, loss, ranks=ranks)
    ranks.share(loss.stretches)
    chosen.out.mkdir(parents=True, exist_ok=True)
    history = train_zero(
        task,
        plan,
        ranks,
        config,
        batch=loss.stretches,
        folder=chosen.out,
        progress=lambda step, steps: print(step, "of", steps, flush=True),
    )
    if ranks.rank == 0:
        with written_whole(chosen.out / "history.json") as file:
            file.write(json.dumps(asdict(history)).encode())
        save_encoder(task.encoder, chosen.out / "encoder")


if __name__ == "__main__":
    sys.exit(outcome(main, extra="train"))
