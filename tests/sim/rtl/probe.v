// A bus master with the accelerator's ports that does what its registers say, right or wrong: for tests of the simulated memory.
//
// Written: 0x00 start, 0x04 address, 0x08 burst fields {size[12:10], burst[9:8], len[7:0]}, 0x0c bursts, 0x10 direction (1 = write),
//          0x14 beats in a write burst before wlast, minus one.
// Read:    0x20 cycles from the first address to the end, 0x24 to the first beat, 0x28/0x2c xor of the data read,
//          0x30 or of the responses, 0x34 most bursts open at a time. Written beats hold {burst, beat} counters.
module gatewright_top (
    input clk, input rst, output irq,
    input [11:0] s_axil_awaddr, input [2:0] s_axil_awprot, input s_axil_awvalid, output s_axil_awready,
    input [31:0] s_axil_wdata, input [3:0] s_axil_wstrb, input s_axil_wvalid, output s_axil_wready,
    output [1:0] s_axil_bresp, output reg s_axil_bvalid, input s_axil_bready,
    input [11:0] s_axil_araddr, input [2:0] s_axil_arprot, input s_axil_arvalid, output s_axil_arready,
    output reg [31:0] s_axil_rdata, output [1:0] s_axil_rresp, output reg s_axil_rvalid, input s_axil_rready,
    output m_axi_awid, output [31:0] m_axi_awaddr, output [7:0] m_axi_awlen, output [2:0] m_axi_awsize,
    output [1:0] m_axi_awburst, output m_axi_awlock, output [3:0] m_axi_awcache, output [2:0] m_axi_awprot,
    output [3:0] m_axi_awqos, output reg m_axi_awvalid, input m_axi_awready,
    output [63:0] m_axi_wdata, output [7:0] m_axi_wstrb, output m_axi_wlast, output m_axi_wvalid, input m_axi_wready,
    input m_axi_bid, input [1:0] m_axi_bresp, input m_axi_bvalid, output m_axi_bready,
    output m_axi_arid, output [31:0] m_axi_araddr, output [7:0] m_axi_arlen, output [2:0] m_axi_arsize,
    output [1:0] m_axi_arburst, output m_axi_arlock, output [3:0] m_axi_arcache, output [2:0] m_axi_arprot,
    output [3:0] m_axi_arqos, output reg m_axi_arvalid, input m_axi_arready,
    input m_axi_rid, input [63:0] m_axi_rdata, input [1:0] m_axi_rresp, input m_axi_rlast, input m_axi_rvalid,
    output m_axi_rready
);
    reg [31:0] addr, bursts, issued, finished, sent, cycles, first, most;
    reg [12:0] fields;
    reg [7:0] last_beat, beat;
    reg write, busy, done;
    reg [63:0] folded;
    reg [1:0] responses;

    assign {m_axi_awid, m_axi_awlock, m_axi_awcache, m_axi_awprot, m_axi_awqos} = 0;
    assign {m_axi_arid, m_axi_arlock, m_axi_arcache, m_axi_arprot, m_axi_arqos} = 0;
    assign {m_axi_awsize, m_axi_awburst, m_axi_awlen} = fields;
    assign {m_axi_arsize, m_axi_arburst, m_axi_arlen} = fields;
    wire [31:0] next = addr + issued * ((fields[7:0] + 1) << 3);
    assign m_axi_awaddr = next;
    assign m_axi_araddr = next;
    assign m_axi_wdata = {sent, 24'd0, beat};
    assign m_axi_wstrb = 8'hff;
    assign m_axi_wlast = beat == last_beat;
    assign m_axi_wvalid = busy & write & (sent < issued);
    assign m_axi_bready = 1;
    assign m_axi_rready = 1;
    assign irq = done;

    wire taken = write ? m_axi_awvalid & m_axi_awready : m_axi_arvalid & m_axi_arready;
    wire ended = write ? m_axi_bvalid : m_axi_rvalid & m_axi_rlast;
    wire wrote = m_axi_wvalid & m_axi_wready;
    wire [31:0] open = issued + taken - finished;

    always @(posedge clk) begin
        if (busy) begin
            cycles <= cycles + 1;
            if (taken) begin
                issued <= issued + 1;
                if (write) m_axi_awvalid <= issued + 1 != bursts;
                else m_axi_arvalid <= issued + 1 != bursts;
            end
            if (open > most) most <= open;
            if (wrote) begin
                beat <= m_axi_wlast ? 0 : beat + 1;
                if (m_axi_wlast) sent <= sent + 1;
            end
            if (m_axi_rvalid) begin
                folded <= folded ^ m_axi_rdata;
                responses <= responses | m_axi_rresp;
                if (first == 0) first <= cycles;
            end
            if (m_axi_bvalid) responses <= responses | m_axi_bresp;
            if (ended) begin
                finished <= finished + 1;
                if (finished + 1 == bursts) {busy, done} <= 2'b01;
            end
        end
        if (s_axil_awready) case (s_axil_awaddr)
            12'h00: begin
                {busy, done} <= 2'b10;
                {issued, finished, sent, cycles, first, most, folded, responses, beat} <= 0;
                {m_axi_awvalid, m_axi_arvalid} <= {write, ~write};
            end
            12'h04: addr <= s_axil_wdata;
            12'h08: fields <= s_axil_wdata[12:0];
            12'h0c: bursts <= s_axil_wdata;
            12'h10: write <= s_axil_wdata[0];
            12'h14: last_beat <= s_axil_wdata[7:0];
        endcase
        if (rst) {busy, done, m_axi_awvalid, m_axi_arvalid} <= 0;
    end

    assign s_axil_awready = s_axil_awvalid & s_axil_wvalid & ~s_axil_bvalid;
    assign s_axil_wready = s_axil_awready;
    assign s_axil_bresp = s_axil_awaddr[11] ? 2'd2 : 2'd0;
    assign s_axil_arready = ~s_axil_rvalid & ~s_axil_araddr[10];  // bit 10: never answered
    assign s_axil_rresp = 0;
    always @(posedge clk) begin
        s_axil_bvalid <= ~rst & (s_axil_awready | s_axil_bvalid & ~s_axil_bready);
        s_axil_rvalid <= ~rst & (s_axil_arvalid & s_axil_arready | s_axil_rvalid & ~s_axil_rready);
        if (s_axil_arvalid & s_axil_arready) case (s_axil_araddr)
            12'h20: s_axil_rdata <= cycles;
            12'h24: s_axil_rdata <= first;
            12'h28: s_axil_rdata <= folded[31:0];
            12'h2c: s_axil_rdata <= folded[63:32];
            12'h30: s_axil_rdata <= responses;
            12'h34: s_axil_rdata <= most;
            default: s_axil_rdata <= 0;
        endcase
    end
endmodule
