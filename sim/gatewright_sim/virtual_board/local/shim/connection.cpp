// The connection of a process to its board's server: packets over a Unix socket, one for each request.
#include "board.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

namespace board {

Settings settings;

namespace {

int connection = -1;
ino_t identity;  // of its socket: a process that closes all it has open, as daemons do, makes its number another file's
Reply reply;
volatile int taken = 0;

// A child has no connection yet: two processes would read each other's replies.
void forget() {
    if (connection >= 0 && inode_of(connection) == identity) syscall(SYS_close, connection);
    connection = -1;
    taken = 0;
}

pid_t board_process;

// Also sent when a thread of the board's process ends that has started this one.
void on_end_of_board(int) {
    if (getppid() != board_process) fail("its process has ended");
}

// The command that the board has started ends with it, even where it only waits; others find out when they ask.
void end_with_board(pid_t board) {
    if (getppid() != board) return;
    board_process = board;
    struct sigaction action = {};
    action.sa_handler = on_end_of_board;
    sigaction(SIGRTMAX - 1, &action, nullptr);
    prctl(PR_SET_PDEATHSIG, SIGRTMAX - 1);
    on_end_of_board(0);  // which may have happened before
}

__attribute__((constructor)) void start() {
    const char* board = getenv("GATEWRIGHT_BOARD_PROCESS");
    const char* user = getenv("GATEWRIGHT_BOARD_USER");
    settings.root = getenv("GATEWRIGHT_BOARD_ROOT");
    settings.paths = getenv("GATEWRIGHT_BOARD_PATHS");
    settings.devices = getenv("GATEWRIGHT_BOARD_DEVICES");
    settings.machine = getenv("GATEWRIGHT_BOARD_MACHINE");
    settings.user = user ? atoi(user) : 0;
    bool complete = settings.root && settings.paths && settings.devices && settings.machine;
    if (complete) settings.socket = getenv("GATEWRIGHT_BOARD_SOCKET");
    if (!settings.socket) return;
    pthread_atfork(nullptr, nullptr, forget);
    if (board) end_with_board(atoi(board));
}

}  // namespace

ino_t inode_of(int file) {
    struct stat found;
    return syscall(SYS_newfstatat, file, "", &found, AT_EMPTY_PATH) ? 0 : found.st_ino;
}

void lock() {
    while (__atomic_exchange_n(&taken, 1, __ATOMIC_ACQUIRE)) usleep(10);
}

void unlock() { __atomic_store_n(&taken, 0, __ATOMIC_RELEASE); }

namespace {

void say(const char* what) {
    char line[512];
    int length = snprintf(line, sizeof line, "gatewright: virtual board: %s\n", what);
    syscall(SYS_write, 2, line, length < int(sizeof line) ? length : int(sizeof line));
}

}  // namespace

void fail(const char* what) {
    static int failing;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);  // the end of the board's process is noticed in two ways
    if (__atomic_exchange_n(&failing, 1, __ATOMIC_ACQ_REL))
        for (;;) pause();
    say(what);
    _exit(2);
}

void bus_error(const char* what) {
    say(what);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGBUS);
    signal(SIGBUS, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &mask, nullptr);
    raise(SIGBUS);
    _exit(2);
}

// The folder is opened first, since a socket's address has no room for a long path.
int connect_to_board(const Request& first, int flags) {
    const char* name = settings.socket ? strrchr(settings.socket, '/') : nullptr;
    if (!name) return errno = ENXIO, -1;
    char folder_name[4096];
    snprintf(folder_name, sizeof folder_name, "%.*s", int(name - settings.socket), settings.socket);
    int folder = syscall(SYS_openat, AT_FDCWD, folder_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int made = socket(AF_UNIX, SOCK_SEQPACKET | flags, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d%s", folder, name);
    bool done = folder >= 0 && made >= 0 && !connect(made, reinterpret_cast<sockaddr*>(&address), sizeof address) &&
                send(made, &first, HEAD + first.size, MSG_NOSIGNAL) >= 0;
    if (folder >= 0) syscall(SYS_close, folder);
    if (done) return made;
    if (made >= 0) syscall(SYS_close, made);
    return errno = ENXIO, -1;
}

Reply& ask(uint32_t op, uint64_t address, uint64_t value, const void* data, size_t size) {
    Request request;
    request.op = op;
    request.size = size;
    request.address = address;
    request.value = value;
    if (size) memcpy(request.data, data, size);
    if (connection < 0 || inode_of(connection) != identity) {
        Request hello = {};
        hello.op = GATEWRIGHT_OP_PROCESS;
        hello.value = getpid();
        connection = connect_to_board(hello, SOCK_CLOEXEC);
        if (connection < 0) fail("its process has ended");
        identity = inode_of(connection);
    }
    if (send(connection, &request, HEAD + size, MSG_NOSIGNAL) < 0) fail("its process has ended");
    ssize_t got;
    do got = recv(connection, &reply, sizeof reply, 0);
    while (got < 0 && errno == EINTR);
    if (got < ssize_t(HEAD)) fail("its process has ended in the middle of an access");
    return reply;
}

}  // namespace board
