// Tells ThreadSanitizer about what it does not see of Synchronization.Mutex of Swift for Linux: a lock that is free is taken and given back by
// code that is compiled into its user, but where two threads meet it is the library, which ThreadSanitizer has not been compiled into, and
// through it the kernel. Without this, what such a mutex guards looks unguarded from then on.
//
//   clang -shared -fPIC -o swift_mutex.so swift_mutex.c && LD_PRELOAD=./swift_mutex.so ...

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

// Not there in the programs that start the tests.
__attribute__((weak)) void __tsan_acquire(void *);
__attribute__((weak)) void __tsan_release(void *);

#define swiftcall __attribute__((swiftcall))
#define self __attribute__((swift_context))

// Synchronization._MutexHandle._lockSlow(_: UInt32), ._tryLockSlow() -> Bool and ._unlockSlow(). The handle is a word, which the code of its
// users changes too.
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

typedef swiftcall void lock_function(uint32_t owner, self void *handle);
typedef swiftcall bool try_lock_function(self void *handle);
typedef swiftcall void unlock_function(self void *handle);

swiftcall void novitai_lock(uint32_t owner, self void *handle) __asm__(LOCK);
swiftcall bool novitai_try_lock(self void *handle) __asm__(TRY_LOCK);
swiftcall void novitai_unlock(self void *handle) __asm__(UNLOCK);

static void *original(const char *name) {
    void *const found = dlsym(RTLD_NEXT, name);
    if (found == NULL) abort();
    return found;
}

swiftcall void novitai_lock(uint32_t owner, self void *handle) {
    ((lock_function *)original(LOCK))(owner, handle);
    if (__tsan_acquire) __tsan_acquire(handle);
}

swiftcall bool novitai_try_lock(self void *handle) {
    const bool taken = ((try_lock_function *)original(TRY_LOCK))(handle);
    if (taken && __tsan_acquire) __tsan_acquire(handle);
    return taken;
}

swiftcall void novitai_unlock(self void *handle) {
    if (__tsan_release) __tsan_release(handle);
    ((unlock_function *)original(UNLOCK))(handle);
}
