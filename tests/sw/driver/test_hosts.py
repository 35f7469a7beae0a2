"""Where a board is, as people write it."""

import pytest

from gatewright.driver.errors import DriverError
from gatewright.driver.hosts import PYNQ_PORT, PynqHost, is_pynq_host, parse_pynq_host

TAKEN = {
    "pynq://board": PynqHost("board", PYNQ_PORT),
    "pynq://192.168.2.99:7000": PynqHost("192.168.2.99", 7000),
    "pynq://pynq-z2.local": PynqHost("pynq-z2.local", PYNQ_PORT),
    "pynq://[fe80::1]:1": PynqHost("[fe80::1]", 1),
}


@pytest.mark.parametrize("text", TAKEN)
def test_taken(text: str) -> None:
    assert is_pynq_host(text)
    assert parse_pynq_host(text) == TAKEN[text]
    assert parse_pynq_host(str(TAKEN[text])) == TAKEN[text]


@pytest.mark.parametrize(
    "text",
    ["", "board", "board:7967", "pynq://", "pynq://a:0", "pynq://a:65536", "pynq://a:b", "pynq://a b", "pynq://a/b"],
)
def test_refused(text: str) -> None:
    with pytest.raises(DriverError, match=r"allowed: pynq://HOST\[:PORT\]"):
        parse_pynq_host(text)
