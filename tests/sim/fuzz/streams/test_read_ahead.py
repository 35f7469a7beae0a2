"""Which errors of the bus an aggregation of the RTL may report besides golden's: those that are really there, ahead."""

from dataclasses import replace

import numpy as np
import pytest

from gatewright.spec.commands import AGGREGATE, encode
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright_sim.fuzz.streams.compare import compare
from gatewright_sim.fuzz.streams.rig import Outcome, Rig
from gatewright_sim.fuzz.streams.stream import BASES, SIZE, Run, Stream
from gatewright_sim.fuzz.target import Finding

BASE = BASES[0]
END = BASE + SIZE
POINTERS, COLUMNS, WEIGHTS, X, Y = (BASE + 0x400 * place for place in range(1, 6))
AHEAD = "an error ahead"

NONE, INDEX, POINTER = ErrorCode.NONE, ErrorCode.BAD_INDEX, ErrorCode.BAD_ROW_POINTER
SLVERR, DECERR, WATCHDOG = ErrorCode.READ_SLVERR, ErrorCode.READ_DECERR, ErrorCode.WATCHDOG

SOUND = {"pointers": [0, 2, 3], "columns": [0, 1, 1]}
WILD = {"pointers": [0, 2, 3], "columns": [0, 9, 4]}
OUTSIDE_BEHIND = {"col_addr": END - 8}  # two columns, then the end of the memory
SHORT = {"pointers": [0, 1], "row_ptr_addr": END - 8}
OUTSIDE = {"pointers": [0, 3], "columns": [0, 1], "col_addr": END - 8, "rows": 1}


def aggregation(
    pointers: list[int], columns: list[int], slverr: tuple[int, int] = (0, 0), repeats: int = 1, **changes: int
) -> Stream:
    """Of 2 rows, 8 features and room for 8 edges over 5 rows of X."""
    values = {"row_ptr_addr": POINTERS, "col_addr": COLUMNS, "weight_addr": WEIGHTS, "x_addr": X, "y_addr": Y}
    values |= {"rows": 2, "cols": 5, "nnz": 8, "features": 8, "x_stride": 8, "y_stride": 8, "multiplier": 1, "shift": 0}
    values |= changes
    arrays = ((values["row_ptr_addr"], pointers), (values["col_addr"], columns))
    edits = {at - BASE: np.array(entries, "<u4").tobytes().hex() for at, entries in arrays}
    run = Run((encode(AGGREGATE, **values).hex(),) * repeats, BASE, repeats, slverr)
    return Stream(7, BASE, "usual", 0.0, edits, (run,))


class Ended:
    """A rig on which both ended with these codes, at these commands."""

    def __init__(self, golden: ErrorCode, rtl: ErrorCode, golden_last: int, rtl_last: int) -> None:
        self.config = get_config("tiny")
        self.memories = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
        self._ends = (golden, golden_last), (rtl, rtl_last)

    def power_up(self, stream: Stream) -> None:
        pass

    def run(self, run: Run, watchdog: int) -> tuple[Outcome, Outcome]:
        golden, rtl = (
            Outcome({"STATUS": 2 | 4 * (code != 0), "ERROR": code, "ERROR_INDEX": at, "COMMAND_INDEX": at}, memory)
            for (code, at), memory in zip(self._ends, self.memories, strict=True)
        )
        return golden, rtl


def verdict(stream: Stream, golden: ErrorCode, rtl: ErrorCode, golden_last: int = 0, rtl_last: int = 0) -> str:
    try:
        return compare(Ended(golden, rtl, golden_last, rtl_last), stream)  # type: ignore[arg-type]
    except Finding:
        return "finding"


@pytest.mark.parametrize("rtl", [DECERR, SLVERR, INDEX, POINTER, NONE])
@pytest.mark.parametrize(
    ("matrix", "golden", "accepted"),
    [
        (SOUND, NONE, ()),
        (WILD, INDEX, ()),
        (WILD | {"x_addr": END - 8}, INDEX, ()),  # row 0 of X, which alone is read
        (WILD | {"x_addr": END - 32, "slverr": (END - 24, END)}, INDEX, ()),
        (WILD | {"slverr": (END - 64, END)}, INDEX, ()),
        (WILD | OUTSIDE_BEHIND, INDEX, (DECERR,)),
        (WILD | OUTSIDE_BEHIND | {"nnz": 2}, INDEX, ()),
        (WILD | {"slverr": (WEIGHTS + 8, END)}, INDEX, (SLVERR,)),
        (WILD | {"slverr": (COLUMNS + 16, COLUMNS + 24)}, INDEX, (SLVERR,)),
        (WILD | {"slverr": (POINTERS + 8, POINTERS + 16)}, INDEX, (SLVERR,)),
        (WILD | {"slverr": (POINTERS + 16, COLUMNS)}, INDEX, ()),
        (SOUND | {"slverr": (WEIGHTS + 8, END)}, NONE, (SLVERR,)),
        (SOUND | {"weight_addr": END - 8}, NONE, (DECERR,)),
        (OUTSIDE, DECERR, ()),
        (OUTSIDE | {"slverr": (X, X + 8)}, DECERR, (SLVERR,)),
        (OUTSIDE | {"slverr": (X + 8, X + 16)}, DECERR, (SLVERR,)),
        (OUTSIDE | {"slverr": (X + 16, Y)}, DECERR, ()),  # rows that no index names
        (OUTSIDE | {"slverr": (Y, END - 8)}, DECERR, ()),
        (OUTSIDE | {"slverr": (WEIGHTS + 8, X)}, DECERR, (SLVERR,)),
        (SHORT | {"columns": [0, 4], "slverr": (X + 32, X + 40)}, DECERR, (SLVERR,)),
        (SHORT | {"columns": [0, 9], "slverr": (X + 72, X + 80)}, DECERR, ()),  # an index that is none
        (OUTSIDE | {"col_addr": COLUMNS, "slverr": (COLUMNS + 8, COLUMNS + 16)}, SLVERR, ()),
        (SOUND | {"y_addr": END, "slverr": (WEIGHTS + 8, X)}, ErrorCode.WRITE_DECERR, (SLVERR,)),
        (SOUND | {"weight_addr": END - 8}, WATCHDOG, ()),
    ],
)
def test_only_what_is_there_is_accepted(
    matrix: dict[str, object], golden: ErrorCode, accepted: tuple[ErrorCode, ...], rtl: ErrorCode
) -> None:
    expected = golden.name if rtl is golden else AHEAD if rtl in accepted else "finding"
    assert verdict(aggregation(**matrix), golden, rtl) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("golden_last", "rtl_last", "expected"), [(1, 0, AHEAD), (1, 1, AHEAD), (0, 0, AHEAD), (0, 1, "finding")]
)
def test_golden_may_have_gone_on(golden_last: int, rtl_last: int, expected: str) -> None:
    both = aggregation(**SOUND, **OUTSIDE_BEHIND | {"nnz": 4, "rows": 1}, repeats=2)
    assert verdict(both, NONE, DECERR, golden_last, rtl_last) == expected
    sound = aggregation(**SOUND, repeats=2)
    assert verdict(sound, NONE, DECERR, golden_last, rtl_last) == "finding"


@pytest.fixture(scope="module")
def rig() -> Rig:
    return Rig(get_config("tiny"))


@pytest.mark.parametrize(
    ("matrix", "ending"),
    [
        (SOUND, "NONE"),
        (WILD, "BAD_INDEX"),
        (WILD | {"x_addr": END}, "READ_DECERR"),
        (WILD | {"x_addr": END - 8}, "BAD_INDEX"),
        (SOUND | {"x_addr": END - 8}, "READ_DECERR"),
        (WILD | OUTSIDE_BEHIND, AHEAD),
        (SOUND | {"weight_addr": END - 8}, AHEAD),
        (OUTSIDE, "READ_DECERR"),
    ],
)
@pytest.mark.parametrize("memory", ["quick", "slow"])
def test_what_the_rtl_meets(rig: Rig, matrix: dict[str, object], ending: str, memory: str) -> None:
    assert compare(rig, replace(aggregation(**matrix), memory=memory)) == ending  # type: ignore[arg-type]
