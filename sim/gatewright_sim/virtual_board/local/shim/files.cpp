// Calls that name a file: each sees it where the board has it.
#include "board.hpp"
#include "paths.hpp"

#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using board::LONGEST;
using board::seen;
using board::settings;

}  // namespace

extern "C" {

DIR* opendir(const char* path) {
    char place[LONGEST];
    return reinterpret_cast<decltype(&opendir)>(board::next("opendir"))(seen(path, place));
}

int fstatat(int folder, const char* path, struct stat* found, int flags) noexcept {
    char place[LONGEST];
    return syscall(SYS_newfstatat, folder, seen(path, place), found, flags);
}
int stat(const char* path, struct stat* found) noexcept { return fstatat(AT_FDCWD, path, found, 0); }
int lstat(const char* path, struct stat* found) noexcept { return fstatat(AT_FDCWD, path, found, AT_SYMLINK_NOFOLLOW); }

// On x86-64, the 64 bit names and those of older C libraries are the same calls.
int fstatat64(int folder, const char* path, struct stat64* found, int flags) noexcept {
    return fstatat(folder, path, reinterpret_cast<struct stat*>(found), flags);
}
int stat64(const char* path, struct stat64* found) noexcept { return fstatat64(AT_FDCWD, path, found, 0); }
int lstat64(const char* path, struct stat64* found) noexcept {
    return fstatat64(AT_FDCWD, path, found, AT_SYMLINK_NOFOLLOW);
}
int __xstat(int, const char* path, struct stat* found) { return fstatat(AT_FDCWD, path, found, 0); }
int __lxstat(int, const char* path, struct stat* found) { return fstatat(AT_FDCWD, path, found, AT_SYMLINK_NOFOLLOW); }
int __xstat64(int, const char* path, struct stat64* found) { return fstatat64(AT_FDCWD, path, found, 0); }
int __lxstat64(int, const char* path, struct stat64* found) {
    return fstatat64(AT_FDCWD, path, found, AT_SYMLINK_NOFOLLOW);
}
int statx(int folder, const char* path, int flags, unsigned mask, struct statx* found) noexcept {
    char place[LONGEST];
    return syscall(SYS_statx, folder, seen(path, place), flags, mask, found);
}

int faccessat(int folder, const char* path, int wanted, int) noexcept {
    char place[LONGEST];
    const char* real = seen(path, place);
    if (settings.user && real != path && wanted & W_OK) return errno = EACCES, -1;
    return syscall(SYS_faccessat, folder, real, wanted);
}
int access(const char* path, int wanted) noexcept { return faccessat(AT_FDCWD, path, wanted, 0); }
int eaccess(const char* path, int wanted) noexcept { return faccessat(AT_FDCWD, path, wanted, 0); }

ssize_t readlinkat(int folder, const char* path, char* text, size_t size) noexcept {
    char place[LONGEST];
    return syscall(SYS_readlinkat, folder, seen(path, place), text, size);
}
ssize_t readlink(const char* path, char* text, size_t size) noexcept { return readlinkat(AT_FDCWD, path, text, size); }

int unlinkat(int folder, const char* path, int flags) noexcept {
    char place[LONGEST];
    const char* real = seen(path, place);
    if (settings.user && real != path) return errno = EACCES, -1;
    return syscall(SYS_unlinkat, folder, real, flags);
}
int unlink(const char* path) noexcept { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char* path) noexcept { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
    char places[2][LONGEST];
    const char *source = seen(from, places[0]), *target = seen(to, places[1]);
    if (settings.user && (source != from || target != to)) return errno = EACCES, -1;
    return syscall(SYS_renameat, from_folder, source, to_folder, target);
}
int rename(const char* from, const char* to) noexcept { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int fchmodat(int folder, const char* path, mode_t mode, int) noexcept {
    char place[LONGEST];
    const char* real = seen(path, place);
    if (settings.user && real != path) return errno = EPERM, -1;
    return syscall(SYS_fchmodat, folder, real, mode);
}
int chmod(const char* path, mode_t mode) noexcept { return fchmodat(AT_FDCWD, path, mode, 0); }

int utimensat(int folder, const char* path, const struct timespec times[2], int flags) noexcept {
    char place[LONGEST];
    const char* real = seen(path, place);
    if (settings.user && real != path) return errno = EACCES, -1;
    return syscall(SYS_utimensat, folder, real, times, flags);
}

int mkdirat(int folder, const char* path, mode_t mode) noexcept {
    char place[LONGEST];
    const char* real = seen(path, place);
    if (settings.user && real != path) return errno = EACCES, -1;
    return syscall(SYS_mkdirat, folder, real, mode);
}
int mkdir(const char* path, mode_t mode) noexcept { return mkdirat(AT_FDCWD, path, mode); }
}
