"""Imports go one way: spec <- program <- driver; spec <- hw; golden <- rtl; program <- compiler <- models <- cli."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ALLOWED = {
    # package: what of ours it may import, besides itself
    "sw/gatewright/spec": {"gatewright.spec"},
    "sw/gatewright/program": {"gatewright.spec"},
    "sw/gatewright/compiler": {"gatewright.spec", "gatewright.program"},
    "sw/gatewright/driver": {"gatewright.spec", "gatewright.program", "gatewright.cache"},
    "hw/gatewright_hw": {"gatewright.spec"},
    "sim/gatewright_sim/components": {"gatewright.spec"},
    "sim/gatewright_sim/golden": {
        "gatewright.spec",
        "gatewright.driver",
        "gatewright_sim.memory",
        "gatewright_sim.stimulus",
    },
    "sim/gatewright_sim/rtl": {
        "gatewright.spec",
        "gatewright.driver",
        "gatewright.cache",
        "gatewright_hw",
        "gatewright_sim.fst",
        "gatewright_sim.verilator",
        "gatewright_sim.golden",
        "gatewright_sim.memory",
    },
    "sw/gatewright/recommender": {"gatewright.spec", "gatewright.program", "gatewright.driver", "gatewright.cache"},
    "sw/gatewright/models": {
        "gatewright.spec",
        "gatewright.cache",
        "gatewright.program",
        "gatewright.compiler",
        "gatewright.driver",
        "gatewright.recommender",
    },
}
HEAVY = ("torch", "amaranth", "cocotb", "transformers", "onnx", "onnx_ir", "onnxscript", "onnxruntime", "plotly")
NUMPY_ONLY = (
    "gatewright.spec.commands",
    "gatewright",
    "gatewright.program.file",
    "gatewright.driver",
    "gatewright.recommender",
    "gatewright_sim.golden.backend",
)


def _imports(file: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            modules.add(node.module or "")
    return modules


def _inside(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_is_below_it(package: str) -> None:
    own = package.split("/", 1)[1].replace("/", ".")
    allowed = ALLOWED[package] | {own}
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        ours = {module for module in _imports(file) if module.split(".")[0].startswith("gatewright")}
        wrong = {module for module in ours if not _inside(module, allowed) and module != "gatewright"}
        assert not wrong, f"{file.relative_to(ROOT)} imports {sorted(wrong)}"


@pytest.mark.parametrize("module", NUMPY_ONLY)
def test_a_board_needs_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert found.stdout.strip() == "[]"
