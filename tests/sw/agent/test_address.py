"""Hosts, ports and tokens."""

from pathlib import Path

import pytest

from gatewright.agent.address import find_token, parse_address, read_token
from gatewright.agent.errors import AgentUnavailable
from gatewright.driver import DriverError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("pynq", "pynq", 7968),
        ("192.168.2.99", "192.168.2.99", 7968),
        ("192.168.2.99:1", "192.168.2.99", 1),
        ("board.local:65535", "board.local", 65535),
        ("[::1]", "::1", 7968),
        ("[fe80::1]:80", "fe80::1", 80),
    ],
)
def test_a_host(text: str, host: str, port: int) -> None:
    address = parse_address(text)
    assert (address.host, address.port) == (host, port)
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", ":", ":80", "host:", "host:0", "host:65536", "host:x", "host:-1", "host:1:2", "::1", "[::1", "[::1]x",
     "[::1]:", "[]", "a b", "http://host", "user@host", "host:٣", "a\tb", "a\0b", "a..b", "x" * 64, "x" * 300],
)  # fmt: skip
def test_no_host(text: str) -> None:
    with pytest.raises(DriverError, match="host is") as error:
        parse_address(text)
    assert "allowed" in str(error.value)


class TestToken:
    GOOD = "0123456789abcdef"

    def test_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("GATEWRIGHT_TOKEN", raising=False)
        monkeypatch.delenv("GATEWRIGHT_TOKEN_FILE", raising=False)
        assert find_token() is None

    def test_of_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GATEWRIGHT_TOKEN", self.GOOD)
        assert find_token() == self.GOOD

    def test_of_a_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "token").write_text(f"{self.GOOD}\nnotes\n")
        monkeypatch.delenv("GATEWRIGHT_TOKEN", raising=False)
        monkeypatch.setenv("GATEWRIGHT_TOKEN_FILE", str(tmp_path / "token"))
        assert find_token() == self.GOOD

    @pytest.mark.parametrize("content", [b"", b"\n", b"short\n", b"\xff" * 20, "ä".encode() * 20])
    def test_that_is_none(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "token").write_bytes(content)
        with pytest.raises(AgentUnavailable, match="token file"):
            read_token(tmp_path / "token")

    def test_without_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(AgentUnavailable, match="No such file"):
            read_token(tmp_path / "token")
