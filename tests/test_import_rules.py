"""Imports go one way, in no circle: spec < program < driver < compiler < models < cli; spec < hw; golden < rtl."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ALLOWED = {
    # package: what of ours it may import, besides itself
    "sw/gatewright/spec": {"gatewright.spec"},
    "sw/gatewright/artefact": {"gatewright.spec", "gatewright.files"},
    "sw/gatewright/program": {"gatewright.spec", "gatewright.files"},
    "sw/gatewright/compiler": {
        "gatewright.spec",
        "gatewright.program",
        "gatewright.driver",
    },  # it measures what it made
    "sw/gatewright/driver": {"gatewright.spec", "gatewright.program", "gatewright.artefact"},
    "sw/gatewright/doctor": {"gatewright.spec", "gatewright.driver"},
    "hw/gatewright_hw": {
        "gatewright.spec",
        "gatewright.files",
        "gatewright.cache",
        "gatewright.web_page",
        "gatewright.artefact",
    },
    "hw/gatewright_hw/parts": {"gatewright.spec"},
    "hw/gatewright_hw/bus": {"gatewright.spec", "gatewright_hw.parts"},
    "hw/gatewright_hw/boards": {
        "gatewright.spec",
        "gatewright_hw.parts",
        "gatewright_hw.bus",
        "gatewright_hw.top",
        "gatewright_hw.verilog",
    },
    "hw/gatewright_hw/engines": {"gatewright.spec", "gatewright_hw.parts", "gatewright_hw.bus"},
    "sim/gatewright_sim/components": {"gatewright.spec", "gatewright_hw", "gatewright_sim.bursts"},
    "sim/gatewright_sim/formal": {
        "gatewright.spec",
        "gatewright.cache",
        "gatewright_hw",
        "gatewright.options",
        "gatewright.outcome",
        "gatewright.report",
        "gatewright_sim.bursts",
    },
    "sim/gatewright_sim/zoo": {
        "gatewright.cache",
        "gatewright.compiler",
        "gatewright.driver",
        "gatewright.files",
        "gatewright.options",
        "gatewright.outcome",
        "gatewright.program",
        "gatewright.report",
        "gatewright.sheet",
        "gatewright.sources",
        "gatewright.spec",
    },
    "sim/gatewright_sim/fuzz": {  # what reads files and messages
        "gatewright.spec",
        "gatewright.files",
        "gatewright.artefact",
        "gatewright.program",
        "gatewright.driver",
        "gatewright.agent",
        "gatewright.compiler",
        "gatewright.models.data",
        "gatewright.cli.arrays",
        "gatewright_hw.build",
        "gatewright.options",
        "gatewright.outcome",
        "gatewright.report",
        "gatewright_sim.golden",
        "gatewright_sim.memory",
        "gatewright_sim.rtl",
    },
    "sim/gatewright_sim/golden": {
        "gatewright.spec",
        "gatewright_sim.backend",
        "gatewright_sim.memory",
        "gatewright_sim.stimulus",  # the manifest
    },
    "sim/gatewright_sim/commands": {"gatewright.spec", "gatewright_sim.golden"},
    "sim/gatewright_sim/stimulus": {"gatewright.spec", "gatewright.driver", "gatewright_sim.commands"},
    "sim/gatewright_sim/mutation": {
        "gatewright.spec",
        "gatewright.cache",
        "gatewright.files",
        "gatewright.web_page",
        "gatewright_hw",
        "gatewright_sim.benches",
        "gatewright.options",
        "gatewright.outcome",
        "gatewright.signals",
        "gatewright.report",
    },
    "sim/gatewright_sim/dram": {"gatewright.spec", "gatewright.cache", "gatewright_sim.cxx"},
    "sim/gatewright_sim/speed": {
        "gatewright.spec",
        "gatewright.cache",
        "gatewright.compiler",
        "gatewright.driver",
        "gatewright.models",
        "gatewright.pictures",
        "gatewright.program",
        "gatewright.progress",
        "gatewright.recommender",
        "gatewright.sheet",
        "gatewright.sources",
        "gatewright.web_page",
        "gatewright_sim.rtl",
        "gatewright_sim.stimulus",
    },
    "sim/gatewright_sim/rtl": {
        "gatewright.spec",
        "gatewright.driver",
        "gatewright.cache",
        "gatewright.files",
        "gatewright_hw",
        "gatewright_sim.cxx",
        "gatewright_sim.fst",
        "gatewright_sim.verilator",
        "gatewright_sim.backend",
        "gatewright_sim.dram",
        "gatewright_sim.memory",
    },
    "sim/gatewright_sim/gates": {
        "gatewright.spec",
        "gatewright.program",
        "gatewright.driver",
        "gatewright.compiler",  # a program to run on gates
        "gatewright.selftest",
        "gatewright_hw",
        "gatewright.options",
        "gatewright.outcome",
        "gatewright.report",
        "gatewright_sim.cxx",
        "gatewright_sim.verilator",
        "gatewright_sim.rtl",
    },
    "sim/gatewright_sim/virtual_board": {
        "gatewright.spec",
        "gatewright.artefact",
        "gatewright.files",
        "gatewright.listening",
        "gatewright.cache",
        "gatewright.driver.errors",
        "gatewright.driver.hosts",
        "gatewright_hw",
        "gatewright_sim.cxx",
        "gatewright_sim.memory",
        "gatewright_sim.powerup",
        "gatewright_sim.rtl",
    },
    "sw/gatewright/selftest": {"gatewright.spec", "gatewright.files", "gatewright.program", "gatewright.driver"},
    "sw/gatewright/agent": {
        "gatewright.doctor",
        "gatewright.spec",
        "gatewright.files",
        "gatewright.listening",
        "gatewright.signals",
        "gatewright.version",
        "gatewright.artefact",
        "gatewright.program",
        "gatewright.driver",
    },
    "sw/gatewright/bundle": {
        "gatewright.spec",
        "gatewright.files",
        "gatewright.sums",
        "gatewright.version",
        "gatewright.artefact",
        "gatewright.program",
    },
    "sw/gatewright/recommender": {
        "gatewright.agent",  # whose client a board elsewhere needs
        "gatewright.lazy",
        "gatewright.outcome",
        "gatewright.spec",
        "gatewright.files",
        "gatewright.program",
        "gatewright.driver",
        "gatewright.bundle.contents",
    },
    "sw/gatewright/evaluation": {"gatewright.spec"},
    "sw/gatewright/comparison": {
        "gatewright.spec",
        "gatewright.cache",
        "gatewright.files",
        "gatewright.options",
        "gatewright.outcome",
        "gatewright.report",
        "gatewright.evaluation",
        "gatewright.models",
        "gatewright.progress",
        "gatewright.sheet",
        "gatewright.sources",
    },
    "sw/gatewright/reproduction": {
        "gatewright.cache",
        "gatewright.comparison",
        "gatewright.driver",
        "gatewright.evaluation",
        "gatewright.models",
        "gatewright.pictures",
        "gatewright.program",
        "gatewright.progress",
        "gatewright.recommender",
        "gatewright.sheet",
        "gatewright.sources",
        "gatewright.spec",
        "gatewright.training",
        "gatewright.version",
        "gatewright.web_page",
    },
    "sw/gatewright/pictures": {"gatewright.spec", "gatewright.program", "gatewright.web_page"},
    "sw/gatewright/models/baselines": {
        "gatewright.evaluation",
        "gatewright.models.data",
        "gatewright.recommender.errors",
        "gatewright.progress",
    },
    "sw/gatewright/training": {
        "gatewright.progress",
        "gatewright.sources",
        "gatewright.spec",
        "gatewright.program",
        "gatewright.compiler",
        "gatewright.driver",
        "gatewright.cache",
        "gatewright.files",
        "gatewright.evaluation",
        "gatewright.models",
        "gatewright.options",
        "gatewright.outcome",
        "gatewright.recommender.errors",
    },
    "sw/gatewright/models/experts": {
        "gatewright.cache",
        "gatewright.models",
        "gatewright.recommender.months",
        "gatewright.recommender.texts",
        "gatewright.sources",
    },
    "sw/gatewright/models/systems": {
        "gatewright.evaluation",
        "gatewright.models",
        "gatewright.recommender.errors",
    },
    "sw/gatewright/models": {
        "gatewright.spec",
        "gatewright.cache",
        "gatewright.program",
        "gatewright.compiler",
        "gatewright.driver",
        "gatewright.recommender",
        "gatewright.evaluation",
        "gatewright.progress",
        "gatewright.sources",
    },
}
HEAVY = (
    "torch",
    "amaranth",
    "cocotb",
    "transformers",
    "onnx",
    "onnx_ir",
    "onnxscript",
    "onnxruntime",
    "plotly",
    "scipy",
    "threadpoolctl",
)
NUMPY_ONLY = (
    "gatewright.doctor",
    "gatewright.spec.commands",
    "gatewright",
    "gatewright.artefact",
    "gatewright.program.file",
    "gatewright.driver",
    "gatewright.recommender",
    "gatewright.evaluation.protocols",
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
        wrong = {module for module in ours if not _inside(module, allowed)}
        assert not wrong, f"{file.relative_to(ROOT)} imports {sorted(wrong)}"


def _modules() -> dict[str, Path]:
    """Our modules by dotted name, packages' ``__init__`` included."""
    found = {}
    for folder in ("sw", "hw", "sim"):
        for file in (ROOT / folder).rglob("*.py"):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def _depends(file: Path, modules: dict[str, Path]) -> set[str]:
    """The modules of ours that a file imports, at its head or inside of a function."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in modules}
        elif isinstance(node, ast.ImportFrom):
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= named & modules.keys() or {node.module or ""} & modules.keys()
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = _modules()
    sorter = TopologicalSorter({name: _depends(file, modules) - {name} for name, file in modules.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("module", NUMPY_ONLY)
def test_a_board_needs_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert found.stdout.strip() == "[]"


def test_compiling_an_onnx_model_imports_no_torch() -> None:
    code = """
import sys
from onnx import parser
from gatewright.compiler.compile import compile_model
text = '<ir_version: 10, opset_import: ["": 18]> g (float[2, 3] x) => (float[2, 3] y) { y = Relu(x) }'
compile_model(parser.parse_model(text))
print("torch" in sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert found.stdout.strip() == "False"
