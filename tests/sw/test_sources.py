"""What is kept is made again when code changes that it depends on, and not when other code does."""

import importlib
import re
from pathlib import Path

import pytest

import gatewright
from gatewright.compiler.lower import FAMILIES
from gatewright.sources import PROGRAM_ROOMS, source_files, source_version

ROOMS = ("made",)
FILES = {
    "made/__init__.py": "",
    "made/start.py": '"""Says what it is."""\nimport made.head, json\nfrom made.inner import near\n\ndef later():\n'
    '    """And what it does."""\n    from made.lazy import value\n    return value\n',
    "made/head.py": "import json\nimport other.far\n",
    "made/lazy.py": "value = 1\n",
    "made/apart.py": "value = 1\n",
    "made/inner/__init__.py": "from made.inner.unused import name\n",
    "made/inner/near.py": "from made.package import gathered\n",
    "made/inner/unused.py": "name = 1\n",
    "made/package/__init__.py": "from made.package.deep import gathered\n",
    "made/package/deep.py": "gathered = 1\n",
    "other/__init__.py": "",
    "other/far.py": "",
}
HERE = Path(gatewright.__file__).parent
KEEPERS = sorted(
    f"gatewright.{room}.{'.'.join(file.relative_to(HERE / room).with_suffix('').parts)}"
    for room in ("comparison", "models", "reproduction", "training")
    for file in (HERE / room).rglob("*.py")
    if re.search(r"\b(cached_directory|kept_vectors)\(", file.read_text())
)
"""Modules that keep what they have trained, or what was measured of it."""

NEEDED = {"made.start", "made.head", "made.lazy", "made.inner.near", "made.package", "made.package.deep"}


@pytest.fixture
def made(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    _forget()


def _forget():
    import sys

    from gatewright import sources

    for name in [name for name in sys.modules if name.split(".")[0] in ("made", "other")]:
        del sys.modules[name]
    for kept in (sources.source_version, sources._parsed):
        kept.cache_clear()


def _version():
    _forget()
    return source_version("made.start", rooms=ROOMS)


def test_all_that_is_imported_counts_and_nothing_else(made):
    assert set(source_files("made.start", rooms=ROOMS)) == NEEDED


@pytest.mark.parametrize("name", FILES)
def test_a_change_is_another_version_where_it_is_needed(made, name):
    before = _version()
    (made / name).write_text(f"{FILES[name]}\nmore = 2\n")
    module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert (_version() != before) == (module in NEEDED)


@pytest.mark.parametrize(
    "text", ["# a remark\n" + FILES["made/start.py"], FILES["made/start.py"].replace("Says", "Is")]
)
def test_words_alone_change_nothing(made, text):
    before = _version()
    (made / "made/start.py").write_text(text)
    assert _version() == before


@pytest.mark.parametrize(("package", "needed"), [("other", True), ("apart", False)])
def test_another_version_of_a_package_counts_where_it_is_imported(made, package, needed):
    found = set()
    for version in ("1.0", "2.0"):
        folder = made / f"{package}.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text(f"Name: {package}\nVersion: {version}\n")
        importlib.invalidate_caches()
        found.add(_version())
    assert len(found) == 1 + needed


@pytest.mark.parametrize(
    ("module", "needed", "other"),
    [
        ("gatewright.models.train", "gatewright.models.data.movielens", "gatewright.models.deploy"),
        ("gatewright.models.text", "gatewright.recommender.texts", "gatewright.models.lightgcn"),
        ("gatewright.models.systems.sasrec", "gatewright.models.lightgcn", "gatewright.models.export"),
        ("gatewright.models.experts.hybrid", "gatewright.models.text_vectors", "gatewright.models.systems.sasrec"),
        ("gatewright.training.encoders", "gatewright.models.text", "gatewright.models.experts.hybrid"),
        ("gatewright.comparison.row", "gatewright.evaluation.metrics", "gatewright.models.experts.hybrid"),
    ],
)
def test_a_model_depends_on_what_it_is_made_by(module, needed, other):
    found = source_files(module)
    assert needed in found
    assert other not in found


@pytest.mark.parametrize("module", KEEPERS)
def test_what_is_kept_depends_on_how_training_is_held_to_one_result(module):
    assert "gatewright.models.determinism" in source_files(module)


@pytest.mark.parametrize("module", ["gatewright.models.deploy", "gatewright.training.fabric"])
def test_what_a_package_imports_by_name_counts(module):
    found = source_files(module, rooms=PROGRAM_ROOMS)
    assert {f"gatewright.compiler.lower.{family}" for family in FAMILIES} <= found.keys()


def test_a_module_that_is_not_there_has_no_files():
    assert source_files("made.of.nothing") == {}
