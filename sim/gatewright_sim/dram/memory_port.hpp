// A memory port of a processing system: what AXI bursts through it cost, beat by beat. Data and signals are others' affair.
//
// A burst is cut into accesses of the DRAM, which reach the controller after a way that takes cycles of the port's clock and
// nanoseconds besides. Beats come back in order, at most one a cycle and direction. Times are cycles of the port's clock.

#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "dram.hpp"

namespace gatewright {

// As gatewright.spec.memory.MemoryPort has them, where the meanings are.
struct PortTiming {
    uint32_t beat_bytes, outstanding_reads, outstanding_writes;
    uint32_t way_cycles, back_cycles;
    uint64_t way, back;  // picoseconds besides
    double burst_cycles;
    uint64_t period;     // picoseconds
};

struct PortBurst {
    uint64_t address;
    uint32_t beats_left;
    uint32_t taken = 0;               // beats
    std::vector<uint64_t> done = {};  // picoseconds, of each access; kNever: not yet decided
};

class MemoryPort {
public:
    MemoryPort(const PortTiming& timing, uint32_t access_bytes, Dram& dram, uint32_t input)
        : t_(timing), access_bytes_(access_bytes), dram_(dram), input_(input) {}

    // Forget every open burst. What the memory still owes them must be forgotten as well (Dram::reset).
    void reset() {
        reads_.clear();
        writes_.clear();
        answers_.clear();
        read_pace_ = write_pace_ = {};
    }

    bool takes_read() const { return reads_.size() < t_.outstanding_reads; }
    bool takes_write() const { return writes_.size() + answers_.size() < t_.outstanding_writes; }

    void read(uint64_t address, uint32_t beats, uint64_t now) {
        if (reads_.empty()) read_pace_.rest(now, t_.period);
        reads_.push_back({address, beats});
        ask(reads_.back(), false, now);
    }

    void write(uint64_t address, uint32_t beats, uint64_t now) {
        if (writes_.empty()) write_pace_.rest(now, t_.period);
        writes_.push_back({address, beats});
    }

    // A beat to read, in cycle `now` at the earliest; the burst's next one.
    bool has_beat(uint64_t now) const {
        if (reads_.empty() || now < read_pace_.from) return false;
        const PortBurst& burst = reads_.front();
        const uint64_t first = burst.address / access_bytes_;
        return is_back(burst.done[(burst.address + uint64_t(burst.taken) * t_.beat_bytes) / access_bytes_ - first], now);
    }

    // The front burst's beat is handed over in cycle `now`. True: it was the burst's last.
    bool pop_beat(uint64_t now) { return pop(reads_, read_pace_, now); }

    bool takes_beat(uint64_t now) const { return !writes_.empty() && now >= write_pace_.from; }

    // A beat of the front burst has come in cycle `now`. True: it was its last, so that the burst sets out.
    bool push_beat(uint64_t now) {
        answers_.push_back({});
        PortBurst& burst = answers_.back();
        burst = writes_.front();
        if (!pop(writes_, write_pace_, now)) {
            answers_.pop_back();
            return false;
        }
        ask(burst, true, now);
        return true;
    }

    bool has_answer(uint64_t now) const {
        if (answers_.empty()) return false;
        for (const uint64_t done : answers_.front().done)
            if (!is_back(done, now)) return false;
        return true;
    }

    void pop_answer() { answers_.pop_front(); }

private:
    // Fractions of a cycle that bursts cost add up to cycles without a beat.
    struct Pace {
        uint64_t from = 0;
        double owed = 0;

        void rest(uint64_t now, uint64_t period) {
            if (now * period >= from * period + kIdle) owed = 0;
        }
    };

    bool pop(std::deque<PortBurst>& bursts, Pace& pace, uint64_t now) {
        PortBurst& burst = bursts.front();
        ++burst.taken;
        if (--burst.beats_left) return false;
        pace.owed += t_.burst_cycles;
        const uint64_t whole = uint64_t(pace.owed);
        pace.owed -= double(whole);
        pace.from = now + 1 + whole;
        bursts.pop_front();
        return true;
    }

    void ask(PortBurst& burst, bool write, uint64_t now) {
        const uint64_t beats = burst.taken + burst.beats_left;
        const uint64_t first = burst.address / access_bytes_;
        const uint64_t last = (burst.address + beats * t_.beat_bytes - 1) / access_bytes_;
        burst.done.assign(last - first + 1, kNever);
        const uint64_t arrival = (now + t_.way_cycles) * t_.period + t_.way;
        for (uint64_t i = 0; i <= last - first; ++i)
            dram_.ask(input_, {(first + i) * access_bytes_, arrival, &burst.done[i], write});
    }

    bool is_back(uint64_t done, uint64_t now) const {
        return done != kNever && done + t_.back + t_.back_cycles * t_.period <= now * t_.period;
    }

    const PortTiming t_;
    const uint32_t access_bytes_;
    Dram& dram_;
    const uint32_t input_;
    std::deque<PortBurst> reads_, writes_, answers_;
    Pace read_pace_, write_pace_;
};

}  // namespace gatewright
