"""Rows made by several processes are those that one finds; the first that fails ends them all."""

import subprocess
import sys
import time
from multiprocessing import active_children
from pathlib import Path

import pytest

from gatewright.comparison.entry import Entry
from gatewright.comparison.plan import ENTRIES, Plan
from gatewright.comparison.report import compared
from gatewright.comparison.workers import STAGE, measure_ahead
from gatewright.evaluation.quality import as_json
from gatewright.models.baselines import Ials, Popularity
from gatewright.recommender.errors import DataError

POPULARITY, IALS = Entry(Popularity), Entry(Ials, budget=1)


def test_rows_of_processes_are_those_of_one(data, monkeypatch, tmp_path):
    plan = Plan((POPULARITY, IALS), shuffles=2, seeds=2)
    stages = []
    measure_ahead(data, plan, 2, lambda *stage: stages.append(stage))
    assert stages == [(STAGE, done, 4) for done in range(5)]
    with monkeypatch.context() as patch:
        for kind in (Popularity, Ials):
            patch.setattr(kind, "fit", pytest.fail)  # all is there
        ahead = as_json(compared(data, plan))
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / "other"))
    alone = as_json(compared(data, plan))
    assert ahead["cells"] == alone["cells"]
    assert ahead["comparisons"] == alone["comparisons"]


def test_the_first_failure_ends_all(data):
    before = set(active_children())
    with pytest.raises(DataError, match="no rating is left to train"):
        measure_ahead(data.select(data.users < 0), Plan((POPULARITY, ENTRIES["EASE"]), shuffles=1), 2)
    assert set(active_children()) <= before


ENDLESS = """
import sys
from multiprocessing import active_children
import numpy as np
from gatewright.comparison.entry import Entry
from gatewright.comparison.plan import Plan
from gatewright.comparison.workers import measure_ahead
from gatewright.models.baselines import Popularity
from gatewright.models.data import MovieLens

if __name__ == "__main__":
    users, items = (part.astype(np.int32) for part in np.divmod(np.arange(400), 20))
    ids, names = np.arange(20), ("name",) * 20
    stars, times = np.ones(400, np.float32), items.astype(np.int64)
    data = MovieLens("made", ids, ids, names, names, users, items, stars, times)
    pids = lambda *_: print(*(child.pid for child in active_children()), flush=True)
    measure_ahead(data, Plan((Entry(Popularity),), shuffles=100_000), 2, pids)
"""


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see processes of others")
def test_workers_of_one_that_was_killed_end(tmp_path):
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert pids
    deadline = time.monotonic() + 60
    while any(map(_runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_runs, pids))
