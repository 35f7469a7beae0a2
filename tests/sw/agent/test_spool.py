"""Uploads: what was announced, or nothing."""

import hashlib
import os
import time
from pathlib import Path

import pytest

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


def test_a_client_that_breaks_off_leaves_nothing(spool: Spool, tmp_path: Path) -> None:
    def breaks_off():
        yield _head()
        yield CONTENT[:50]
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        spool.receive(breaks_off())
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_came_for_is_removed(spool: Spool) -> None:
    path = spool.path(spool.receive(iter([_head(), CONTENT])))
    spool.expire()
    assert path.exists()
    old = time.time() - KEPT_S - 1
    os.utime(path, (old, old))
    spool.expire()
    assert not path.exists()
