// Counts the allocations of a program that it is preloaded into: `Benchmarks/run allocations`.
//
// The counters are in the file that ALLOCATIONS_FILE names, which its reader maps or reads at any time: 8 bytes of calls that
// gave memory (malloc, calloc, realloc and the aligned ones), then 8 bytes of the bytes that they asked for.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// The allocator's own names for its functions, so that none has to be looked up, which allocates.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

struct counters {
    _Atomic uint64_t calls;
    _Atomic uint64_t bytes;
};

static struct counters unseen;
static struct counters *counters = &unseen;

__attribute__((constructor)) static void open_counters(void) {
    const char *path = getenv("ALLOCATIONS_FILE");
    if (path == NULL) return;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof(struct counters)) != 0) abort();
    void *pages = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (pages == MAP_FAILED) abort();
    close(file);
    counters = pages;
}

static void count(size_t bytes) {
    atomic_fetch_add_explicit(&counters->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->bytes, bytes, memory_order_relaxed);
}

void *malloc(size_t size) {
    count(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count(number * size);
    return __libc_calloc(number, size);
}

void *realloc(void *pointer, size_t size) {
    count(size);
    return __libc_realloc(pointer, size);
}

void *memalign(size_t alignment, size_t size) {
    count(size);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
    void *pointer = memalign(alignment, size);
    if (pointer == NULL) return ENOMEM;
    *result = pointer;
    return 0;
}
