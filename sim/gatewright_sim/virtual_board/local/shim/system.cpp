// What a process asks the system about itself: the board's processor, and who it runs as.
#include "board.hpp"

#include <cstring>
#include <dlfcn.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

using board::settings;

extern "C" {

int uname(struct utsname* name) noexcept {
    int result = syscall(SYS_uname, name);
    if (!result && settings.socket) strncpy(name->machine, settings.machine, sizeof name->machine - 1);
    return result;
}

uid_t geteuid() noexcept { return settings.socket ? settings.user : syscall(SYS_geteuid); }
uid_t getuid() noexcept { return settings.socket ? settings.user : syscall(SYS_getuid); }
}
