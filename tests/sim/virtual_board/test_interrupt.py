"""The interrupt line, and Linux' UIO driver behind it."""

import threading

from gatewright_sim.virtual_board.interrupt import InterruptLine


def test_a_level_counts_once_until_it_is_armed_again() -> None:
    line = InterruptLine()
    line.drive(True)
    assert line.wait_count(0, 0) == 1
    line.drive(False)
    line.drive(True)
    assert line.wait_count(1, 0.01) is None
    line.arm()
    assert line.wait_count(1, 0) == 2


def test_arming_under_a_high_level_counts_at_once() -> None:
    line = InterruptLine()
    line.drive(True)
    line.arm()
    assert line.count == 2
    line.drive(False)
    line.arm()
    assert line.count == 2


def test_a_count_stays_when_the_level_falls() -> None:
    """Whoever waits later wakes for nothing, as on silicon."""
    line = InterruptLine()
    line.drive(True)
    line.drive(False)
    assert line.wait_count(0, 0) == 1
    assert not line.wait_high(0)


def test_masked_levels_count_later() -> None:
    line = InterruptLine()
    line.mask()
    line.drive(True)
    assert line.count == 0
    line.arm()
    assert line.count == 1


def test_a_wait_ends_when_the_level_rises() -> None:
    line = InterruptLine()
    timer = threading.Timer(0.05, line.drive, [True])
    timer.start()
    assert line.wait_high(10)
    timer.join()
