// A DRAM and its controller: banks with open rows, one data bus, refreshes, and a queue that is reordered a little.
//
// An access moves one burst of the DRAM (8 transfers). The controller chooses, whenever the data bus is about to be free, the access
// among the oldest of its queue whose data can come first, so that rows that are open are used and others are opened
// meanwhile ("first ready, first come": Rixner et al., "Memory access scheduling", ISCA 2000). Writes are kept back until many wait,
// since the bus has to be turned round. Commands are not simulated one by one: of each bank and of the bus it is known from when on
// they may be used. Times are picoseconds.

#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

namespace gatewright {

// As gatewright.spec.dram.Dram has them, where the meanings are.
struct DramTiming {
    uint32_t access_bytes, row_bytes, banks, bank_groups;
    uint32_t queue, write_high, run, patience;
    uint64_t transfer, group_transfer;  // of the whole access on the bus; from one to the next in a group of banks
    uint64_t read_delay, write_delay;   // from its command to an access' data
    uint64_t activate, precharge, open_least, read_to_precharge, write_to_precharge;
    uint64_t activate_to_activate, four_activates;
    uint64_t write_to_read, read_to_write;  // beyond the transfer itself
    uint64_t refresh, refresh_period;       // a period of 0: never
};

constexpr uint64_t kNever = ~uint64_t(0);
constexpr uint64_t kIdle = 1'000'000;  // without an access: a rest

struct Access {
    uint64_t address;
    uint64_t arrival;  // at the controller
    uint64_t* done;    // where the time goes at which its data have crossed the bus
    bool write;
    uint32_t passed_by = 0;
};

class Dram {
public:
    Dram(const DramTiming& timing, uint32_t inputs) : t_(timing), inputs_(2 * inputs) { reset(); }

    // Forget what waits, and begin anew.
    void reset() {
        for (auto& input : inputs_) input.clear();
        waiting_outside_ = 0;
        reads_.clear();
        writes_.clear();
        rest(0);
    }

    // What comes through one input is taken in its order, reads and writes apart.
    void ask(uint32_t input, const Access& access) {
        if (!waiting_outside_ && reads_.empty() && writes_.empty() && access.arrival >= bus_free_ + kIdle) rest(access.arrival);
        inputs_[2 * input + access.write].push_back(access);
        ++waiting_outside_;
    }

    // Give every access its time that the controller decides on before `now`.
    void advance(uint64_t now) {
        if (waiting_outside_) take(now);
        while (!(reads_.empty() && writes_.empty()) && bus_free_ <= now + t_.read_delay) {
            serve();
            if (waiting_outside_) take(now);
        }
    }

private:
    // Assumed of a controller that has nothing to do: it refreshes ahead of time, so that what comes next finds all rows shut and a
    // whole period before it. A program's cycles, then, do not depend on when it is started.
    void rest(uint64_t now) {
        banks_.assign(t_.banks, Bank{});
        groups_.assign(t_.bank_groups, 0);
        activations_.assign(4, 0);
        bus_free_ = read_allowed_ = write_allowed_ = 0;
        next_refresh_ = t_.refresh_period ? now + t_.refresh_period : kNever;
        writing_ = false;
        run_ = 0;
        turn_ = 0;
    }

    struct Bank {
        uint64_t row = kNever;
        uint64_t activated = 0;        // when its row was opened
        uint64_t column_from = 0;      // when a command may read or write
        uint64_t precharge_from = 0;   // when its row may be closed
    };

    struct Plan {
        uint64_t activated;  // kNever: its row is open
        uint64_t data;       // its first transfer
    };

    uint64_t block(uint64_t address) const { return address / t_.access_bytes; }
    // Blocks that follow each other lie in different groups of banks, as DDR4 wants it; a row is full before the next bank is used.
    uint32_t bank_of(uint64_t address) const {
        const uint64_t row = address / (uint64_t(t_.row_bytes) * t_.bank_groups);
        return uint32_t(row % (t_.banks / t_.bank_groups) * t_.bank_groups + block(address) % t_.bank_groups);
    }
    uint64_t row_of(uint64_t address) const { return address / (uint64_t(t_.row_bytes) * t_.banks); }

    // By turns; the one after whom the last one came from is first.
    void take(uint64_t now) {
        for (size_t idle = 0, i = turn_; idle < inputs_.size(); i = (i + 1) % inputs_.size()) {
            auto& input = inputs_[i];
            auto& queue = i % 2 ? writes_ : reads_;
            if (input.empty() || input.front().arrival > now || queue.size() >= t_.queue) {
                ++idle;
                continue;
            }
            queue.push_back(input.front());
            input.pop_front();
            --waiting_outside_;
            idle = 0;
            turn_ = (i + 1) % inputs_.size();
        }
    }

    Plan plan(const Access& access) const {
        const Bank& bank = banks_[bank_of(access.address)];
        const uint64_t delay = access.write ? t_.write_delay : t_.read_delay;
        uint64_t column = std::max({access.arrival, bank.column_from, groups_[bank_of(access.address) % t_.bank_groups],
                                    access.write ? write_allowed_ : read_allowed_});
        uint64_t activated = kNever;
        if (bank.row != row_of(access.address)) {
            activated = std::max(access.arrival, bank.precharge_from) + (bank.row == kNever ? 0 : t_.precharge);
            activated = std::max({activated, activations_.back() + t_.activate_to_activate, activations_.front() + t_.four_activates});
            column = std::max(column, activated + t_.activate);
        }
        return {activated, std::max(column + delay, bus_free_)};
    }

    // Reads first, unless many writes wait; and no direction keeps the bus from the other for ever.
    void turn_round() {
        const bool had_enough = run_ >= t_.run;
        const bool wanted = writing_ ? writes_.empty() || (had_enough && !reads_.empty())
                                     : reads_.empty() || (had_enough && writes_.size() >= t_.write_high);
        if (!wanted) return;
        writing_ = !writing_;
        run_ = 0;
    }

    void serve() {
        turn_round();
        auto& queue = writing_ ? writes_ : reads_;
        size_t chosen = 0;
        Plan best = plan(queue[0]);
        for (size_t i = 1; i < queue.size() && queue[0].passed_by < t_.patience; ++i) {
            const Plan other = plan(queue[i]);
            if (other.data < best.data) {
                best = other;
                chosen = i;
            }
        }
        if (best.data >= next_refresh_) {
            close_all();
            return;
        }
        for (size_t i = 0; i < chosen; ++i) ++queue[i].passed_by;
        ++run_;
        use(queue[chosen], best);
        queue.erase(queue.begin() + chosen);
    }

    void use(const Access& access, const Plan& plan) {
        const uint32_t number = bank_of(access.address);
        Bank& bank = banks_[number];
        if (plan.activated != kNever) {
            bank.row = row_of(access.address);
            bank.activated = plan.activated;
            bank.column_from = plan.activated + t_.activate;
            activations_.push_back(plan.activated);
            activations_.pop_front();
        }
        const uint64_t command = plan.data - (access.write ? t_.write_delay : t_.read_delay);
        const uint64_t end = plan.data + t_.transfer;
        bus_free_ = end;
        groups_[number % t_.bank_groups] = command + t_.group_transfer;
        bank.precharge_from = std::max({bank.precharge_from, bank.activated + t_.open_least,
                                        access.write ? end + t_.write_to_precharge : command + t_.read_to_precharge});
        if (access.write) read_allowed_ = end + t_.write_to_read;
        else write_allowed_ = command + t_.read_to_write;
        *access.done = end;
    }

    void close_all() {
        uint64_t start = next_refresh_;
        for (const Bank& bank : banks_)
            if (bank.row != kNever) start = std::max(start, bank.precharge_from + t_.precharge);
        for (Bank& bank : banks_) {
            bank.row = kNever;
            bank.precharge_from = std::max(bank.precharge_from, start + t_.refresh);
        }
        next_refresh_ += t_.refresh_period;
    }

    const DramTiming t_;
    std::vector<std::deque<Access>> inputs_;  // of each input its reads, then its writes
    size_t turn_ = 0, waiting_outside_ = 0;
    std::deque<Access> reads_, writes_;
    std::vector<Bank> banks_;
    std::vector<uint64_t> groups_;
    std::deque<uint64_t> activations_;  // the last four
    uint64_t bus_free_ = 0, read_allowed_ = 0, write_allowed_ = 0;
    uint64_t next_refresh_;
    bool writing_ = false;
    uint32_t run_ = 0;  // accesses since the bus was turned round
};

}  // namespace gatewright
