"""No component without a test: each one is named by a test of the hardware or by a bench."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from amaranth.lib import wiring

import gatewright_hw
import gatewright_sim.benches

TESTS = Path(__file__).parent
BENCHES = Path(gatewright_sim.benches.__path__[0])


def components() -> list[type[wiring.Component]]:
    """All subclasses of Component that ``gatewright_hw`` defines, private ones included."""
    found = []
    for module in pkgutil.walk_packages(gatewright_hw.__path__, "gatewright_hw."):
        members = vars(importlib.import_module(module.name)).values()
        found += [
            member
            for member in members
            if isinstance(member, type) and issubclass(member, wiring.Component) and member.__module__ == module.name
        ]
    return found


@pytest.fixture(scope="module")
def sources() -> dict[Path, str]:
    """The text of every test of the hardware but this one, and of every bench."""
    files = [*TESTS.rglob("test_*.py"), *BENCHES.rglob("*.py")]
    return {file: file.read_text() for file in files if file != Path(__file__)}


def test_components_are_found() -> None:
    names = {component.__name__ for component in components()}
    assert {"Top", "BurstReader", "GemmEngine", "RoundingShift", "OutLanes", "CsrWalker"} <= names


@pytest.mark.parametrize(
    "component", components(), ids=lambda component: f"{component.__module__}.{component.__name__}"
)
def test_a_test_names_it(component: type[wiring.Component], sources: dict[Path, str]) -> None:
    """By its class; a private component by the test of its module, which only others see it through."""
    name = component.__name__
    folder, module = re.sub(r"^gatewright_hw\.", "", component.__module__).replace(".", "/").rpartition("/")[::2]
    own = TESTS / folder / f"test_{module}.py"
    if name.startswith("_"):
        assert own in sources, f"{component.__module__}.{name}: there is no {own.relative_to(TESTS)}"
    else:
        named = any(re.search(rf"\b{name}\b", text) for text in sources.values())
        assert named, f"{component.__module__}.{name}: neither a test below tests/hw nor a bench names it"
