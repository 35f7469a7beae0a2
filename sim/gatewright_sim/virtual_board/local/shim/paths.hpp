// Which paths a process sees in the board's folder.
#pragma once

namespace board {

constexpr int LONGEST = 4096;

// The path in the board's folder, in `place` of LONGEST characters; the given one where the board has none of its own.
const char* seen(const char* path, char* place);

// The kind of the device at `path` ("memory" or "interrupt", and what follows in the list), empty where it is none.
const char* device_at(const char* path);

// The kernel's files, which no process makes.
bool of_the_kernel(const char* path);

// Those and what a PC sees of the board as well: what they say is asked for when they are opened, what is written is
// told at once. Others are as they were written.
bool shared(const char* path);

// The next function of this name that the process would have called.
void* next(const char* name);

}  // namespace board
