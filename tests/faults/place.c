/* File operations that fail on order: preloaded into a process, it counts those below one folder, and the k-th fails.
 *
 * What to do stands in a file that every process of a run maps (see `place.py`, which has the same fields).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, OPEN = 2, READ = 4, WRITE = 8, ARRANGE = 16, REMOVE = 32 };

struct order {
    long k, count, failed;
    int error, lasting, kinds, removals;
    char under[512], operation[32], path[1024];
};

static struct order *order;

__attribute__((constructor)) static void map_order(void) {
    const char *name = getenv("FAULTS_ORDER");
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int file = name ? real(name, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof(struct order), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) order = mapped;
    close(file);
}

static int fails(int kind, const char *operation, const char *path) {
    if (!order || !order->under[0] || strncmp(path, order->under, strlen(order->under))) return 0;
    if (!(order->kinds & kind)) return 0;
    long n = __sync_add_and_fetch(&order->count, 1);
    if (order->k <= 0 || n < order->k || (n > order->k && !order->lasting)) return 0;
    if (__sync_add_and_fetch(&order->failed, 1) == 1) {
        snprintf(order->operation, sizeof order->operation, "%s", operation);
        snprintf(order->path, sizeof order->path, "%s", path);
    }
    struct stat state;  /* nothing can be removed from a folder that does not open */
    int folder = kind == OPEN && !stat(path, &state) && S_ISDIR(state.st_mode);
    if (kind == REMOVE || folder) __sync_add_and_fetch(&order->removals, 1);
    errno = order->error;
    return 1;
}

static void named(int folder, const char *path, char *out, size_t size) {
    char link[64], base[512] = "";
    if (path && path[0] == '/') {
        snprintf(out, size, "%s", path);
        return;
    }
    if (folder == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t n = readlink(link, base, sizeof base - 1);
    base[n > 0 ? n : 0] = 0;
    if (path && path[0]) snprintf(out, size, "%s/%s", base, path);
    else snprintf(out, size, "%s", base);
}

static int at(int kind, const char *operation, int folder, const char *path) {
    char whole[1024];
    if (!order) return 0;
    named(folder, path, whole, sizeof whole);
    return fails(kind, operation, whole);
}

static int on(int kind, const char *operation, int file) {
    int kept = errno, hit = at(kind, operation, file, NULL);
    if (!hit) errno = kept;
    return hit;
}

#define REAL(name) ({ static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name); real; })
#define OPENED(flags) ((flags) & (O_CREAT | O_WRONLY | O_RDWR) ? CREATE : OPEN)
#define MODE(flags) ({ mode_t mode = 0; if ((flags) & O_CREAT) { va_list more; va_start(more, flags); \
    mode = va_arg(more, mode_t); va_end(more); } mode; })

int open(const char *path, int flags, ...) {
    mode_t mode = MODE(flags);
    return at(OPENED(flags), "open", AT_FDCWD, path) ? -1 : REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    mode_t mode = MODE(flags);
    return at(OPENED(flags), "open", AT_FDCWD, path) ? -1 : REAL(open64)(path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
    mode_t mode = MODE(flags);
    return at(OPENED(flags), "open", folder, path) ? -1 : REAL(openat)(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
    mode_t mode = MODE(flags);
    return at(OPENED(flags), "open", folder, path) ? -1 : REAL(openat64)(folder, path, flags, mode);
}

ssize_t read(int file, void *data, size_t size) {
    return on(READ, "read", file) ? -1 : REAL(read)(file, data, size);
}
ssize_t pread64(int file, void *data, size_t size, off64_t where) {
    return on(READ, "read", file) ? -1 : REAL(pread64)(file, data, size, where);
}

/* A disk that fills up takes the first part. */
ssize_t write(int file, const void *data, size_t size) {
    if (!on(WRITE, "write", file)) return REAL(write)(file, data, size);
    if (REAL(write)(file, data, size / 2) < 0) return -1;
    errno = order->error;
    return -1;
}
ssize_t pwrite64(int file, const void *data, size_t size, off64_t where) {
    return on(WRITE, "write", file) ? -1 : REAL(pwrite64)(file, data, size, where);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
    return on(WRITE, "write", file) ? -1 : REAL(writev)(file, parts, count);
}
ssize_t sendfile64(int target, int source, off64_t *where, size_t size) {
    return on(WRITE, "sendfile", target) ? -1 : REAL(sendfile64)(target, source, where, size);
}
ssize_t sendfile(int target, int source, off_t *where, size_t size) {
    return on(WRITE, "sendfile", target) ? -1 : REAL(sendfile)(target, source, where, size);
}
ssize_t copy_file_range(int source, off64_t *from, int target, off64_t *to, size_t size, unsigned flags) {
    return on(WRITE, "copy_file_range", target) ? -1 : REAL(copy_file_range)(source, from, target, to, size, flags);
}
int ftruncate64(int file, off64_t size) { return on(WRITE, "truncate", file) ? -1 : REAL(ftruncate64)(file, size); }
int ftruncate(int file, off_t size) { return on(WRITE, "truncate", file) ? -1 : REAL(ftruncate)(file, size); }
int fsync(int file) { return on(WRITE, "fsync", file) ? -1 : REAL(fsync)(file); }
int fdatasync(int file) { return on(WRITE, "fsync", file) ? -1 : REAL(fdatasync)(file); }

/* What was written may fail as late as here; the descriptor is gone all the same. */
int close(int file) {
    if (!order) return REAL(close)(file);
    int flags = fcntl(file, F_GETFL);
    int hit = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && on(WRITE, "close", file);
    int kept = errno, answer = REAL(close)(file);
    if (!hit) return answer;
    errno = kept;
    return -1;
}

int mkdir(const char *path, mode_t mode) {
    return at(ARRANGE, "mkdir", AT_FDCWD, path) ? -1 : REAL(mkdir)(path, mode);
}
int rename(const char *from, const char *to) {
    return at(ARRANGE, "rename", AT_FDCWD, to) ? -1 : REAL(rename)(from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
    return at(ARRANGE, "rename", b, to) ? -1 : REAL(renameat)(a, from, b, to);
}
int link(const char *from, const char *to) {
    return at(ARRANGE, "link", AT_FDCWD, to) ? -1 : REAL(link)(from, to);
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
    return at(ARRANGE, "link", b, to) ? -1 : REAL(linkat)(a, from, b, to, flags);
}
int unlink(const char *path) { return at(REMOVE, "unlink", AT_FDCWD, path) ? -1 : REAL(unlink)(path); }
int unlinkat(int folder, const char *path, int flags) {
    return at(REMOVE, "unlink", folder, path) ? -1 : REAL(unlinkat)(folder, path, flags);
}
int rmdir(const char *path) { return at(REMOVE, "rmdir", AT_FDCWD, path) ? -1 : REAL(rmdir)(path); }
