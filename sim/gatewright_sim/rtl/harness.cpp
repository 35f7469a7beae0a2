// The Verilated accelerator with its memory and a register master, as a C interface for ctypes. No Python runs in the clock loop.

#include <chrono>
#include <deque>
#include <memory>
#include <string>

#include "Vgatewright_simulation.h"
#include "ddr.hpp"
#include "verilated.h"
#ifdef GATEWRIGHT_TRACE
#include "verilated_fst_c.h"
#endif

namespace {

using gatewright::Ddr;
using gatewright::DramTiming;
using gatewright::Pins;
using gatewright::PortTiming;
using Top = Vgatewright_simulation;

// The build says how many masters the design has.
#if GATEWRIGHT_PORTS == 1
#define GATEWRIGHT_MASTERS(top) GATEWRIGHT_PINS(top, m_axi)
#elif GATEWRIGHT_PORTS == 2
#define GATEWRIGHT_MASTERS(top) GATEWRIGHT_PINS(top, m_axi), GATEWRIGHT_PINS(top, m_axi_1)
#elif GATEWRIGHT_PORTS == 4
#define GATEWRIGHT_MASTERS(top) \
    GATEWRIGHT_PINS(top, m_axi), GATEWRIGHT_PINS(top, m_axi_1), GATEWRIGHT_PINS(top, m_axi_2), GATEWRIGHT_PINS(top, m_axi_3)
#endif
constexpr uint32_t kPorts = GATEWRIGHT_PORTS;

constexpr int kResetCycles = 8;
constexpr uint64_t kRegisterCycles = 10000;  // most cycles of one register access

enum Outcome : int { LIMIT = 0, IRQ = 1, VIOLATION = 2 };
enum Access : int { ACCESS_HUNG = -1 };

// Registers without an initial value hold anything until they are reset.
VerilatedContext* power_up(VerilatedContext& context, uint64_t seed) {
    context.randReset(2);
    context.randSeed(int(seed % 0x7fffffff) + 1);
    return &context;
}

class Simulator {
public:
    Simulator(uint8_t* bytes, uint64_t base, uint64_t size, const DramTiming& dram, const PortTiming& port, uint64_t seed)
        : top_(power_up(context_, seed)), dram_(dram, kPorts), period_ps_(port.period) {
        const Pins pins[] = {GATEWRIGHT_MASTERS(top_)};
        for (const Pins& each : pins) ports.emplace_back(each, bytes, base, size, dram_, dram.access_bytes, port, ports.size());
        top_.s_axil_awvalid = top_.s_axil_wvalid = top_.s_axil_arvalid = 0;
        reset();
    }

    ~Simulator() {
#ifdef GATEWRIGHT_TRACE
        if (trace_) trace_->close();
#endif
        top_.final();
    }

    void reset() {
        dram_.reset();
        for (Ddr& port : ports) port.reset();
        top_.s_axil_awvalid = top_.s_axil_wvalid = top_.s_axil_arvalid = 0;
        top_.rst = 1;
        for (int i = 0; i < kResetCycles; ++i) edge();
        top_.rst = 0;
        edge();
    }

    int run(uint64_t cycles) {
        const auto start = std::chrono::steady_clock::now();
        const uint64_t end = now + cycles;
        while (now < end && !top_.irq && violation().empty()) cycle();
        seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        timed_cycles += now + cycles - end;
        if (!violation().empty()) return VIOLATION;
        return top_.irq ? IRQ : LIMIT;
    }

    int read(uint32_t addr, uint32_t* data) {
        top_.s_axil_araddr = addr;
        top_.s_axil_arvalid = 1;
        int response = ACCESS_HUNG;
        for (const uint64_t limit = now + kRegisterCycles; response < 0 && now < limit;) {
            cycle();  // the accelerator now sees what was set before it
            if (top_.s_axil_arready) top_.s_axil_arvalid = 0;
            if (top_.s_axil_rvalid) {
                *data = top_.s_axil_rdata;
                response = top_.s_axil_rresp;
            }
        }
        return retire(response);
    }

    int write(uint32_t addr, uint32_t data) {
        top_.s_axil_awaddr = addr;
        top_.s_axil_wdata = data;
        top_.s_axil_awvalid = top_.s_axil_wvalid = 1;
        int response = ACCESS_HUNG;
        for (const uint64_t limit = now + kRegisterCycles; response < 0 && now < limit;) {
            cycle();
            if (top_.s_axil_awready) top_.s_axil_awvalid = 0;
            if (top_.s_axil_wready) top_.s_axil_wvalid = 0;
            if (top_.s_axil_bvalid) response = top_.s_axil_bresp;
        }
        return retire(response);
    }

    // The first broken rule of AXI, empty for none.
    const std::string& violation() const {
        for (const Ddr& port : ports)
            if (!port.violation.empty()) return port.violation;
        return ports.front().violation;
    }

    void trace_open(const char* path) {
#ifdef GATEWRIGHT_TRACE
        context_.traceEverOn(true);
        trace_ = std::make_unique<VerilatedFstC>();
        top_.trace(trace_.get(), 99);
        trace_->open(path);
#else
        (void)path;
#endif
    }

private:
    VerilatedContext context_;
    Top top_;
    gatewright::Dram dram_;

public:
    std::deque<Ddr> ports;
    uint64_t now = 0;           // cycles since construction
    uint64_t timed_cycles = 0;  // cycles of run(), and the seconds they took
    double seconds = 0;

private:
    // One cycle: its handshakes, the inputs of the next cycle, and the clock edge between them.
    void cycle() {
        for (Ddr& port : ports) port.sample(now);
        dram_.advance((now + 1) * period_ps_);
        for (Ddr& port : ports) port.drive(now + 1);
        edge();
    }

    void edge() {
        top_.clk = 1;
        top_.eval();
        ++now;
        dump(0);
        top_.clk = 0;
        top_.eval();
        dump(period_ps_ / 2);
    }

    // End of a register access: the answer, if any, is taken in one more cycle.
    int retire(int response) {
        top_.s_axil_awvalid = top_.s_axil_wvalid = top_.s_axil_arvalid = 0;
        cycle();
        return response;
    }

    void dump(uint64_t offset) {
#ifdef GATEWRIGHT_TRACE
        if (trace_) trace_->dump(now * period_ps_ + offset);
#else
        (void)offset;
#endif
    }

    const uint64_t period_ps_;
#ifdef GATEWRIGHT_TRACE
    std::unique_ptr<VerilatedFstC> trace_;
#endif
};

}  // namespace

#define GW_API __attribute__((visibility("default")))

extern "C" {

GW_API Simulator* gw_open(uint8_t* bytes, uint64_t base, uint64_t size, const DramTiming* dram, const PortTiming* port,
                          uint64_t seed) {
    return new Simulator(bytes, base, size, *dram, *port, seed);
}

GW_API void gw_close(Simulator* simulator) { delete simulator; }
GW_API void gw_reset(Simulator* simulator) { simulator->reset(); }
GW_API int gw_run(Simulator* simulator, uint64_t cycles) { return simulator->run(cycles); }
GW_API int gw_read(Simulator* simulator, uint32_t addr, uint32_t* data) { return simulator->read(addr, data); }
GW_API int gw_write(Simulator* simulator, uint32_t addr, uint32_t data) { return simulator->write(addr, data); }
GW_API void gw_trace_open(Simulator* simulator, const char* path) { simulator->trace_open(path); }
GW_API uint64_t gw_cycles(Simulator* simulator) { return simulator->now; }
GW_API uint64_t gw_timed_cycles(Simulator* simulator) { return simulator->timed_cycles; }
GW_API double gw_timed_seconds(Simulator* simulator) { return simulator->seconds; }
GW_API const char* gw_violation(Simulator* simulator) { return simulator->violation().c_str(); }

GW_API uint64_t gw_read_beats(Simulator* simulator) {
    uint64_t beats = 0;
    for (const Ddr& port : simulator->ports) beats += port.read_beats;
    return beats;
}

GW_API uint64_t gw_write_beats(Simulator* simulator) {
    uint64_t beats = 0;
    for (const Ddr& port : simulator->ports) beats += port.write_beats;
    return beats;
}

GW_API void gw_faults(Simulator* simulator, uint64_t slverr_low, uint64_t slverr_high, int hang) {
    for (Ddr& port : simulator->ports) {
        port.slverr_low = slverr_low;
        port.slverr_high = slverr_high;
        port.hung = hang;
    }
}

GW_API void gw_lose_odd_words(Simulator* simulator, int lose) {
    for (Ddr& port : simulator->ports) port.lose_odd_words = lose;
}

GW_API void gw_stalls(Simulator* simulator, uint32_t chance_of_256, uint64_t seed) {
    for (Ddr& port : simulator->ports) {
        port.stall_of_256 = chance_of_256;
        port.random = 2 * seed++ + 1;
    }
}

}  // extern "C"
