#pragma once

#include <stddef.h>

// Sockets that outlive the process which listens on them. Every function returns a negative errno when it fails; descriptors that are made
// here are closed on exec.

/// Listens on the first address of a host, with SO_REUSEADDR.
int novitai_listen_tcp(const char *host, const char *port, int backlog);

/// Listens on a socket file, which is made anew; `mode` are its permissions.
int novitai_listen_unix(const char *path, int mode, int backlog);

/// 1 for a socket that listens, and is now closed on exec; 0 for any other descriptor.
int novitai_adopt_listener(int descriptor);

/// 1: reachable from this machine only.
int novitai_is_local(int listener);

/// 1: listens on an address of that host; every address of IPv6 is every address of IPv4 too.
int novitai_is_on(int listener, const char *host);

/// 1: the socket's file is that one, and lets in nobody whom a file of that mode would not.
int novitai_is_at(int listener, const char *path, int mode);

/// 0, or an error number, negative.
int novitai_set_mode(const char *path, int mode);

/// The port; 0 for a socket file.
int novitai_port_of(int listener);

int novitai_duplicate(int descriptor);

/// Connects to a socket file; the connection's calls, this one too, wait for `timeout` milliseconds at most.
int novitai_connect_unix(const char *path, int timeout);

/// The next connection of a listener, whose calls then wait for `timeout` milliseconds at most.
int novitai_accept(int listener, int timeout);

/// Sends one byte, a short text, and a descriptor with them unless that is negative. 0 when all is sent.
int novitai_send(int connection, int byte, int descriptor, const char *text);

/// Receives one byte, and what came with it: into `descriptor`, else -1; into `text`, which has `room` bytes and ends with a zero. Returns the
/// byte, or -EPIPE when the peer has ended the connection.
int novitai_receive(int connection, int *descriptor, char *text, size_t room);

/// Waits until the peer has ended the connection: 0. -ETIMEDOUT after so many milliseconds.
int novitai_wait_for_end(int connection, int timeout);

/// Ends a listener: whoever waits in `novitai_accept` returns.
void novitai_shutdown(int listener);

void novitai_close(int descriptor);
