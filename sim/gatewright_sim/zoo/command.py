"""Models of many kinds, compiled, executed on the golden model, and compared with float: which run, and how exactly.

python -m gatewright_sim.zoo
python -m gatewright_sim.zoo bert geometric/ --jobs 1

A model that is further off than the compiler promises while nobody says so, that crashes or comes to no end gives exit
code 1. What was found is kept, so that a run that is stopped goes on where it was, and only what a change concerns is
tried again.
"""

from __future__ import annotations

from functools import partial

from gatewright.files import written_whole
from gatewright.options import OptionError, Options, at_least
from gatewright.report import Report
from gatewright.spec.config import CONFIGS
from gatewright_sim.zoo.catalogue import names, versions
from gatewright_sim.zoo.process import attempt, outcomes
from gatewright_sim.zoo.tables import as_markdown, line, summary
from gatewright_sim.zoo.trial import FAILURES, version

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Print a line for each model; 1 where one fails."""
    parser = Options("gatewright_sim.zoo", __doc__)
    parser.add_argument("parts", nargs="*", help="parts of names (default: all models)")
    parser.add_argument("--config", default="pynq-z2", choices=sorted(CONFIGS))
    parser.add_argument("--seconds", type=at_least(1), default=600, help="of one model (default: %(default)s)")
    parser.add_jobs("models")
    parser.add_out("zoo", "report.json and zoo.md")
    options = parser.parse_args(arguments)
    chosen = [name for name in names() if not options.parts or any(part in name for part in options.parts)]
    if not chosen:
        known = ", ".join(names())
        raise OptionError(f"no model has {' or '.join(options.parts)} in its name, allowed: parts of {known}")
    report = Report(options.out)
    found = {}
    work = partial(attempt, options.config, versions(chosen), version())
    for outcome in outcomes(chosen, work, options.seconds, options.jobs):
        found[outcome.name] = outcome
        print(f"{len(found)}/{len(chosen)} {line(outcome)}", flush=True)
    ordered = [found[name] for name in chosen]
    report.write({"config": options.config, "models": [each.as_json() for each in ordered]})
    with written_whole(options.out / "zoo.md") as file:
        file.write(as_markdown(ordered, options.config).encode())
    print(f"{summary(ordered)}; {options.out / 'zoo.md'}")
    return 1 if any(each.result in FAILURES for each in ordered) else 0
