"""Uploads: what was announced, or nothing."""

import errno
import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from gatewright.agent import spool as spooling
from gatewright.agent.errors import AgentError
from gatewright.agent.spool import KEPT_S, Spool
from gatewright.agent.transport import MAX_UPLOAD_BYTES
from gatewright.agent.wire import pack

CONTENT = b"gatewright" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def _head(sha256: object = DIGEST, nbytes: object = len(CONTENT)) -> bytes:
    return pack({"sha256": sha256, "nbytes": nbytes})


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def test_pieces_become_the_file(spool: Spool) -> None:
    tickets = [spool.receive(iter([_head(), CONTENT[:7], b"", CONTENT[7:]])) for _ in range(2)]
    assert tickets[0] != tickets[1]
    for ticket in tickets:
        assert spool.path(ticket).read_bytes() == CONTENT


@pytest.mark.parametrize("ticket", [None, "", "0" * 32, "../spool", ".", DIGEST])
def test_a_ticket_for_nothing(spool: Spool, ticket: object) -> None:
    with pytest.raises(AgentError, match="is not here"):
        spool.path(ticket)


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"no message"],
        [_head()],
        [_head(), CONTENT[:-1]],
        [_head(), CONTENT, b"more"],
        [_head(), CONTENT[:-1] + b"?"],
        [_head("../../etc/passwd"), CONTENT],
        [_head(DIGEST.upper()), CONTENT],
        [_head(nbytes=-1), CONTENT],
        [_head(nbytes=MAX_UPLOAD_BYTES + 1), CONTENT],
        [_head(nbytes="many"), CONTENT],
        [_head(sha256=None), CONTENT],
    ],
    ids=range(12),
)
def test_anything_else_leaves_nothing(spool: Spool, tmp_path: Path, pieces: list[bytes]) -> None:
    with pytest.raises(AgentError):
        spool.receive(iter(pieces))
    assert list(tmp_path.iterdir()) == []


class TestRoom:
    """All uploads together have that of the largest one."""

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spooling, "MAX_UPLOAD_BYTES", 3 * len(CONTENT))

    def test_for_what_waits(self, spool: Spool, tmp_path: Path) -> None:
        tickets = [spool.receive(iter([_head(), CONTENT])) for _ in range(3)]
        with pytest.raises(AgentError, match=r"10,000 bytes besides 30,000 of other uploads .* allowed: 30,000 in all"):
            spool.receive(iter([_head(), CONTENT]))
        assert len(list(tmp_path.iterdir())) == 3
        spool.path(tickets[0]).unlink()
        spool.receive(iter([_head(), CONTENT]))

    def test_for_what_is_on_its_way(self, spool: Spool) -> None:
        """As announced: it is refused before it comes."""
        coming = []

        def others():
            yield _head()
            if len(coming) < 3:
                coming.append(1)
                with suppress(AgentError):
                    spool.receive(others())
                    coming.append("all")
            yield CONTENT

        spool.receive(others())
        assert coming == [1, 1, 1, "all", "all"]
        assert spool._coming == {}

    def test_for_many_empty_ones(self, spool: Spool) -> None:
        nothing = _head(hashlib.sha256(b"").hexdigest(), 0)
        for _ in range(3 * len(CONTENT) // spooling.LEAST_BYTES):
            spool.receive(iter([nothing]))
        with pytest.raises(AgentError, match="in all"):
            spool.receive(iter([nothing]))


def test_a_disk_that_is_full(spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(AgentError, match="cannot be kept: No space left on device"):
        spool.receive(iter([_head(), CONTENT]))
    assert (list(tmp_path.iterdir()), spool._coming) == ([], {})


def test_a_client_that_breaks_off_leaves_nothing(spool: Spool, tmp_path: Path) -> None:
    def breaks_off():
        yield _head()
        yield CONTENT[:50]
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        spool.receive(breaks_off())
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_came_for_is_removed(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the clock of a board jumps that is set over the network."""
    path = spool.path(spool.receive(iter([_head(), CONTENT])))
    os.utime(path, (0, 0))
    spool.expire()
    assert path.exists()
    now = time.monotonic()
    monkeypatch.setattr(spooling, "time", SimpleNamespace(monotonic=lambda: now + KEPT_S + 60))
    spool.expire()
    assert not path.exists()
    assert spool._came == {}


def test_a_file_that_is_used_while_others_are_counted(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    used = spool.path(spool.receive(iter([_head(), CONTENT])))
    spool.receive(iter([_head(), CONTENT]))
    listed = Path.iterdir

    def late(folder: Path) -> list[Path]:
        found = list(listed(folder))
        used.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Path, "iterdir", late)
    assert spool.path(spool.receive(iter([_head(), CONTENT]))).read_bytes() == CONTENT
