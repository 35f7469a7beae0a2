"""What packages offer is loaded when it is asked for, and is theirs like all else."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    ("package", "also"), [("gatewright", ["compile"]), ("gatewright.recommender", []), ("gatewright.driver", [])]
)
def test_what_is_offered_is_listed(package: str, also: list[str]) -> None:
    """As completion in a notebook asks for it."""
    module = import_module(package)
    assert {*module.__all__, *also} <= set(dir(module))
    assert "loaded_when_asked_for" not in dir(module)


def test_listing_loads_nothing_and_a_name_is_looked_up_once() -> None:
    code = (
        "import sys, gatewright.recommender as package; assert 'HybridModel' in dir(package);"
        "assert 'numpy' not in sys.modules; kind = package.HybridModel;"
        "assert vars(package)['HybridModel'] is kind is package.HybridModel"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_not_offered() -> None:
    with pytest.raises(AttributeError, match="module 'gatewright' has no attribute 'fly'"):
        _ = import_module("gatewright").fly
