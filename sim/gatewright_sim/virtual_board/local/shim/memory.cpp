// Physical memory that a process maps: pages without rights, whose every access becomes a request to the board.
//
// The access faults. The handler asks the board for the words to be read, opens the page, and lets the one instruction run
// with the trap flag set; after it, what the instruction wrote is sent, and the page is closed again. So the instruction is
// the process's own, at its own width. One access runs at a time in a process, as Python's interpreter lock has it anyway.
#include "board.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

namespace board {

namespace {

constexpr uintptr_t PAGE = 4096;
constexpr long long TRAP_FLAG = 0x100, WRITE_FAULT = 2;
constexpr int MAX_WINDOWS = 256;

struct Window {
    uintptr_t start;
    size_t bytes;
    uint64_t physical;
};
Window windows[MAX_WINDOWS];

struct Step {
    bool running;
    bool writes;
    uintptr_t at;
    int width;
    uint64_t physical;
    sigset_t mask;
} step;

struct sigaction others[NSIG];  // what the process has asked for, for faults that are not ours
bool watching = false;

const Window* window_of(uintptr_t at) {
    for (const Window& window : windows)
        if (window.bytes && at - window.start < window.bytes) return &window;
    return nullptr;
}

void protect(int rights) {
    uintptr_t from = step.at & ~(PAGE - 1), to = (step.at + step.width + PAGE - 1) & ~(PAGE - 1);
    syscall(SYS_mprotect, from, to - from, rights);
}

void pass_on(int signal, siginfo_t* info, void* context) {
    const struct sigaction& other = others[signal];
    if (other.sa_flags & SA_SIGINFO) return other.sa_sigaction(signal, info, context);
    if (other.sa_handler != SIG_DFL && other.sa_handler != SIG_IGN) return other.sa_handler(signal);
    struct sigaction none = {};
    none.sa_handler = SIG_DFL;
    auto real = reinterpret_cast<decltype(&sigaction)>(dlsym(RTLD_NEXT, "sigaction"));
    real(signal, &none, nullptr);  // and the instruction faults once more
}

[[noreturn]] void refuse(const ucontext_t* context, const char* why) {
    const auto* code = reinterpret_cast<const uint8_t*>(context->uc_mcontext.gregs[REG_RIP]);
    char line[256];
    snprintf(line, sizeof line, "access to device memory at %#llx %s (instruction %02x %02x %02x %02x %02x %02x)",
             static_cast<unsigned long long>(step.physical), why, code[0], code[1], code[2], code[3], code[4], code[5]);
    bus_error(line);
}

void on_fault(int signal, siginfo_t* info, void* raw) {
    auto* context = static_cast<ucontext_t*>(raw);
    auto at = reinterpret_cast<uintptr_t>(info->si_addr);
    const Window* window = window_of(at);
    if (!window) return pass_on(signal, info, raw);
    lock();
    step.at = at;
    step.physical = window->physical + (at - window->start);
    step.writes = context->uc_mcontext.gregs[REG_ERR] & WRITE_FAULT;
    step.width = access_width(reinterpret_cast<const uint8_t*>(context->uc_mcontext.gregs[REG_RIP]));
    if (!step.width) refuse(context, "by an instruction of unknown width");
    if (at % (step.width < 4 ? step.width : 4)) refuse(context, "is not aligned, which an ARM core refuses, too");
    if (at + step.width > window->start + window->bytes) refuse(context, "goes beyond what is mapped");
    uint8_t words[64];
    if (!step.writes) {
        Reply& reply = ask(GATEWRIGHT_OP_READ, step.physical, step.width);
        if (reply.error) bus_error(reinterpret_cast<const char*>(reply.data));
        memcpy(words, reply.data, step.width);
    }
    protect(PROT_READ | PROT_WRITE);
    if (!step.writes) memcpy(reinterpret_cast<void*>(at), words, step.width);
    step.running = true;
    step.mask = context->uc_sigmask;
    sigfillset(&context->uc_sigmask);  // nothing comes between the instruction and its trap
    sigdelset(&context->uc_sigmask, SIGTRAP);
    context->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

void on_trap(int signal, siginfo_t* info, void* raw) {
    if (!step.running) return pass_on(signal, info, raw);
    auto* context = static_cast<ucontext_t*>(raw);
    if (step.writes) {
        Reply& reply = ask(GATEWRIGHT_OP_WRITE, step.physical, 0, reinterpret_cast<void*>(step.at), step.width);
        if (reply.error) bus_error(reinterpret_cast<const char*>(reply.data));
    }
    protect(PROT_NONE);
    context->uc_sigmask = step.mask;
    context->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
    step.running = false;
    unlock();
}

void watch() {
    auto real = reinterpret_cast<decltype(&sigaction)>(dlsym(RTLD_NEXT, "sigaction"));
    struct sigaction ours = {};
    ours.sa_flags = SA_SIGINFO | SA_RESTART;
    sigfillset(&ours.sa_mask);
    sigdelset(&ours.sa_mask, SIGSEGV);
    ours.sa_sigaction = on_fault;
    real(SIGSEGV, &ours, &others[SIGSEGV]);
    ours.sa_sigaction = on_trap;
    real(SIGTRAP, &ours, &others[SIGTRAP]);
    watching = true;
}

}  // namespace

void* map_physical(uint64_t physical, size_t bytes) {
    if (!watching) watch();
    long made = syscall(SYS_mmap, nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made < 0) return MAP_FAILED;
    for (Window& window : windows) {
        if (window.bytes) continue;
        window = {static_cast<uintptr_t>(made), bytes, physical};
        return reinterpret_cast<void*>(made);
    }
    syscall(SYS_munmap, made, bytes);
    errno = ENOMEM;
    return MAP_FAILED;
}

}  // namespace board

extern "C" {

int munmap(void* start, size_t bytes) noexcept {
    for (board::Window& window : board::windows)
        if (window.bytes && window.start == reinterpret_cast<uintptr_t>(start)) window.bytes = 0;
    return syscall(SYS_munmap, start, bytes);
}

// Whoever watches faults, such as Python's faulthandler, gets those that are not ours.
int sigaction(int signal, const struct sigaction* wanted, struct sigaction* before) noexcept {
    if (board::watching && (signal == SIGSEGV || signal == SIGTRAP)) {
        if (before) *before = board::others[signal];
        if (wanted) board::others[signal] = *wanted;
        return 0;
    }
    return reinterpret_cast<decltype(&sigaction)>(dlsym(RTLD_NEXT, "sigaction"))(signal, wanted, before);
}

sighandler_t signal(int number, sighandler_t handler) noexcept {
    struct sigaction wanted = {}, before = {};
    wanted.sa_handler = handler;
    wanted.sa_flags = SA_RESTART;
    return sigaction(number, &wanted, &before) ? SIG_ERR : before.sa_handler;
}
}
