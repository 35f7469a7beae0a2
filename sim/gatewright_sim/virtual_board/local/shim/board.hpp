// What the parts of the library share that lets an unmodified process see a board: LD_PRELOAD and libxrt_core.so in one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <sys/types.h>

namespace board {

constexpr size_t MAX_DATA = 4096;  // of one packet: words of a register access, or a path

// Environment of the process, read once when the library is loaded.
struct Settings {
    const char* socket = nullptr;  // of the board's server; none: the library does nothing
    const char* root = nullptr;    // folder with the board's own files
    const char* paths = nullptr;   // what is seen there, by colons
    const char* devices = nullptr; // which of it are devices: path=kind, by colons
    const char* machine = nullptr; // uname -m
    int user = 0;                  // effective user id that the process believes in
};
extern Settings settings;

// One packet to the server, and one back. `size` bytes of `data` go along.
struct Request {
    uint32_t op;
    uint32_t size;
    uint64_t address;
    uint64_t value;
    uint8_t data[MAX_DATA];
};
struct Reply {
    int32_t error;  // an errno, 0: done
    uint32_t size;
    uint64_t address;
    uint64_t value;
    uint8_t data[MAX_DATA];
};
constexpr size_t HEAD = 24;

// Of an open file; 0 where it is not open.
ino_t inode_of(int file);

// A new connection that begins with this packet, -1 with errno where there is none. Flags as of socket(2).
int connect_to_board(const Request& first, int flags);

// Ask the server on this process's own connection. Where the board has gone the process ends with a message.
Reply& ask(uint32_t op, uint64_t address = 0, uint64_t value = 0, const void* data = nullptr, size_t size = 0);

// Between the two, no other thread asks: the reply is in a place of its own.
void lock();
void unlock();

// One line to stderr, then exit code 2.
[[noreturn]] void fail(const char* what);

// The same for an access that a bus refuses, over which Linux ends the process: it ends by SIGBUS.
[[noreturn]] void bus_error(const char* what);

// Memory whose every access is a request. MAP_FAILED with errno where it cannot be.
void* map_physical(uint64_t physical, size_t bytes);

// Length of an access to memory in bytes by the instruction at `code`, 0 where it is none of those known.
int access_width(const uint8_t* code);

}  // namespace board
