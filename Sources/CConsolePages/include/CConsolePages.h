#pragma once

#include <stddef.h>

// The files of the web console, put into the program by the compiler: a deployed sidecar is one file.
struct ConsolePage {
    const char *name;
    const unsigned char *bytes;
    size_t size;
};

size_t ConsolePages_count(void);
const struct ConsolePage *ConsolePages_at(size_t index);
