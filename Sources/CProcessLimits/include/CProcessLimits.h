#ifndef NOVITAI_PROCESS_LIMITS_H
#define NOVITAI_PROCESS_LIMITS_H

#include <stddef.h>

/// Lets the process open as many descriptors as the system allows it: the soft limit becomes the hard one (setrlimit(2)).
///
/// Returns how many that are; at most `LONG_MAX`, and -1 when the system does not say.
long novitai_raise_descriptor_limit(void);

/// On how many processors the calling thread may run (sched_getaffinity(2)); -1 when the system does not say.
int novitai_allowed_processor_count(void);

/// Has freed memory kept for the next allocation, up to so many bytes at the end of each of the allocator's heaps (mallopt(3)), of which each
/// busy thread has one.
///
/// By default glibc gives back whatever is beyond 128 KiB, and takes it again page by page: a message of 64 KB costs half its time that way.
/// Blocks of 8 MiB and more, which no message needs, are still mapped by themselves.
void novitai_keep_freed_memory(int bytes);

/// Bytes that the allocator has from the system, in all of its heaps and by themselves (mallinfo2(3)).
struct novitai_heap {
    /// What the program has of it.
    size_t used;
    /// What was freed and is kept for the next allocations, or cannot be given back for what lies behind it.
    size_t kept;
};
struct novitai_heap novitai_heap(void);

/// Keeps the process' memory, which holds secrets, from being written to a core file (setrlimit(2)) and from being read by other processes of its
/// user (prctl(2), PR_SET_DUMPABLE). Not undone by anything but a new program.
///
/// Returns 0, or -1 when the system refuses.
int novitai_forbid_memory_dumps(void);

#endif
