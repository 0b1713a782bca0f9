#pragma once

/// Takes out of the process' resident memory the pages of programs and libraries that are mapped from their files unchanged, and gives
/// free memory of the allocator back.
///
/// A start touches far more code than what follows it: dynamic linking, type metadata, argument and settings parsing, the opening of the
/// database. What is needed again comes back from the page cache, a page fault for each 64 KiB; what is not, the kernel may forget without
/// looking for who maps it. To be called once, when the program has begun to serve. Cannot fail in a way that matters.
void novitai_release_startup_pages(void);
