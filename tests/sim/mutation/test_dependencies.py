"""What verdicts depend on, and what they do not."""

from pathlib import Path

import pytest

from gatewright_sim.mutation import dependencies as module
from gatewright_sim.mutation.blocks import BLOCKS, ROOT, get_block
from gatewright_sim.mutation.dependencies import dependencies, sources_hash


@pytest.mark.parametrize("name", BLOCKS)
def test_sources_benches_and_the_campaign(name: str) -> None:
    files = {str(file.relative_to(ROOT)) for file in dependencies(get_block(name))}
    assert {f"hw/gatewright_hw/{file}" for file in get_block(name).files} <= files
    for needed in (
        "sim/gatewright_sim/mutation/entry.py",
        "sim/gatewright_sim/mutation/operators.py",
        "sim/gatewright_sim/benches/harness/cases.py",
        "sim/gatewright_sim/benches/__init__.py",
        "sw/gatewright/spec/registers.py",
        "hw/gatewright_hw/parts/stream_register.py",
        "tests/conftest.py",
    ):
        assert needed in files
    for other in ("formal", "fuzz", "gates", "virtual_board", "mutation/report.py", "mutation/command.py"):
        assert not [file for file in files if file.startswith(f"sim/gatewright_sim/{other}")]
    for other in ("cli", "compiler", "models", "agent"):
        assert not [file for file in files if file.startswith(f"sw/gatewright/{other}/")]


@pytest.mark.parametrize(
    ("name", "needed", "other"),
    [
        ("gemm", "sim/gatewright_sim/benches/attention_bench.py", "sim/gatewright_sim/benches/vector_bench.py"),
        ("gemm", "sim/gatewright_sim/golden/gemm.py", "sim/gatewright_sim/benches/zynq7_bench.py"),
        ("gemm", "tests/hw/engines/gemm/test_drain.py", "tests/hw/test_sequencer.py"),
        ("sequencer", "tests/hw/test_sequencer.py", "tests/hw/engines/gemm/test_drain.py"),
        ("sequencer", "sim/gatewright_sim/benches/watchdog_bench.py", "sim/gatewright_sim/benches/gemm_bench.py"),
    ],
)
def test_of_a_block_alone(name: str, needed: str, other: str) -> None:
    files = dependencies(get_block(name))
    assert (ROOT / needed).exists()
    assert (ROOT / other).exists()
    assert ROOT / needed in files
    assert ROOT / other not in files


def test_the_hash_is_of_names_and_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, other = tmp_path / "file.py", tmp_path / "other.py"
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "dependencies", lambda block: {file})
    file.write_text("a = 1")
    before = sources_hash(get_block("bus"))
    other.write_text("b = 1")
    assert sources_hash(get_block("bus")) == before
    file.write_text("a = 2")
    assert sources_hash(get_block("bus")) != before
