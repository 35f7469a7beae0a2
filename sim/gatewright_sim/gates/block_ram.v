// The storage of RAMB18E1 and RAMB36E1, of which Yosys' models know only delays: a port that reads and may write, one that reads, of
// one width and one clock, without output registers (UG473, 7 Series FPGAs Memory Resources). Bytes have nine bits, parity on top.
// What the other port reads of a word that is being written is what was there only if the writing port reads first; else UG473 does
// not define it, and here it is what no design can live with: the complement.
module gatewright_block_ram #(
    parameter ADDRESS = 9, WIDTH = 36, BYTES = 4,
    parameter MODE = "READ_FIRST",
    parameter KEEPS = 1,  // whether it begins with what the following say, or with anything
    parameter [(WIDTH << ADDRESS)-1:0] INIT = 0,
    parameter [WIDTH-1:0] INIT_W = 0, INIT_R = 0
) (
    input clk,
    input en_w, input [ADDRESS-1:0] addr_w, input [BYTES-1:0] we, input [WIDTH-1:0] di, output reg [WIDTH-1:0] do_w,
    input en_r, input [ADDRESS-1:0] addr_r, output reg [WIDTH-1:0] do_r
);
    reg [WIDTH-1:0] words [0:(1<<ADDRESS)-1];

    wire [WIDTH-1:0] mask;  // bits that are written
    genvar i;
    generate
        for (i = 0; i < WIDTH; i = i + 1) assign mask[i] = en_w & we[i / 9];
    endgenerate
    wire [WIDTH-1:0] old = words[addr_w];
    wire [WIDTH-1:0] merged = old & ~mask | di & mask;
    wire collides = addr_r == addr_w && MODE != "READ_FIRST";

    always @(posedge clk) begin
        if (|mask) words[addr_w] <= merged;
        if (en_w && !(MODE == "NO_CHANGE" && |we)) do_w <= MODE == "WRITE_FIRST" ? merged : old;
        if (en_r) do_r <= words[addr_r] ^ (collides ? mask : {WIDTH{1'b0}});
    end

    integer k;
    generate
        if (KEEPS)
            initial begin
                for (k = 0; k < 1 << ADDRESS; k = k + 1) words[k] = INIT[k*WIDTH +: WIDTH];
                do_w = INIT_W;
                do_r = INIT_R;
            end
    endgenerate
endmodule
