"""The list of equivalent mutants fits the sources as they are."""

import json
from pathlib import Path

import pytest

from gatewright_sim.mutation import equivalents
from gatewright_sim.mutation.blocks import BLOCKS, HARDWARE, get_block
from gatewright_sim.mutation.campaign import Campaign, Outcome
from gatewright_sim.mutation.equivalents import EQUIVALENTS
from gatewright_sim.mutation.job import Verdict, append
from gatewright_sim.mutation.netlist import NETLIST, _mutant
from gatewright_sim.mutation.operators import ARROW, SELECT_BITS
from gatewright_sim.mutation.rewrite import rewrite
from gatewright_sim.mutation.score import equivalent, survivors

ROW = 40
FILES = {file for block in BLOCKS.values() for file in block.files}
OF_CELLS = {key for key in EQUIVALENTS if f": {NETLIST} " in key}


def test_every_one_names_a_site_of_a_block() -> None:
    sites = {site for file in FILES for site in rewrite((HARDWARE / file).read_text(), file)[1]}
    assert {key.rsplit(ARROW, 1)[0] for key in EQUIVALENTS.keys() - OF_CELLS} <= sites


def test_every_one_of_a_cell_names_a_line_of_a_block() -> None:
    for key in OF_CELLS:
        file, place = key.rsplit(ARROW, 1)[0].split(f": {NETLIST} ", 1)
        assert file in FILES, key
        assert place.split(": ", 1)[1] in map(str.strip, (HARDWARE / file).read_text().splitlines()), key


def test_a_mutant_of_a_cell_can_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = (HARDWARE / "sequencer.py").read_text().splitlines()[ROW - 1 : ROW]
    command = (
        f"mutate -ctrl mutant {SELECT_BITS} 3 -mode inv -module \\top "
        f"-cell $flatten\\fetch.\\queue.$140 -port Y -portbit 2 -src {HARDWARE.name}/sequencer.py:{ROW}"
    )
    block = get_block("sequencer")
    mutant = _mutant(command, block)
    assert mutant.key == f"sequencer.py: netlist fetch.queue.$140: {line.strip()} -> Y[2] inv"
    assert _mutant(command.replace("$140", "$141"), block).key != mutant.key, "another cell of the line"
    campaign, verdict = Campaign((block,), 0, 1, tmp_path, 1), Verdict(mutant.key, NETLIST, None, "", "now")
    append(tmp_path / "sequencer.jsonl", verdict)
    assert campaign._left(block, (mutant,), "now") == [mutant]
    assert survivors([Outcome("sequencer", mutant, verdict)])
    monkeypatch.setitem(EQUIVALENTS, mutant.key, "It does what the cell does.")
    assert campaign._left(block, (mutant,), "earlier") == [mutant], "it is tried once"
    assert campaign._left(block, (mutant,), "now") == []
    assert equivalent(Outcome("sequencer", mutant, verdict)) == "It does what the cell does."
    assert not survivors([Outcome("sequencer", mutant, verdict)])


def test_every_one_has_a_reason_and_stands_once() -> None:
    entries = json.loads((Path(equivalents.__file__).parent / "equivalents.json").read_text())
    assert len(entries) == len(EQUIVALENTS)
    assert all(len(reason) > 20 and reason.endswith(".") for reason in EQUIVALENTS.values())
