"""Targets with bugs on purpose, for tests of the fuzzing itself; child processes import them from here."""

import os
import time
from pathlib import Path

from hypothesis import strategies as st

from gatewright.spec.errors import SpecError
from gatewright_sim.fuzz.target import Target


class Sound(Target):
    """Refuses what is long."""

    name, suffix = "sound", ".bin"

    def cases(self):
        return st.binary(max_size=20)

    def run(self, case):
        if len(case) > 10:
            raise SpecError("too long, allowed: 10 bytes")
        return "right"


class Marking(Sound):
    """Says by a file that it runs."""

    name = "marking"

    def run(self, case):
        Path(os.environ["FUZZ_MARK"]).touch()
        return super().run(case)


class Faulty(Sound):
    """Fails for every case with a byte above 100."""

    name = "faulty"

    def run(self, case):
        if max(case, default=0) > 100:
            raise KeyError("of the inside")
        return "right"


class Crashing(Sound):
    """Ends its process."""

    name = "crashing"

    def run(self, case):
        if len(case) > 3:
            os.abort()
        return "right"


class Sleeping(Sound):
    """Does not come back, and takes no time of the processor."""

    name = "sleeping"

    def run(self, case):
        if len(case) > 3:
            time.sleep(1000)
        return "right"


class Rambling(Sound):
    """Refuses in more than one line."""

    name = "rambling"

    def run(self, case):
        raise SpecError("no\nand no again")


class Busy(Sound):
    """Takes the processor for ever."""

    name = "busy"

    def run(self, case):
        while True:
            pass


class Absent(Sound):
    """Cannot be made here."""

    name = "absent"

    def __init__(self):
        raise SpecError("no compiler, allowed: one")


class Broken(Sound):
    """Cannot be made for a reason of its own."""

    name = "broken"

    def __init__(self):
        raise KeyError("x")


class Stuck(Sound):
    """Is never made."""

    name = "stuck"

    def __init__(self):
        time.sleep(1000)


class Fickle(Sound):
    """Fails for each case once alone."""

    name = "fickle"

    def __init__(self):
        self._seen = set()

    def run(self, case):
        if len(case) > 3 and case not in self._seen:
            self._seen.add(case)
            raise KeyError("of the inside")
        return "right"
