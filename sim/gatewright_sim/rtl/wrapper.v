// The accelerator as the harness drives it: every input passes a register, so that the harness may set the inputs of the next cycle
// before the clock edge, and Verilator has no logic between inputs and registers to evaluate apart. Cycle for cycle, the accelerator
// sees what it would see without: the registers stand for the outputs of the memory and of the host. A design takes as many of the
// address bits as its port has.
// The build says how many masters it has.

`define MASTER_PORTS(P) \
    output P``_awid, output [31:0] P``_awaddr, output [7:0] P``_awlen, output [2:0] P``_awsize, \
    output [1:0] P``_awburst, output P``_awvalid, input P``_awready, \
    output [63:0] P``_wdata, output [7:0] P``_wstrb, output P``_wlast, output P``_wvalid, input P``_wready, \
    input [1:0] P``_bresp, input P``_bvalid, output P``_bready, \
    output P``_arid, output [31:0] P``_araddr, output [7:0] P``_arlen, output [2:0] P``_arsize, \
    output [1:0] P``_arburst, output P``_arvalid, input P``_arready, \
    input [63:0] P``_rdata, input [1:0] P``_rresp, input P``_rlast, input P``_rvalid, output P``_rready

`define MASTER_REGISTERS(P) \
    reg P``_awready_now, P``_wready_now, P``_arready_now, P``_rlast_now, P``_rvalid_now, P``_bvalid_now; \
    reg [63:0] P``_rdata_now; \
    reg [1:0] P``_rresp_now, P``_bresp_now; \
    always @(posedge clk) begin \
        {P``_awready_now, P``_wready_now, P``_arready_now} <= {P``_awready, P``_wready, P``_arready}; \
        {P``_rdata_now, P``_rresp_now, P``_rlast_now, P``_rvalid_now} <= {P``_rdata, P``_rresp, P``_rlast, P``_rvalid}; \
        {P``_bresp_now, P``_bvalid_now} <= {P``_bresp, P``_bvalid}; \
    end

`define MASTER_CONNECTIONS(P) \
        .P``_awid(P``_awid), .P``_awaddr(P``_awaddr), .P``_awlen(P``_awlen), .P``_awsize(P``_awsize), \
        .P``_awburst(P``_awburst), .P``_awlock(), .P``_awcache(), .P``_awprot(), .P``_awqos(), \
        .P``_awvalid(P``_awvalid), .P``_awready(P``_awready_now), \
        .P``_wdata(P``_wdata), .P``_wstrb(P``_wstrb), .P``_wlast(P``_wlast), .P``_wvalid(P``_wvalid), \
        .P``_wready(P``_wready_now), \
        .P``_bid(1'b0), .P``_bresp(P``_bresp_now), .P``_bvalid(P``_bvalid_now), .P``_bready(P``_bready), \
        .P``_arid(P``_arid), .P``_araddr(P``_araddr), .P``_arlen(P``_arlen), .P``_arsize(P``_arsize), \
        .P``_arburst(P``_arburst), .P``_arlock(), .P``_arcache(), .P``_arprot(), .P``_arqos(), \
        .P``_arvalid(P``_arvalid), .P``_arready(P``_arready_now), \
        .P``_rid(1'b0), .P``_rdata(P``_rdata_now), .P``_rresp(P``_rresp_now), .P``_rlast(P``_rlast_now), .P``_rvalid(P``_rvalid_now), \
        .P``_rready(P``_rready)

module gatewright_simulation (
    input clk, input rst, output irq,
    input [31:0] s_axil_awaddr, input s_axil_awvalid, output s_axil_awready,
    input [31:0] s_axil_wdata, input s_axil_wvalid, output s_axil_wready,
    output [1:0] s_axil_bresp, output s_axil_bvalid,
    input [31:0] s_axil_araddr, input s_axil_arvalid, output s_axil_arready,
    output [31:0] s_axil_rdata, output [1:0] s_axil_rresp, output s_axil_rvalid,
    `MASTER_PORTS(m_axi)
`ifdef GATEWRIGHT_TWO_PORTS
    , `MASTER_PORTS(m_axi_1)
`endif
`ifdef GATEWRIGHT_FOUR_PORTS
    , `MASTER_PORTS(m_axi_2), `MASTER_PORTS(m_axi_3)
`endif
);
    reg reset;
    reg [31:0] awaddr, araddr, wdata;
    reg awvalid, wvalid, arvalid;

    always @(posedge clk) begin
        reset <= rst;
        {awaddr, awvalid} <= {s_axil_awaddr, s_axil_awvalid};
        {wdata, wvalid} <= {s_axil_wdata, s_axil_wvalid};
        {araddr, arvalid} <= {s_axil_araddr, s_axil_arvalid};
    end
    `MASTER_REGISTERS(m_axi)
`ifdef GATEWRIGHT_TWO_PORTS
    `MASTER_REGISTERS(m_axi_1)
`endif
`ifdef GATEWRIGHT_FOUR_PORTS
    `MASTER_REGISTERS(m_axi_2)
    `MASTER_REGISTERS(m_axi_3)
`endif

    gatewright_top top (
        .clk(clk), .rst(reset), .irq(irq),
        .s_axil_awaddr(awaddr), .s_axil_awprot(3'd0), .s_axil_awvalid(awvalid), .s_axil_awready(s_axil_awready),
        .s_axil_wdata(wdata), .s_axil_wstrb(4'hf), .s_axil_wvalid(wvalid), .s_axil_wready(s_axil_wready),
        .s_axil_bresp(s_axil_bresp), .s_axil_bvalid(s_axil_bvalid), .s_axil_bready(1'b1),
        .s_axil_araddr(araddr), .s_axil_arprot(3'd0), .s_axil_arvalid(arvalid), .s_axil_arready(s_axil_arready),
        .s_axil_rdata(s_axil_rdata), .s_axil_rresp(s_axil_rresp), .s_axil_rvalid(s_axil_rvalid), .s_axil_rready(1'b1),
        `MASTER_CONNECTIONS(m_axi)
`ifdef GATEWRIGHT_TWO_PORTS
        , `MASTER_CONNECTIONS(m_axi_1)
`endif
`ifdef GATEWRIGHT_FOUR_PORTS
        , `MASTER_CONNECTIONS(m_axi_2), `MASTER_CONNECTIONS(m_axi_3)
`endif
    );
endmodule
