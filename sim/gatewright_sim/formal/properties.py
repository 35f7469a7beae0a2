"""Words that properties are made of."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Assert, Module, Mux, Signal, Value, ValueLike

__all__ = ["Followed", "follow", "owned", "past", "stays_until_taken", "waited"]


def past(m: Module, value: ValueLike) -> Signal:
    """``value`` a cycle ago; 0 in the first one."""
    now = Value.cast(value)
    before = Signal(now.shape(), name="past")
    m.d.sync += before.eq(now)
    return before


def stays_until_taken(m: Module, valid: Value, ready: Value, *payload: ValueLike) -> Value:
    """A sender's duty: what it offers, it offers unchanged until it is taken (IHI 0022, A3.2.1)."""
    waiting = past(m, valid & ~ready)
    same: Value = valid
    for each in payload:
        now = Value.cast(each)
        same = same & (now == past(m, now))
    return ~waiting | same


def waited(m: Module, condition: Value, most: int) -> Signal:
    """For how many cycles before this one ``condition`` has held without a break; it counts to ``most``."""
    count = Signal(range(most + 1), name="waited")
    m.d.sync += count.eq(Mux(condition, Mux(count == most, most, count + 1), 0))
    return count


@dataclass(frozen=True)
class Followed:
    """One item on its way through a queue, any of them.

    Attributes
    ----------
    inside : range(most + 1); items that have entered and not left.
    present : 1; the item that is followed is inside.
    ahead : range(most + 1); how many of those inside leave before it.
    item : what it was when it entered.
    """

    inside: Signal
    present: Signal
    ahead: Signal
    item: Signal


def follow(
    m: Module, pick: Value, enters: Value, item: ValueLike, offered: Value, leaves: Value, out: ValueLike, most: int
) -> Followed:
    """Assert that of at most ``most`` items none is lost, made up, doubled, changed or overtaken.

    One item is followed: the one that enters while the free input ``pick`` is high for the first time. That stands for
    all of them, since the solver picks.

    Parameters
    ----------
    enters, item : an item enters in this cycle, and which.
    offered, out : an item is offered at the exit, and which.
    leaves : it leaves.
    """
    width = Value.cast(item).shape()
    inside = Signal(range(most + 2))
    present, seen, ahead = Signal(), Signal(), Signal(range(most + 2))
    held = Signal(width)
    m.d.sync += inside.eq(inside + enters - leaves)
    with m.If(enters & pick & ~seen):
        m.d.sync += [seen.eq(1), present.eq(1), ahead.eq(inside - leaves), held.eq(item)]
    with m.If(present & leaves):
        m.d.sync += [ahead.eq(ahead - (ahead != 0)), present.eq(ahead != 0)]
    m.d.comb += [
        Assert(inside <= most),
        Assert(~offered | (inside != 0)),
        Assert(~present | seen),
        Assert(~present | (ahead < inside)),
        Assert(~(present & offered & (ahead == 0)) | (Value.cast(out) == held)),
    ]
    return Followed(inside, present, ahead, held)


def owned(
    m: Module, pick: Value, comes: Value, count: Value, whose: Value, offered: Value, moves: Value, most: int
) -> Signal:
    """Assert that items go to those for whom they are, one run of them after the other. One run, any, is followed: the
    one that comes while ``pick`` is high for the first time.

    Parameters
    ----------
    comes, count, whose : a run of ``count`` items for ``whose``, one bit each, is announced.
    offered, moves : one bit each; to whom the next item is offered, and who takes it in this cycle.
    most : items that are announced and have not moved are fewer.

    Returns
    -------
    The number of items that were announced and have not moved.
    """
    owed, ahead, left = Signal(range(most)), Signal(range(most)), Signal(range(most))
    seen, owner = Signal(), Signal(len(whose))
    move = moves.any()
    m.d.sync += owed.eq(owed + Mux(comes, count, 0) - move)
    with m.If(comes & pick & ~seen):
        m.d.sync += [seen.eq(1), ahead.eq(owed - move), left.eq(count), owner.eq(whose)]
    with m.Elif(move & (ahead != 0)):
        m.d.sync += ahead.eq(ahead - 1)
    with m.Elif(move & (left != 0)):
        m.d.sync += left.eq(left - 1)
    m.d.comb += [
        Assert((offered & (offered - 1)) == 0),
        Assert((offered == 0) | (owed != 0)),
        Assert((ahead != 0) | (left == 0) | ((offered & ~owner) == 0)),
    ]
    return owed
