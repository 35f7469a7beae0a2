"""Addresses to listen on, and why some cannot be."""

import socket

import pytest

from gatewright.listening import Address


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.2.99", False), ("pynq", False)],
)  # fmt: skip
def test_who_reaches_it(host: str, loopback: bool) -> None:
    assert Address(host, 1).is_loopback is loopback


@pytest.mark.parametrize(
    ("host", "text"), [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("board.local", "board.local:80")]
)
def test_as_text(host: str, text: str) -> None:
    assert str(Address(host, 80)) == text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_what_is_free(host: str) -> None:
    assert Address(host, 0).why_not_free() == ""


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (Address("192.0.2.1", 0), "Cannot assign"),  # RFC 5737: nobody's
        (Address("no-such.invalid", 0), "not known|resolution"),
        (Address("127.0.0.1", 1 << 16), "a port is 0..65535"),
        (Address("127.0.0.1", -1), "a port is 0..65535"),
        *((Address(host, 0), "no name or number of a host") for host in ("", "a b", "a..b", "x" * 64, "a/b", "a\0b")),
    ],
)
def test_what_is_not(address: Address, why: str) -> None:
    assert any(each in address.why_not_free() for each in why.split("|"))


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert Address(*server.getsockname()).why_not_free() == "Address already in use"
