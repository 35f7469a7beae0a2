"""The list of equivalent mutants fits the sources as they are."""

import json
from pathlib import Path

from gatewright_sim.mutation import equivalents
from gatewright_sim.mutation.blocks import BLOCKS, HARDWARE
from gatewright_sim.mutation.equivalents import EQUIVALENTS
from gatewright_sim.mutation.operators import ARROW
from gatewright_sim.mutation.rewrite import rewrite


def test_every_one_names_a_site_of_a_block() -> None:
    files = {file for block in BLOCKS.values() for file in block.files}
    sites = {site for file in files for site in rewrite((HARDWARE / file).read_text(), file)[1]}
    assert {key.rsplit(ARROW, 1)[0] for key in EQUIVALENTS} <= sites


def test_every_one_has_a_reason_and_stands_once() -> None:
    entries = json.loads((Path(equivalents.__file__).parent / "equivalents.json").read_text())
    assert len(entries) == len(EQUIVALENTS)
    assert all(len(reason) > 20 and reason.endswith(".") for reason in EQUIVALENTS.values())
