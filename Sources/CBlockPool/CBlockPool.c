#include "CBlockPool.h"

#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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

void *novitai_pool_calloc(size_t count, size_t size, void *unused) {
    (void)unused;
    return calloc(count, size);
}

void *novitai_pool_realloc(void *block, size_t size, void *unused) {
    (void)unused;
    return realloc(block, size);
}

size_t novitai_pool_kept(void) { return 0; }

#else

enum {
    // Bytes of a page and of the table in which a session has its streams: most of the connections that wait have none, and never write to it.
    // From malloc(3) it would lie across two pages of which its neighbours use the rest.
    table_size = 4096,
    // Tables that are there, each of them address space until it is written to: more than there are connections at a time. Further ones come from
    // malloc.
    table_count = 1 << 16,
};

// The tables: those from `unused` on were never given out, and the numbers of those that came back are in `returned`.
static struct {
    pthread_mutex_t lock;
    char *_Atomic first;
    uint32_t *returned;
    uint32_t returned_count;
    uint32_t unused;
} tables = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *reserve(size_t size) {
    void *const memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void reserve_tables(void) {
    tables.returned = reserve(table_count * sizeof *tables.returned);
    if (tables.returned != NULL) tables.first = reserve((size_t)table_count * table_size);
    if (tables.first == NULL) tables.unused = table_count;
    // A huge page would come with the first byte of any of its 512 tables.
    else madvise(tables.first, (size_t)table_count * table_size, MADV_NOHUGEPAGE);
}

// NULL when there is none left.
static void *take_table(void) {
    void *table = NULL;
    pthread_mutex_lock(&tables.lock);
    if (tables.first == NULL && tables.unused == 0) reserve_tables();
    if (tables.returned_count > 0) {
        table = tables.first + (size_t)tables.returned[--tables.returned_count] * table_size;
    } else if (tables.unused < table_count) {
        table = tables.first + (size_t)tables.unused++ * table_size;
    }
    pthread_mutex_unlock(&tables.lock);
    return table;
}

// Whoever has a table has seen the address of the first one, which never changes after.
static bool is_table(const void *block) {
    const uintptr_t first = (uintptr_t)tables.first;
    return first != 0 && (uintptr_t)block - first < (uintptr_t)table_count * table_size;
}

static void return_table(void *table) {
    // What is read from it next is zero (madvise(2)). Memory that was locked stays.
    if (madvise(table, table_size, MADV_DONTNEED) != 0) memset(table, 0, table_size);
    const uint32_t number = (uint32_t)(((char *)table - tables.first) / table_size);
    pthread_mutex_lock(&tables.lock);
    // Freed twice in a row, as below.
    if (tables.returned_count > 0 && tables.returned[tables.returned_count - 1] == number) abort();
    tables.returned[tables.returned_count++] = number;
    pthread_mutex_unlock(&tables.lock);
}

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
    if (is_table(pointer)) return return_table(pointer);
    const size_t class = class_of(malloc_usable_size(pointer));
    if (class == 0 || class >= class_count || pool.count[class] >= kept_max / (16 * class + 8) || !is_registered()) return free(pointer);
    // Freed twice in a row: as with free(3), nobody is to get it twice.
    if (pool.first[class] == pointer) abort();
    struct block *const block = pointer;
    block->next = pool.first[class];
    pool.first[class] = block;
    pool.count[class]++;
}

void *novitai_pool_calloc(size_t count, size_t size, void *unused) {
    if (size != 0 && count > SIZE_MAX / size) return NULL;
    if (count * size == table_size) {
        void *const table = take_table();
        if (table != NULL) return table;
    }
    void *const block = novitai_pool_malloc(count * size, unused);
    return block == NULL ? NULL : memset(block, 0, count * size);
}

void *novitai_pool_realloc(void *block, size_t size, void *unused) {
    if (!is_table(block)) return realloc(block, size);
    void *const moved = novitai_pool_malloc(size, unused);
    if (moved == NULL) return NULL;
    memcpy(moved, block, size < table_size ? size : table_size);
    return_table(block);
    return moved;
}

size_t novitai_pool_kept(void) {
    size_t bytes = 0;
    for (size_t class = 0; class < class_count; class++) bytes += pool.count[class] * (16 * class + 8);
    return bytes;
}

#endif
