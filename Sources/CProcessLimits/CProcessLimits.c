#define _GNU_SOURCE
#include "CProcessLimits.h"

#include <limits.h>
#include <malloc.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

long novitai_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    // Refused where the hard limit is beyond what the kernel gives any process.
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
    return limit.rlim_cur > (rlim_t)LONG_MAX ? LONG_MAX : (long)limit.rlim_cur;
}

int novitai_allowed_processor_count(void) {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : -1;
}

void novitai_keep_freed_memory(int bytes) {
    // Set together: a fixed threshold for trimming ends the one for mapping from growing by itself.
    mallopt(M_TRIM_THRESHOLD, bytes);
    mallopt(M_MMAP_THRESHOLD, 8 << 20);
}

struct novitai_heap novitai_heap(void) {
    const struct mallinfo2 info = mallinfo2();
    const struct novitai_heap heap = {info.uordblks + info.hblkhd, info.fordblks};
    return heap;
}

int novitai_forbid_memory_dumps(void) {
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0) return -1;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : -1;
}
