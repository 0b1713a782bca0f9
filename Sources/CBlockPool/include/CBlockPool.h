#pragma once
#include <stddef.h>

// Small blocks of memory, kept by the thread that frees them for the next ones of their size. A call makes nghttp2 take and give back nine; with
// a batch of calls at once that is more than the C library keeps at hand, and its slow path costs a twentieth of the server's time.
//
// What malloc(3) and its siblings are, with an argument that is not looked at: nghttp2 passes one. A block may be freed by any thread.
void *novitai_pool_malloc(size_t size, void *unused);
void novitai_pool_free(void *block, void *unused);
// A block of 4096 bytes takes no memory until it is written to, up to 65 536 of them.
void *novitai_pool_calloc(size_t count, size_t size, void *unused);
void *novitai_pool_realloc(void *block, size_t size, void *unused);

// Bytes that the calling thread keeps.
size_t novitai_pool_kept(void);
