// What a process opens: files in the board's folder, its kernel's files, and devices, which are connections to its server.
//
// Only what a library call opens is seen there; a program that is linked statically sees the machine it runs on.
#include "board.hpp"
#include "paths.hpp"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using board::inode_of;
using board::LONGEST;
using board::seen;
using board::settings;

constexpr int MAX_FILES = 4096;

enum Kind : uint8_t { ORDINARY, MEMORY, ANSWERED };

// What a descriptor is, and of which inode: descriptors are reused behind our back, by dup2 or socket.
struct Open {
    Kind kind;
    ino_t inode;
} opened[MAX_FILES];

void note(int file, Kind kind) {
    if (file >= 0 && file < MAX_FILES) opened[file] = {kind, kind ? inode_of(file) : 0};
}

Kind kind_of(int file) {
    if (file < 0 || file >= MAX_FILES || !opened[file].kind) return ORDINARY;
    if (opened[file].inode != inode_of(file)) opened[file].kind = ORDINARY;
    return opened[file].kind;
}

int begin_connection(uint32_t op, const char* path, int flags) {
    board::Request hello = {};
    hello.op = op;
    hello.size = strnlen(path, board::MAX_DATA);
    memcpy(hello.data, path, hello.size);
    return board::connect_to_board(hello, (flags & O_CLOEXEC ? SOCK_CLOEXEC : 0) | (flags & O_NONBLOCK ? SOCK_NONBLOCK : 0));
}

int open_device(const char* kind, const char* path, int flags) {
    int made;
    if (*kind == 'm') {  // memory: whatever can be opened; what counts is how it is mapped
        made = syscall(SYS_openat, AT_FDCWD, "/dev/null", flags & ~(O_CREAT | O_TRUNC | O_EXCL));
        note(made, MEMORY);
    } else {
        uint32_t open;
        made = begin_connection(GATEWRIGHT_OP_INTERRUPT, path, flags & ~O_NONBLOCK);
        if (made >= 0 && recv(made, &open, sizeof open, 0) != sizeof open) board::fail("its process has ended");
        if (made >= 0 && flags & O_NONBLOCK) fcntl(made, F_SETFL, O_NONBLOCK);
        note(made, ORDINARY);
    }
    return made;
}

void refresh(const char* path) {
    if (!board::shared(path)) return;
    board::lock();
    board::ask(GATEWRIGHT_OP_REFRESH, 0, 0, path, strnlen(path, LONGEST - 1));
    board::unlock();
}

int open_at(int folder, const char* path, int flags, mode_t mode) {
    char place[LONGEST];
    const char* real = seen(path, place);
    if (real == path) {
        int file = syscall(SYS_openat, folder, path, flags, mode);
        note(file, ORDINARY);
        return file;
    }
    const char* device = board::device_at(path);
    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    if (settings.user && (writes || *device)) return errno = EACCES, -1;
    if (*device) return open_device(device, path, flags);
    if (writes && board::shared(path)) {
        if (board::of_the_kernel(path) && syscall(SYS_faccessat, AT_FDCWD, real, F_OK)) return -1;
        int made = begin_connection(GATEWRIGHT_OP_WRITE_FILE, path, flags);
        note(made, ANSWERED);
        return made;
    }
    refresh(path);
    int file = syscall(SYS_openat, AT_FDCWD, real, flags, mode);
    note(file, ORDINARY);
    return file;
}

mode_t mode_of(int flags, va_list rest) {
    return flags & (O_CREAT | __O_TMPFILE) ? static_cast<mode_t>(va_arg(rest, int)) : 0;
}

}  // namespace

extern "C" {

#define WITH_MODE(flags)            \
    va_list rest;                   \
    va_start(rest, flags);          \
    mode_t mode = mode_of(flags, rest); \
    va_end(rest)

int open(const char* path, int flags, ...) {
    WITH_MODE(flags);
    return open_at(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
    WITH_MODE(flags);
    return open_at(AT_FDCWD, path, flags, mode);
}
int openat(int folder, const char* path, int flags, ...) {
    WITH_MODE(flags);
    return open_at(folder, path, flags, mode);
}
int openat64(int folder, const char* path, int flags, ...) {
    WITH_MODE(flags);
    return open_at(folder, path, flags, mode);
}

FILE* fopen(const char* path, const char* mode) {
    char place[LONGEST];
    if (seen(path, place) == path) return reinterpret_cast<decltype(&fopen)>(board::next("fopen"))(path, mode);
    int flags = strchr(mode, '+') ? O_RDWR : *mode == 'r' ? O_RDONLY : O_WRONLY;
    if (*mode != 'r') flags |= O_CREAT | (*mode == 'a' ? O_APPEND : O_TRUNC);
    int file = open_at(AT_FDCWD, path, flags | (strchr(mode, 'e') ? O_CLOEXEC : 0), 0666);
    return file < 0 ? nullptr : fdopen(file, mode);
}
FILE* fopen64(const char* path, const char* mode) { return fopen(path, mode); }

// What a write to such a file has done, its sender learns from the answer, as from a driver in the kernel.
ssize_t write(int file, const void* data, size_t bytes) {
    ssize_t written = syscall(SYS_write, file, data, bytes);
    if (written <= 0 || kind_of(file) != ANSWERED) return written;
    int32_t error = 0;
    if (recv(file, &error, sizeof error, 0) != sizeof error) board::fail("its process has ended while it was programmed");
    return error ? (errno = error, -1) : written;
}

int close(int file) {
    note(file, ORDINARY);
    return syscall(SYS_close, file);
}

void* mmap(void* start, size_t bytes, int rights, int flags, int file, off_t offset) noexcept {
    if (!(flags & MAP_ANONYMOUS) && kind_of(file) == MEMORY) return board::map_physical(offset, bytes);
    return reinterpret_cast<void*>(syscall(SYS_mmap, start, bytes, rights, flags, file, offset));
}
void* mmap64(void* start, size_t bytes, int rights, int flags, int file, off_t offset) noexcept {
    return mmap(start, bytes, rights, flags, file, offset);
}
}
