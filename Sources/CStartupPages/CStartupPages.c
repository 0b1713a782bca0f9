#define _GNU_SOURCE
#include "CStartupPages.h"

#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int release_object(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size;
    (void)unused;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        // A writable segment may have changed pages, relocated ones among them, which would be lost.
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0) continue;
        const uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        const uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_filesz;
        // The kernel's own object refuses, which is as well.
        (void)madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void novitai_release_startup_pages(void) {
    dl_iterate_phdr(release_object, NULL);
    malloc_trim(0);
}
