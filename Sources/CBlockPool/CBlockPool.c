#include "CBlockPool.h"

#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KEEPS_NOTHING
#endif
#endif

#ifdef KEEPS_NOTHING

// The sanitizers are to see each block's end.
void *novitai_pool_malloc(size_t size, void *unused) {
    (void)unused;
    return malloc(size);
}

void novitai_pool_free(void *block, void *unused) {
    (void)unused;
    free(block);
}

size_t novitai_pool_kept(void) { return 0; }

#else

enum {
    // Bytes of the largest blocks that are kept: larger ones are few.
    size_max = 512,
    class_count = size_max / 16 + 1,
    // Bytes of each class that a thread keeps at most: what a thousand calls at once take.
    kept_max = 32 << 10,
};

// What stands in a block that is kept.
struct block {
    struct block *next;
};

// The blocks that a thread keeps, by their class.
struct pool {
    struct block *first[class_count];
    unsigned count[class_count];
    bool is_registered;
};

static _Thread_local struct pool pool;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

// glibc's blocks have 16 n + 8 bytes of use. Class n has those with at least as many, for requests of at most as many.
static size_t class_for(size_t size) { return size <= 24 ? 1 : (size + 7) / 16; }
static size_t class_of(size_t usable) { return usable < 24 ? 0 : (usable - 8) / 16; }

static void empty(void *ending) {
    struct pool *const its = ending;
    its->is_registered = false;
    for (size_t class = 0; class < class_count; class++) {
        while (its->first[class] != NULL) {
            struct block *const block = its->first[class];
            its->first[class] = block->next;
            free(block);
        }
        its->count[class] = 0;
    }
}

static void make_key(void) { pthread_key_create(&key, empty); }

// Has the thread give back its blocks when it ends.
static bool is_registered(void) {
    if (pool.is_registered) return true;
    pthread_once(&once, make_key);
    pool.is_registered = pthread_setspecific(key, &pool) == 0;
    return pool.is_registered;
}

void *novitai_pool_malloc(size_t size, void *unused) {
    (void)unused;
    if (size > size_max) return malloc(size);
    const size_t class = class_for(size);
    struct block *const block = pool.first[class];
    if (block == NULL) return malloc(size);
    pool.first[class] = block->next;
    pool.count[class]--;
    return block;
}

void novitai_pool_free(void *pointer, void *unused) {
    (void)unused;
    if (pointer == NULL) return;
    const size_t class = class_of(malloc_usable_size(pointer));
    if (class == 0 || class >= class_count || pool.count[class] >= kept_max / (16 * class + 8) || !is_registered()) return free(pointer);
    // Freed twice in a row: as with free(3), nobody is to get it twice.
    if (pool.first[class] == pointer) abort();
    struct block *const block = pointer;
    block->next = pool.first[class];
    pool.first[class] = block;
    pool.count[class]++;
}

size_t novitai_pool_kept(void) {
    size_t bytes = 0;
    for (size_t class = 0; class < class_count; class++) bytes += pool.count[class] * (16 * class + 8);
    return bytes;
}

#endif

void *novitai_pool_calloc(size_t count, size_t size, void *unused) {
    if (size != 0 && count > SIZE_MAX / size) return NULL;
    void *const block = novitai_pool_malloc(count * size, unused);
    return block == NULL ? NULL : memset(block, 0, count * size);
}

void *novitai_pool_realloc(void *block, size_t size, void *unused) {
    (void)unused;
    return realloc(block, size);
}
