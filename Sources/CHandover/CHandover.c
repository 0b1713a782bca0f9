#define _GNU_SOURCE
#include "CHandover.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int failed(int descriptor) {
    const int code = errno;
    if (descriptor >= 0) close(descriptor);
    return -code;
}

int novitai_listen_tcp(const char *host, const char *port, int backlog) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const int outcome = getaddrinfo(host, port, &hints, &found);
    if (outcome != 0) return outcome == EAI_SYSTEM ? -errno : -EADDRNOTAVAIL;
    const int yes = 1;
    const int listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int is_good = listener >= 0 && setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                        bind(listener, found->ai_addr, found->ai_addrlen) == 0 && listen(listener, backlog) == 0;
    const int result = is_good ? listener : failed(listener);
    freeaddrinfo(found);
    return result;
}

static int unix_address(const char *path, struct sockaddr_un *address) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
    strcpy(address->sun_path, path);
    return 0;
}

int novitai_listen_unix(const char *path, int mode, int backlog) {
    struct sockaddr_un address;
    if (unix_address(path, &address) != 0) return -ENAMETOOLONG;
    struct stat before;
    // Only a socket is taken away.
    if (lstat(path, &before) == 0 && S_ISSOCK(before.st_mode)) unlink(path);
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (const struct sockaddr *)&address, sizeof address) != 0) return failed(listener);
    // Nobody connects before listen: the permissions are right from the beginning.
    if (chmod(path, (mode_t)mode) != 0 || listen(listener, backlog) != 0) return failed(listener);
    return listener;
}

int novitai_adopt_listener(int descriptor) {
    int is_listening = 0;
    socklen_t size = sizeof is_listening;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) != 0 || !is_listening) return 0;
    return fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

static struct sockaddr_storage address_of(int listener) {
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &size) != 0) address.ss_family = AF_UNSPEC;
    return address;
}

int novitai_is_local(int listener) {
    const struct sockaddr_storage address = address_of(listener);
    switch (address.ss_family) {
    case AF_UNIX: return 1;
    case AF_INET: return (ntohl(((const struct sockaddr_in *)&address)->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
    case AF_INET6: return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&address)->sin6_addr);
    default: return 0;
    }
}

static int is_same_place(const struct sockaddr_storage *there, const struct sockaddr *wanted) {
    const struct sockaddr_in *there4 = (const struct sockaddr_in *)there, *wanted4 = (const struct sockaddr_in *)wanted;
    const struct sockaddr_in6 *there6 = (const struct sockaddr_in6 *)there, *wanted6 = (const struct sockaddr_in6 *)wanted;
    const int is_everywhere = there->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&there6->sin6_addr);
    // A socket on every address of IPv6 takes connections of IPv4 too.
    if (wanted->sa_family == AF_INET && wanted4->sin_addr.s_addr == INADDR_ANY && is_everywhere) return 1;
    if (wanted->sa_family != there->ss_family) return 0;
    return wanted->sa_family == AF_INET ? wanted4->sin_addr.s_addr == there4->sin_addr.s_addr
                                        : memcmp(&wanted6->sin6_addr, &there6->sin6_addr, sizeof wanted6->sin6_addr) == 0;
}

int novitai_is_on(int listener, const char *host) {
    const struct sockaddr_storage address = address_of(listener);
    if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return 0;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, NULL, &hints, &found) != 0) return 0;
    int is_there = 0;
    for (const struct addrinfo *each = found; each; each = each->ai_next) {
        if (each->ai_family == AF_INET || each->ai_family == AF_INET6) is_there |= is_same_place(&address, each->ai_addr);
    }
    freeaddrinfo(found);
    return is_there;
}

int novitai_is_at(int listener, const char *path, int mode) {
    const struct sockaddr_storage address = address_of(listener);
    struct stat file;
    if (address.ss_family != AF_UNIX || strcmp(((const struct sockaddr_un *)&address)->sun_path, path) != 0) return 0;
    return stat(path, &file) == 0 && S_ISSOCK(file.st_mode) && (file.st_mode & 0777 & ~(mode_t)mode) == 0;
}

int novitai_set_mode(const char *path, int mode) { return chmod(path, (mode_t)mode) == 0 ? 0 : -errno; }

int novitai_port_of(int listener) {
    const struct sockaddr_storage address = address_of(listener);
    switch (address.ss_family) {
    case AF_INET: return ntohs(((const struct sockaddr_in *)&address)->sin_port);
    case AF_INET6: return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
    default: return 0;
    }
}

int novitai_duplicate(int descriptor) {
    const int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    return copy >= 0 ? copy : -errno;
}

static int set_patience(int connection, int timeout) {
    const struct timeval patience = {.tv_sec = timeout / 1000, .tv_usec = timeout % 1000 * 1000};
    return setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
           setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0;
}

int novitai_connect_unix(const char *path, int timeout) {
    struct sockaddr_un address;
    if (unix_address(path, &address) != 0) return -ENAMETOOLONG;
    const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // Set before: a full queue of the other side makes connect wait.
    if (connection < 0 || !set_patience(connection, timeout) || connect(connection, (const struct sockaddr *)&address, sizeof address) != 0)
        return failed(connection);
    return connection;
}

int novitai_accept(int listener, int timeout) {
    const int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) return -errno;
    return set_patience(connection, timeout) ? connection : failed(connection);
}

// Room for one descriptor, aligned as the kernel wants it.
union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr alignment;
};

int novitai_send(int connection, int byte, int descriptor, const char *text) {
    char content = (char)byte;
    const size_t size = strlen(text);
    struct iovec parts[] = {{.iov_base = &content, .iov_len = 1}, {.iov_base = (void *)text, .iov_len = size}};
    union control control = {.bytes = {0}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (descriptor >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof descriptor);
        memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    const ssize_t sent = sendmsg(connection, &message, MSG_NOSIGNAL);
    if (sent < 0) return -errno;
    return (size_t)sent == size + 1 ? 0 : -EMSGSIZE;
}

int novitai_receive(int connection, int *descriptor, char *text, size_t room) {
    char content = 0;
    struct iovec part = {.iov_base = &content, .iov_len = 1};
    union control control = {.bytes = {0}};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    *descriptor = -1;
    text[0] = 0;
    const ssize_t size = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    if (size < 0) return -errno;
    if (size == 0) return -EPIPE;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
    // What was sent with the byte is there with it.
    const ssize_t more = recv(connection, text, room - 1, MSG_DONTWAIT);
    text[more > 0 ? more : 0] = 0;
    return (unsigned char)content;
}

static long long milliseconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int novitai_wait_for_end(int connection, int timeout) {
    const long long deadline = milliseconds_now() + timeout;
    for (;;) {
        const long long left = deadline - milliseconds_now();
        struct pollfd watched = {.fd = connection, .events = POLLIN};
        const int ready = poll(&watched, 1, left > 0 ? (int)left : 0);
        if (ready < 0 && errno != EINTR) return -errno;
        if (ready == 0) return -ETIMEDOUT;
        char content;
        // Nothing more is sent: whatever can be read is the end.
        if (ready > 0 && recv(connection, &content, 1, 0) <= 0) return 0;
    }
}

void novitai_shutdown(int listener) { shutdown(listener, SHUT_RDWR); }

void novitai_close(int descriptor) { close(descriptor); }
