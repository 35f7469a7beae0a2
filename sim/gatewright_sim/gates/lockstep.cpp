// The clock of the designs in lockstep; the argument is the seed of their inputs and of what has no initial value.

#include <cstdlib>

#include "Vlockstep.h"
#include "verilated.h"

int main(int argc, char** argv) {
    VerilatedContext context;
    context.randReset(2);
    context.randSeed(argc > 1 ? std::atoi(argv[1]) : 1);
    Vlockstep top(&context);
    top.clk = 0;
    do {
        top.eval();
        top.clk = !top.clk;
    } while (!top.done);
}
