"""The generated files: port names, determinism, manifest, documentation."""

import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gatewright.spec.commands import COMMANDS
from gatewright.spec.config import CONFIGS
from gatewright.spec.errors import ErrorCode
from gatewright.spec.registers import BLOCK_NAME, REGISTERS
from gatewright_hw.generate import design_hash, write

CONFIG = CONFIGS["tiny"]
AXI = {
    "aw": "id addr len size burst lock cache prot qos valid ready",
    "w": "data strb last valid ready",
    "b": "id resp valid ready",
    "ar": "id addr len size burst lock cache prot qos valid ready",
    "r": "id data resp last valid ready",
}
AXI_LITE = {
    "aw": "addr prot valid ready",
    "w": "data strb valid ready",
    "b": "resp valid ready",
    "ar": "addr prot valid ready",
    "r": "data resp valid ready",
}
WIDTHS = {
    "m_axi_araddr": 32,
    "m_axi_arlen": 8,
    "m_axi_rdata": 64,
    "m_axi_wstrb": 8,
    "s_axil_awaddr": 12,
    "s_axil_wdata": 32,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("generated")
    write(CONFIG, out)
    return out


def ports(text: str) -> dict[str, tuple[str, int]]:
    """Direction and width of each port of the top module."""
    module = re.search(rf"^module {BLOCK_NAME}\(.*?^endmodule", text, re.S | re.M)
    assert module
    found = re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+) ?;", module.group(), re.M)
    return {name: (direction, int(msb) + 1 if msb else 1) for direction, msb, name in found}


def test_ports_have_the_standard_names(folder: Path) -> None:
    found = ports((folder / f"{BLOCK_NAME}.v").read_text())
    expected = {"clk", "rst", "irq"}
    for prefix, channels in (("m_axi", AXI), ("m_axi_1", AXI), ("s_axil", AXI_LITE)):
        expected |= {f"{prefix}_{channel}{name}" for channel, names in channels.items() for name in names.split()}
    assert set(found) == expected
    assert {name: found[name][1] for name in WIDTHS} == WIDTHS
    for name, (direction, _) in found.items():
        if name.endswith("ready"):
            answers = [f"m_axi{port}_{channel}" for port in ("", "_1") for channel in "br"]
            driven = name.removesuffix("ready") in (*answers, "s_axil_aw", "s_axil_w", "s_axil_ar")
            assert direction == ("output" if driven else "input"), name


def test_the_manifest_names_what_was_written(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["config"] == dataclasses.asdict(CONFIG)
    assert manifest["config_hash"] == CONFIG.hash_text
    assert manifest["design_hash"] == design_hash(CONFIG)
    assert set(manifest["files"]) == {f"{BLOCK_NAME}.v", "registers.md"}
    for name, sha256 in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256


def test_the_verilog_is_the_same_in_every_process(folder: Path) -> None:
    """The order of sets and the place of the sources do not matter."""
    imports = "from gatewright.spec.config import get_config; from gatewright_hw.generate import verilog"
    script = f"{imports}; print(verilog(get_config({CONFIG.name!r})), end='')"
    environment = os.environ | {"PYTHONHASHSEED": "77"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout == (folder / f"{BLOCK_NAME}.v").read_text()
    assert str(Path(__file__).parents[2]) not in done.stdout


def test_the_documentation_holds_the_whole_contract(folder: Path) -> None:
    text = (folder / "registers.md").read_text()
    for entry in REGISTERS:
        assert f"`{entry.offset:#05x}` | **{entry.name}** |" in text
        for field in entry.fields:
            assert f"| {field.name} |" in text
    for code in ErrorCode:
        assert f"| {code.value} | {code.name} | {code.meaning} |" in text
    for spec in COMMANDS.values():
        section = text.split(f"### {spec.name}\n")[1].split("### ")[0]
        for field in spec.fields:
            assert f"| {field.name} |" in section
        for flag in spec.flags:
            assert f"flag {flag.name}" in section
    assert "1..512" in text  # gemm_max_k of this configuration


def test_the_design_hash_follows_the_sizes_only() -> None:
    assert design_hash(CONFIG) == design_hash(dataclasses.replace(CONFIG, name="other", clock_mhz=50.0))
    assert design_hash(CONFIG) != design_hash(dataclasses.replace(CONFIG, outstanding=4))
