// Masters that are always ready, on the ports of a simulated memory: what the model is held to measurements with. No design is needed.

#include <memory>

#include "memory_port.hpp"

namespace {

using namespace gatewright;

// As gatewright_sim.dram.traffic.Stream has it.
struct Stream {
    uint64_t start, bytes;  // a window that it goes through, again and again
    uint32_t beats, input, writes_of_256, random;
};

class Master {
public:
    Master(const Stream& stream, const PortTiming& timing, uint32_t access_bytes, Dram& dram, uint64_t number)
        : stream_(stream), port_(timing, access_bytes, dram, stream.input), burst_(stream.beats * timing.beat_bytes),
          random_(2 * number + 1) {
        for (int i = 0; i < 16; ++i) draw();
    }

    // Beats that it moves in cycle `now`.
    uint32_t cycle(uint64_t now) {
        uint32_t moved = 0;
        if (port_.has_beat(now)) {
            port_.pop_beat(now);
            ++moved;
        }
        if (port_.takes_beat(now)) {
            port_.push_beat(now);
            ++moved;
        }
        if (port_.has_answer(now)) port_.pop_answer();
        const bool write = (draw() & 255) < stream_.writes_of_256;
        if (!(write ? port_.takes_write() : port_.takes_read())) return moved;
        const uint64_t bursts = stream_.bytes / burst_;
        const uint64_t address = stream_.start + (stream_.random ? draw() : next_++) % bursts * burst_;
        if (write) port_.write(address, stream_.beats, now);
        else port_.read(address, stream_.beats, now);
        return moved;
    }

private:
    uint64_t draw() {
        random_ ^= random_ << 13;  // xorshift64 (Marsaglia, 2003)
        random_ ^= random_ >> 7;
        random_ ^= random_ << 17;
        return random_ >> 16;
    }

    const Stream stream_;
    MemoryPort port_;
    const uint64_t burst_;
    uint64_t random_, next_ = 0;
};

}  // namespace

// Writes to `beats` what each of `count` streams moves in `cycles` of the ports' clock.
extern "C" __attribute__((visibility("default"))) void gw_traffic(const gatewright::DramTiming* dram_timing,
                                                                  const gatewright::PortTiming* port_timing, uint32_t inputs,
                                                                  const Stream* streams, uint32_t count, uint64_t cycles,
                                                                  uint64_t* beats) {
    Dram dram(*dram_timing, inputs);
    std::vector<std::unique_ptr<Master>> masters;
    for (uint32_t i = 0; i < count; ++i) {
        masters.push_back(std::make_unique<Master>(streams[i], *port_timing, dram_timing->access_bytes, dram, i));
        beats[i] = 0;
    }
    for (uint64_t now = 0; now < cycles; ++now) {
        dram.advance(now * port_timing->period);
        for (uint32_t i = 0; i < count; ++i) beats[i] += masters[i]->cycle(now);
    }
}
