"""What nextpnr says of timing, in the words of its releases."""

import pytest

from gatewright_hw.build import BuildError
from gatewright_hw.build.openxc7.timing import read_timing

OLD = """Info: Max frequency for clock 'core.clk': 71.00 MHz (PASS at 50.00 MHz)

Info: Critical path report for clock 'core.clk' (posedge -> posedge):
Info: curr total
Info:  0.5  0.5  Source $auto$ff.cc:266:slice$1234.Q
Info:  1.5  2.0    Net core.accelerator.gemm.drain.acc[3] budget 9.100000 ns (40,50) -> (41,52)
Info:                Sink $abc$5_LUT.A3
Info:  0.1  2.1  Source $abc$5_LUT.O6
Info:  3.0  5.1    Net core.accelerator.vector.datapath.sum[17] budget 9.1 ns (41,52) -> (60,70)
Info:                Sink $auto$ff.cc:266:slice$99.D
Info:  0.1  5.2  Setup $auto$ff.cc:266:slice$99.D
Info: 0.7 ns logic, 4.5 ns routing

Info: Max frequency for clock 'core.clk': 62.50 MHz (PASS at 50.00 MHz)

Info: Max delay <async> -> posedge core.clk: 3.09 ns
"""
NEW = """Info: Critical path report for clock 'clk' (posedge -> posedge):
Info:       type curr  total name
Info:   clk-to-q  0.52  0.52 Source core.sequencer.state_ff.Q
Info:    routing  0.95  1.47 Net core.sequencer.state[0] (12,7) -> (12,8)
Info:                          Sink core.registers.lut.A1
Info:      logic  0.24  1.71 Source core.registers.lut.O6
Info:      setup  0.15  1.86 Setup core.registers.data_ff.D
Info: 0.76 ns logic, 0.95 ns routing

ERROR: Max frequency for clock 'clk': 100.11 MHz (FAIL at 125.00 MHz)
"""


def test_the_report_after_routing_counts() -> None:
    timing = read_timing(OLD)
    assert (timing.mhz, timing.clock) == (62.5, "core.clk")
    assert timing.worst.ns == 16.0
    assert timing.stretch == pytest.approx(5.2 / 0.7)
    assert timing.worst.start == "core.accelerator.gemm.drain.acc[3]"
    assert timing.worst.end == "core.accelerator.vector.datapath.sum[17]"
    assert timing.worst.module == "core.accelerator.gemm.drain > core.accelerator.vector.datapath"


def test_the_words_of_later_releases() -> None:
    timing = read_timing(NEW)
    assert timing.mhz == 100.11
    assert (timing.worst.start, timing.worst.end) == ("core.sequencer.state_ff.Q", "core.registers.data_ff.D")
    assert "core.sequencer" in timing.worst.module
    assert "core.registers" in timing.worst.module


def test_a_report_without_a_path() -> None:
    timing = read_timing("Info: Max frequency for clock 'clk': 90.00 MHz (PASS at 50.00 MHz)\n")
    assert (timing.mhz, timing.worst.start, timing.stretch) == (90.0, "clk", None)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("Warning: No clocks found in design\n", "the clocks none, allowed: one"),
        (OLD + NEW, "the clocks clk, core.clk, allowed: one"),
        ("Info: Max frequency for clock 'clk': 0.00 MHz (FAIL at 50.00 MHz)", "gives 0 MHz"),
    ],
)
def test_what_was_not_timed(log: str, said: str) -> None:
    with pytest.raises(BuildError, match=said):
        read_timing(log)
