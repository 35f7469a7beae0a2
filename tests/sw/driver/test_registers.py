"""Registers by name and by attribute."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gatewright.driver import Accelerator, DriverError
from gatewright.spec.config import get_config
from gatewright.spec.registers import ENGINES

TINY = get_config("tiny")


@pytest.mark.parametrize("backend", ["golden", "board", "rtl"])
def test_registers_by_name(backend: str, open_accelerator: Callable[..., Accelerator]) -> None:
    registers = open_accelerator(backend).registers
    assert registers.read("ID") == int.from_bytes(b"GWRT", "big")
    assert registers.field("CAP_ARRAY", "cols") == TINY.array_cols
    registers.write("PROGRAM_ADDR", 0x1234_5678)
    registers.write_fields("IRQ_ENABLE", done=1)
    assert registers.snapshot(["PROGRAM_ADDR", "IRQ_ENABLE"]) == {"PROGRAM_ADDR": 0x1234_5678, "IRQ_ENABLE": 1}
    assert registers.snapshot(f"COMMANDS_{engine.upper()}" for engine in ENGINES) == {
        f"COMMANDS_{engine.upper()}": 0 for engine in ENGINES
    }


def test_register_access_that_makes_no_sense(open_accelerator: Callable[..., Accelerator]) -> None:
    registers = open_accelerator("golden").registers
    with pytest.raises(DriverError, match="register CONTROL cannot be read, it is write only"):
        registers.read("CONTROL")
    with pytest.raises(DriverError, match="register STATUS cannot be written, it is read only"):
        registers.write("STATUS", 0)
    with pytest.raises(DriverError, match="register ID cannot be written, it is constant"):
        registers.write("ID", 0)
    with pytest.raises(DriverError, match=r"register WATCHDOG: 4294967296 is outside 0\.\.4294967295"):
        registers.write("WATCHDOG", 1 << 32)
    with pytest.raises(DriverError, match=r"register CONTROL: start is 2, allowed 0\.\.1"):
        registers.write_fields("CONTROL", start=2)


def test_registers_by_attribute(open_accelerator: Callable[..., Accelerator]) -> None:
    registers = open_accelerator("golden").registers
    registers.write("WATCHDOG", 1234)
    assert registers.WATCHDOG == 1234
    assert {"ID", "STATUS", "read"} <= set(dir(registers))
    with pytest.raises(AttributeError, match="no register 'FOO' to read, allowed: ID, VERSION"):
        _ = registers.FOO
    assert not hasattr(registers, "CONTROL")
