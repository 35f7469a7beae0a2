"""The flow with the real programs, where openXC7 and its data are installed: a PS7, a memory, and a multiplier."""

import os
from pathlib import Path

import pytest

from gatewright.artefact import load_built
from gatewright.spec.boards import get_board
from gatewright_hw.build import BuildError, Request, Steps, build
from gatewright_hw.build.openxc7 import flow as flow_module
from gatewright_hw.build.openxc7.tools import find_tools, name_versions

ZYBO = get_board("zybo-z7-10")

DESIGN = """module gatewright_zybo_z7_10();
  wire [3:0] fclk, resetn;
  wire clk;
  wire [31:0] data, address;
  reg [31:0] memory [0:1023];
  reg [31:0] held, read, count;
  reg signed [15:0] a, b;
  reg signed [47:0] sum;
  BUFG buffer (.I(fclk[0]), .O(clk));
  always @(posedge clk) begin
    held <= data;
    count <= resetn[0] ? count + held[7:0] : 0;
    if (held[0]) memory[address[11:2]] <= held;
    read <= memory[address[21:12]];
    {a, b} <= held;
    %s
  end
  (* DONT_TOUCH = "TRUE" *)
  PS7 ps7 (
    .FCLKCLK(fclk), .FCLKRESETN(resetn), .MAXIGP0ACLK(clk), .SAXIHP0ACLK(clk), .MAXIGP0WDATA(data),
    .MAXIGP0ARADDR(address), .MAXIGP0RDATA(read ^ sum[31:0] ^ count), .SAXIHP0WDATA({16'hA5A5, sum}),
    .IRQF2P({19'h0, sum[47]}),
    .MAXIGP0RRESP(2'b10), .SAXIHP0AWVALID(1'b0), .EMIOI2C1SCLI(1'b1)
  );
endmodule
"""
ADDS, MULTIPLIES = (
    "if (!resetn[0]) sum <= 0; else sum <= sum + a;",
    "if (!resetn[0]) sum <= 0; else sum <= sum + a * b;",
)


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory: pytest.TempPathFactory) -> None:
    work = tmp_path_factory.mktemp("versions")
    try:
        objection = name_versions(find_tools(ZYBO, os.environ), Steps(work, work / "log", 120)).objection
    except BuildError as error:
        pytest.skip(str(error))
    if objection:
        pytest.skip(objection)


def _build(out: Path, statement: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(flow_module, "board_verilog", lambda board, config: DESIGN % statement)
    build("openxc7", Request.of(ZYBO, ZYBO.default_config, 50.0, timeout_s=800, say=said.append), out)
    return said


def test_a_design_is_built_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = _build(tmp_path / "out", ADDS, monkeypatch)
    manifest = load_built(tmp_path / "out").manifest
    assert manifest.clock.closed_mhz >= 50.0
    assert manifest.utilisation["bram36"] == 1.0
    assert any("122 inputs of PS7" in line for line in said)


def test_a_multiplier_is_right_or_refused_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases without the fix of its constants are refused there; whatever else is wrong would be said otherwise."""
    try:
        said = _build(tmp_path / "out", MULTIPLIES, monkeypatch)
    except BuildError as error:
        assert "is tied to nothing, inverted" in str(error)  # noqa: PT017 - one of two right outcomes
        assert not (tmp_path / "out").exists()
    else:
        assert any("1 DSP48E1 are as in the netlist" in line for line in said)
