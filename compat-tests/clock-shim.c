/*
 * Preloaded into a process, this moves the wall clock that it sees, and nothing else: by the nanoseconds that stand in the
 * file named by OTTLA_CLOCK_OFFSET, a signed 64-bit number in the machine's byte order. The file is mapped, so that what is
 * written into it is seen at once. The monotonic clocks stay as they are.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t SECOND = 1000000000;
static volatile int64_t none;
static volatile int64_t *offset = &none;

__attribute__((constructor)) static void map_offset(void) {
    const char *path = getenv("OTTLA_CLOCK_OFFSET");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return;
    }
    void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) {
        offset = mapped;
    }
    close(file);
}

static void move(struct timespec *at) {
    int64_t moved = (int64_t)at->tv_sec * SECOND + at->tv_nsec + *offset;
    at->tv_sec = moved / SECOND;
    at->tv_nsec = moved % SECOND;
    if (at->tv_nsec < 0) {
        at->tv_nsec += SECOND;
        at->tv_sec -= 1;
    }
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    /* not through dlsym: the loader itself may ask for the time */
    int failed = syscall(SYS_clock_gettime, clock, at) != 0;
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        move(at);
    }
    return failed ? -1 : 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) {
        return -1;
    }
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) {
        return (time_t)-1;
    }
    if (at != NULL) {
        *at = now.tv_sec;
    }
    return now.tv_sec;
}
