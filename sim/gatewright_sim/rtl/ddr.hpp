// Memory behind one AXI4 port of several, in the time of gatewright.spec.memory.MemoryModel: ports of one DRAM.
//
// Addresses outside the memory answer DECERR, a chosen window SLVERR; reads of these return zero, writes are dropped. Every rule of
// AXI that the master must keep is checked; the first violation is kept as a sentence.

#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <string>

#include "memory_port.hpp"

namespace gatewright {

constexpr uint64_t kBusBytes = 8;
constexpr uint32_t kMaxBurstBeats = 16;
constexpr uint64_t kPage = 4096;

enum Response : uint8_t { OKAY = 0, SLVERR = 2, DECERR = 3 };

// What a burst's next beat is about.
struct Burst {
    uint64_t addr;
    uint32_t beats_left;
    uint8_t response;  // of a write, so far
};

// What a channel showed while it waited: AXI forbids to change or withdraw it before the handshake.
struct Held {
    bool waiting = false;
    uint64_t payload = 0;
    uint32_t side = 0;
};

// Signals of a master, as Verilator declares them.
struct Pins {
    const uint8_t &arid, &arlen, &arsize, &arburst, &arvalid, &rready;
    const uint8_t &awid, &awlen, &awsize, &awburst, &awvalid, &wstrb, &wlast, &wvalid, &bready;
    const uint32_t &araddr, &awaddr;
    const uint64_t& wdata;
    uint8_t &arready, &rresp, &rlast, &rvalid, &awready, &wready, &bresp, &bvalid;
    uint64_t& rdata;
};

// Those of the master `name` of a design `top`.
#define GATEWRIGHT_PINS(top, name)                                                                                              \
    gatewright::Pins {                                                                                                          \
        top.name##_arid, top.name##_arlen, top.name##_arsize, top.name##_arburst, top.name##_arvalid, top.name##_rready,        \
            top.name##_awid, top.name##_awlen, top.name##_awsize, top.name##_awburst, top.name##_awvalid, top.name##_wstrb,     \
            top.name##_wlast, top.name##_wvalid, top.name##_bready, top.name##_araddr, top.name##_awaddr, top.name##_wdata,     \
            top.name##_arready, top.name##_rresp, top.name##_rlast, top.name##_rvalid, top.name##_awready, top.name##_wready,   \
            top.name##_bresp, top.name##_bvalid, top.name##_rdata                                                               \
    }

class Ddr {
public:
    // Port number `input` of `dram`.
    Ddr(const Pins& pins, uint8_t* bytes, uint64_t base, uint64_t size, Dram& dram, uint32_t access_bytes, const PortTiming& port,
        uint32_t input)
        : pins_(pins), bytes_(bytes), base_(base), size_(size), input_(input), port_(port, access_bytes, dram, input) {}

    // Take note of the handshakes of cycle `now`: inputs and outputs are settled, the clock edge is to come.
    void sample(uint64_t now) {
        now_ = now;
        sample_read_address();
        sample_read_data();
        sample_write_address();
        sample_write_data();
        if (pins_.bvalid && pins_.bready) {
            responses_.pop_front();
            port_.pop_answer();
            b_shown_ = false;
        }
    }

    // Set the inputs of cycle `now`, before the clock edge that begins it; the DRAM has come that far.
    void drive(uint64_t now) {
        if (hung) {
            silence();
            return;
        }
        pins_.arready = port_.takes_read() && go();
        pins_.awready = port_.takes_write() && go();
        if (!r_shown_ && port_.has_beat(now) && go()) show_read();
        pins_.rvalid = r_shown_;
        pins_.wready = port_.takes_beat(now) && go();
        if (!b_shown_ && port_.has_answer(now) && go()) {
            b_shown_ = true;
            pins_.bresp = responses_.front();
        }
        pins_.bvalid = b_shown_;
    }

    // Forget every open burst and be quiet; the DRAM must forget them as well.
    void reset() {
        port_.reset();
        reads_.clear();
        writes_.clear();
        responses_.clear();
        held_ar_ = held_aw_ = held_w_ = Held{};
        r_shown_ = b_shown_ = hung = false;
        violation.clear();
        silence();
    }

    bool hung = false;                       // answer nothing more until a reset
    uint64_t slverr_low = 0, slverr_high = 0;  // window that answers SLVERR
    bool lose_odd_words = false;             // as a port that takes the bus for twice as wide: reads give 0, writes go nowhere
    uint32_t stall_of_256 = 0;               // chance of a pause on each channel in each cycle
    uint64_t random = 1;                     // state of the stall generator, not 0
    uint64_t read_beats = 0, write_beats = 0;
    std::string violation;

private:
    void silence() {
        pins_.arready = pins_.awready = pins_.wready = 0;
        pins_.rvalid = pins_.bvalid = 0;
    }

    bool go() {
        if (!stall_of_256) return true;
        random ^= random << 13;  // xorshift64 (Marsaglia, 2003)
        random ^= random >> 7;
        random ^= random << 17;
        return ((random >> 32) & 255) >= stall_of_256;
    }

    bool lost(uint64_t addr) const { return lose_odd_words && addr / kBusBytes % 2; }

    uint8_t response(uint64_t addr) const {
        if (addr < base_ || addr + kBusBytes > base_ + size_) return DECERR;
        return addr >= slverr_low && addr < slverr_high ? SLVERR : OKAY;
    }

    void violate(const char* channel, const char* what, uint64_t value) {
        if (!violation.empty()) return;
        char text[200];
        std::snprintf(text, sizeof text, "cycle %llu, memory port %u, channel %s: %s (%#llx)", (unsigned long long)now_,
                      input_, channel, what, (unsigned long long)value);
        violation = text;
    }

    void check_held(const char* channel, Held& held, bool valid, bool ready, uint64_t payload, uint32_t side) {
        if (held.waiting) {
            if (!valid) violate(channel, "valid was withdrawn before ready", held.payload);
            else if (payload != held.payload || side != held.side) violate(channel, "payload changed before ready", payload);
        }
        held = Held{valid && !ready, payload, side};
    }

    void check_burst(const char* channel, uint64_t addr, uint32_t len, uint32_t size, uint32_t burst, uint32_t id) {
        if (addr % kBusBytes) violate(channel, "address is not a multiple of 8", addr);
        if (len >= kMaxBurstBeats) violate(channel, "burst has more than 16 beats, length field", len);
        if (addr / kPage != (addr + (len + 1) * kBusBytes - 1) / kPage) violate(channel, "burst crosses 4 KiB, address", addr);
        if (size != 3) violate(channel, "size is not 8 bytes, size field", size);
        if (burst != 1) violate(channel, "burst is not INCR, burst field", burst);
        if (id != 0) violate(channel, "id is not 0", id);
    }

    void sample_read_address() {
        check_held("AR", held_ar_, pins_.arvalid, pins_.arready, pins_.araddr, pins_.arlen);
        if (!(pins_.arvalid && pins_.arready)) return;
        check_burst("AR", pins_.araddr, pins_.arlen, pins_.arsize, pins_.arburst, pins_.arid);
        reads_.push_back(Burst{pins_.araddr, pins_.arlen + 1u, OKAY});
        port_.read(pins_.araddr, pins_.arlen + 1u, now_);
    }

    void show_read() {
        const Burst& burst = reads_.front();
        const uint8_t resp = response(burst.addr);
        uint64_t word = 0;
        if (resp == OKAY && !lost(burst.addr)) std::memcpy(&word, bytes_ + (burst.addr - base_), kBusBytes);
        pins_.rdata = word;
        pins_.rresp = resp;
        pins_.rlast = burst.beats_left == 1;
        r_shown_ = true;
    }

    void sample_read_data() {
        if (!(pins_.rvalid && pins_.rready)) return;
        ++read_beats;
        r_shown_ = false;
        Burst& burst = reads_.front();
        burst.addr += kBusBytes;
        if (--burst.beats_left == 0) reads_.pop_front();
        port_.pop_beat(now_);
    }

    void sample_write_address() {
        check_held("AW", held_aw_, pins_.awvalid, pins_.awready, pins_.awaddr, pins_.awlen);
        if (!(pins_.awvalid && pins_.awready)) return;
        check_burst("AW", pins_.awaddr, pins_.awlen, pins_.awsize, pins_.awburst, pins_.awid);
        writes_.push_back(Burst{pins_.awaddr, pins_.awlen + 1u, OKAY});
        port_.write(pins_.awaddr, pins_.awlen + 1u, now_);
    }

    void sample_write_data() {
        const uint32_t side = pins_.wstrb | pins_.wlast << 8;
        check_held("W", held_w_, pins_.wvalid, pins_.wready, pins_.wdata, side);
        if (!(pins_.wvalid && pins_.wready)) return;
        ++write_beats;
        Burst& burst = writes_.front();
        if (pins_.wlast != (burst.beats_left == 1)) violate("W", "last is not with the last beat, address", burst.addr);
        const uint8_t resp = response(burst.addr);
        if (resp == OKAY && !lost(burst.addr)) store(bytes_ + (burst.addr - base_), pins_.wdata, pins_.wstrb);
        if (resp > burst.response) burst.response = resp;
        burst.addr += kBusBytes;
        if (--burst.beats_left == 0) {
            responses_.push_back(burst.response);
            writes_.pop_front();
        }
        port_.push_beat(now_);
    }

    static void store(uint8_t* to, uint64_t word, uint32_t strobe) {
        if (strobe == 0xFF) {
            std::memcpy(to, &word, kBusBytes);
            return;
        }
        for (unsigned lane = 0; lane < kBusBytes; ++lane)
            if (strobe >> lane & 1) to[lane] = uint8_t(word >> 8 * lane);
    }

    const Pins pins_;
    uint8_t* const bytes_;
    const uint64_t base_, size_;
    const uint32_t input_;
    MemoryPort port_;
    uint64_t now_ = 0;
    bool r_shown_ = false, b_shown_ = false;
    Held held_ar_, held_aw_, held_w_;
    std::deque<Burst> reads_, writes_;
    std::deque<uint8_t> responses_;
};

}  // namespace gatewright
