// Which paths a process sees in the board's folder, as its environment lists them.
#include "paths.hpp"

#include "board.hpp"

#include <cstdio>
#include <cstring>
#include <dlfcn.h>

namespace board {

namespace {

bool begins(const char* path, const char* prefix, size_t length) {
    return !strncmp(path, prefix, length) && (path[length] == '/' || !path[length]);
}

// What PYNQ keeps beside its own code: each board has its own, as each board has its own PYNQ.
const char* pynq_state(const char* path) {
    const char* found = strstr(path, "/pynq/pl_server/");
    const char* name = found ? found + strlen("/pynq/pl_server/") : "";
    return !strncmp(name, "global_pl_state", 15) || !strncmp(name, "_current_metadata", 17) ? name : nullptr;
}

}  // namespace

const char* seen(const char* path, char* place) {
    if (!settings.socket || !path || path[0] != '/') return path;
    if (const char* name = pynq_state(path)) {
        snprintf(place, LONGEST, "%s/pynq/%s", settings.root, name);
        return place;
    }
    for (const char* prefix = settings.paths; *prefix;) {
        size_t length = strcspn(prefix, ":");
        if (begins(path, prefix, length)) {
            snprintf(place, LONGEST, "%s%s", settings.root, path);
            return place;
        }
        prefix += length + (prefix[length] == ':');
    }
    return path;
}

const char* device_at(const char* path) {
    for (const char* entry = settings.devices; *entry;) {
        size_t length = strcspn(entry, "=");
        if (!strncmp(path, entry, length) && !path[length]) return entry + length + 1;
        entry += strcspn(entry, ":");
        entry += *entry == ':';
    }
    return "";
}

bool of_the_kernel(const char* path) { return begins(path, "/sys", 4) || begins(path, "/proc", 5); }

bool shared(const char* path) { return of_the_kernel(path) || begins(path, "/run", 4); }

void* next(const char* name) { return dlsym(RTLD_NEXT, name); }

}  // namespace board
