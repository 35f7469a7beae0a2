"""Which backend runs, and that what answers is the accelerator that was asked for."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
import tomllib

from gatewright.driver import Accelerator, BackendUnavailable, ConfigMismatch, DriverError, backends
from gatewright.spec.config import get_config
from gatewright.spec.registers import register
from gatewright_sim.golden.backend import GoldenBackend

TINY = get_config("tiny")


GOLDEN = "gatewright_sim.golden.backend:GoldenBackend"


MOON = "no_such_module:Backend"


def unavailable(*_: object, **__: object) -> None:
    raise BackendUnavailable("no such place here")


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes backends the installed ones, by pairs of name and entry point."""
    monkeypatch.setitem(sys.modules, "mars", SimpleNamespace(unavailable=unavailable))

    def install(*offers: tuple[str, str]) -> None:
        entries = tuple(EntryPoint(name, value, backends.GROUP) for name, value in offers)
        monkeypatch.setattr(backends, "_installed", lambda: entries)

    return install


def test_auto_takes_the_first_available_and_says_why(
    install: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    install(("venus", GOLDEN), ("golden", GOLDEN), ("board", "mars:unavailable"), ("rtl", MOON))
    with caplog.at_level(logging.INFO), Accelerator("tiny") as accelerator:
        assert accelerator.backend.name == "golden"
    assert "backend golden, the first available of board, rtl, golden, venus" in accelerator.choice
    assert "no such place here; backend 'rtl' cannot run here: No module named 'no_such_module'" in accelerator.choice
    assert accelerator.choice in caplog.text


def test_another_package_may_bring_a_backend(install: Callable[..., None]) -> None:
    install(("golden", MOON), ("venus", GOLDEN))
    with Accelerator("tiny", "venus") as accelerator:
        assert accelerator.choice == "backend venus, as asked for"


def test_the_installed_backends_are_those_of_pyproject() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert backends.backend_names() == ["board", "rtl", "golden"]
    assert {entry.name: entry.value for entry in backends._installed()} == project["entry-points"][backends.GROUP]


UNAVAILABLE: dict[str, tuple[list[tuple[str, str]], str, type[Exception], str]] = {
    # what is installed, what is asked for, and what is said
    "none at all": (
        [],
        "auto",
        BackendUnavailable,
        r"no package's metadata has the group 'gatewright\.backends'; inst",
    ),
    "none, by name": ([], "golden", BackendUnavailable, r"no backend is installed: .* with pip install -e \."),
    "none that runs": ([("moon", MOON)], "auto", BackendUnavailable, "no backend is available: backend 'moon' cannot"),
    "no such class": ([("moon", "math:Moon")], "moon", BackendUnavailable, "'moon' cannot run here: .*'Moon'"),
    "unknown": ([("moon", MOON)], "sun", DriverError, "unknown backend 'sun', allowed: auto, moon"),
    "twice": ([("moon", MOON), ("moon", GOLDEN)], "moon", BackendUnavailable, "is offered more than once: gate.*, no_"),
}


@pytest.mark.parametrize("case", UNAVAILABLE)
def test_backends_that_are_not_to_be_had(case: str, install: Callable[..., None]) -> None:
    offers, name, error, message = UNAVAILABLE[case]
    install(*offers)
    with pytest.raises(error, match=message):
        Accelerator("tiny", name)


def test_an_open_backend_can_be_given() -> None:
    backend = GoldenBackend(TINY)
    with Accelerator(TINY, backend) as accelerator:
        assert accelerator.backend is backend
        assert accelerator.choice == "backend golden, as given"
    with pytest.raises(ConfigMismatch, match="not made from config 'pynq-z2'"):
        Accelerator("pynq-z2", GoldenBackend(TINY))
    with pytest.raises(DriverError, match="options waves need a backend's name"):
        Accelerator(TINY, backend, waves="w.fst")


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (register("ID").offset, 0xDEAD_BEEF, "no gatewright accelerator found: ID is 0xdeadbeef, not 0x47575254"),
        (register("VERSION").offset, 7 << 16, "contract version is 7, this driver speaks 1"),
        (register("CONFIG_HASH_HI").offset, 5, "not made from config 'tiny': CONFIG_HASH_HI is 0x00000005"),
    ],
)
def test_another_accelerator_is_refused(offset: int, value: int, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = GoldenBackend(TINY)
    honest, closed = backend.read, []
    monkeypatch.setattr(backend, "read", lambda at: value if at == offset else honest(at))
    monkeypatch.setattr(backend, "close", lambda: closed.append(True))
    with pytest.raises(ConfigMismatch, match=message):
        Accelerator("tiny", backend)
    assert closed


def test_a_newer_minor_version_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = GoldenBackend(TINY)
    honest, version = backend.read, register("VERSION").offset
    monkeypatch.setattr(backend, "read", lambda at: 1 << 16 | 9 if at == version else honest(at))
    Accelerator("tiny", backend).close()


def test_a_reset_by_register_that_does_not_come_is_made_by_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = GoldenBackend(TINY)
    honest, status, resets = backend.read, register("STATUS").offset, []
    with Accelerator("tiny", backend) as accelerator:
        monkeypatch.setattr(backend, "read", lambda at: honest(at) | 1 if at == status else honest(at))  # busy
        monkeypatch.setattr(backend, "reset", lambda: resets.append(True))
        with pytest.raises(Exception, match="BAD_OPCODE"):
            accelerator.run([bytes(64)])
    assert resets
