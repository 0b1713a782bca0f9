#ifndef CPROTOBUFC_SHIM_H
#define CPROTOBUFC_SHIM_H

// Debian's libprotobuf-c: messages and their descriptors, unpack and pack.
#include <protobuf-c/protobuf-c.h>

#endif
