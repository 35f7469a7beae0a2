// libxrt_core.so as PYNQ 3.0.1 calls it by ctypes (its _3rdparty/xrt.py): buffers, and nothing that runs kernels.
//
// The module pyxrt, which later versions import, is a few lines of Python on the same functions.
#include "board.hpp"

#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr unsigned CACHEABLE = 1u << 24, NO_BUFFER = 0xFFFFFFFFu;
constexpr int REFUSED = -22;  // EINVAL

int device;  // its address is the handle

struct Properties {
    unsigned handle, flags;
    unsigned long long size, physical;
    unsigned domain;
};

struct Answer {
    int error;
    uint64_t address, value;
    char path[256];
};

Answer ask(uint32_t op, uint64_t address = 0, uint64_t value = 0, const void* data = nullptr, size_t size = 0) {
    board::lock();
    board::Reply& reply = board::ask(op, address, value, data, size);
    Answer answer = {reply.error, reply.address, reply.value, {}};
    memcpy(answer.path, reply.data, reply.size < sizeof answer.path ? reply.size : sizeof answer.path - 1);
    board::unlock();
    return answer;
}

bool open_handle(const void* handle) { return handle == &device; }

}  // namespace

extern "C" {

unsigned xclProbe() { return 1; }
unsigned xclVersion() { return 2; }

void* xclOpen(unsigned index, const char*, int) { return index ? nullptr : &device; }
void xclClose(void*) {}
int xclLockDevice(void* handle) { return open_handle(handle) ? 0 : REFUSED; }
int xclUnlockDevice(void* handle) { return open_handle(handle) ? 0 : REFUSED; }

// The device's description: PYNQ 3.0.1's xclDeviceInfo2 begins with a number and the name, and is not read further.
int xclGetDeviceInfo2(void* handle, void* info) {
    if (!open_handle(handle)) return REFUSED;
    strcpy(static_cast<char*>(info) + sizeof(unsigned), "edge");
    return 0;
}

int xclLoadXclBin(void* handle, const void* image) {
    if (!open_handle(handle) || memcmp(image, "xclbin2", 8)) return REFUSED;
    return 0;
}

unsigned xclAllocBO(void* handle, size_t size, int, unsigned flags) {
    if (!open_handle(handle)) return NO_BUFFER;
    Answer made = ask(GATEWRIGHT_OP_ALLOCATE, size, flags & CACHEABLE ? 1 : 0);
    return made.error ? NO_BUFFER : static_cast<unsigned>(made.value);
}

void xclFreeBO(void*, unsigned buffer) { ask(GATEWRIGHT_OP_FREE, buffer); }

int xclGetBOProperties(void* handle, unsigned buffer, Properties* properties) {
    Answer found = ask(GATEWRIGHT_OP_DESCRIBE, buffer);
    if (!open_handle(handle) || found.error) return REFUSED;
    *properties = {buffer, 0, found.value, found.address, 0};
    return 0;
}

// The file that holds what the CPU sees of the buffer, and where in it the buffer lies.
void* xclMapBO(void* handle, unsigned buffer, bool) {
    Properties properties;
    if (xclGetBOProperties(handle, buffer, &properties)) return nullptr;
    Answer found = ask(GATEWRIGHT_OP_MAP, buffer);
    if (found.error) return nullptr;
    long file = syscall(SYS_openat, AT_FDCWD, found.path, O_RDWR | O_CLOEXEC);
    if (file < 0) return nullptr;
    long made = syscall(SYS_mmap, nullptr, properties.size, PROT_READ | PROT_WRITE, MAP_SHARED, file, found.value);
    syscall(SYS_close, file);
    return made == -1 ? nullptr : reinterpret_cast<void*>(made);
}

unsigned xclSyncBO(void* handle, unsigned buffer, int from_device, size_t size, size_t offset) {
    if (!open_handle(handle)) return NO_BUFFER;
    uint64_t range[2] = {offset, size};
    Answer done = ask(GATEWRIGHT_OP_SYNC, buffer, from_device, range, sizeof range);
    return done.error ? static_cast<unsigned>(-done.error) : 0;
}
}
