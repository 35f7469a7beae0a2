"""Registers of the interrupt controller between the accelerator and the processor: those of AMD's AXI INTC (PG099) that
PYNQ's ``interrupt.py`` uses, at the same offsets, for one input.
"""

from __future__ import annotations

from gatewright.spec.registers import Access, BitField, Register

__all__ = ["INTERRUPT_REGISTERS", "interrupt_register"]


def _one(doc: str) -> tuple[BitField, ...]:
    return (BitField("irq", 0, 1, doc),)


INTERRUPT_REGISTERS = (
    Register("ISR", 0x00, Access.RO, "interrupt status", _one("the input is high, and MER.hie is 1")),
    Register("IPR", 0x04, Access.RO, "interrupt pending", _one("ISR and IER")),
    Register("IER", 0x08, Access.RW, "interrupt enable", _one("the interrupt is passed on")),
    Register("IAR", 0x0C, Access.COMMAND, "acknowledge; nothing is kept that it would clear", _one("")),
    Register("SIE", 0x10, Access.COMMAND, "set bits of IER", _one("")),
    Register("CIE", 0x14, Access.COMMAND, "clear bits of IER", _one("")),
    Register(
        "MER",
        0x1C,
        Access.RW,
        "master enable",
        (BitField("me", 0, 1, "interrupts reach the processor"), BitField("hie", 1, 1, "the input is looked at")),
    ),
)


def interrupt_register(name: str) -> Register:
    """The register called ``name``."""
    return next(entry for entry in INTERRUPT_REGISTERS if entry.name == name)
