#ifndef CCURL_SHIM_H
#define CCURL_SHIM_H

#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#if LIBCURL_VERSION_NUM < 0x075700
#error "libcurl 7.87 or later is needed: CURLOPT_QUICK_EXIT keeps a slow resolver from blocking every transfer"
#endif

// libcurl's setopt and getinfo are variadic, which Swift cannot call: one function per type of argument.
// The parentheses around the names keep curl's type-checking macros out, which want a constant option.

static inline CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode ccurl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode ccurl_set_string(CURL *handle, CURLoption option, const char *value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode ccurl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return (curl_easy_setopt)(handle, option, value);
}

typedef curl_socket_t (*ccurl_open_socket)(void *context, curlsocktype purpose, struct curl_sockaddr *address);

static inline CURLcode ccurl_set_open_socket_function(CURL *handle, ccurl_open_socket function) {
    return (curl_easy_setopt)(handle, CURLOPT_OPENSOCKETFUNCTION, function);
}

// A socket for the address, as libcurl would open it itself.
static inline curl_socket_t ccurl_socket(const struct curl_sockaddr *address) {
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// The bytes of an IPv4 (4) or IPv6 (16) address; 0 for any other family.
static inline size_t ccurl_address_bytes(const struct curl_sockaddr *address, unsigned char bytes[16]) {
    const struct sockaddr *any = &address->addr;
    if (address->family == AF_INET) {
        memcpy(bytes, &((const struct sockaddr_in *)any)->sin_addr, 4);
        return 4;
    }
    if (address->family == AF_INET6) {
        memcpy(bytes, &((const struct sockaddr_in6 *)any)->sin6_addr, 16);
        return 16;
    }
    return 0;
}

static inline CURLcode ccurl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode ccurl_get_long(CURL *handle, CURLINFO info, long *value) {
    return (curl_easy_getinfo)(handle, info, value);
}

static inline CURLcode ccurl_get_pointer(CURL *handle, CURLINFO info, void **value) {
    return (curl_easy_getinfo)(handle, info, value);
}

static inline CURLMcode ccurl_multi_set_long(CURLM *handle, CURLMoption option, long value) {
    return (curl_multi_setopt)(handle, option, value);
}

// A null pointer would make libcurl read the body from standard input.
static inline CURLcode ccurl_copy_body(CURL *handle, const void *bytes) {
    return (curl_easy_setopt)(handle, CURLOPT_COPYPOSTFIELDS, bytes ? bytes : "");
}

// The callbacks have a type each, so that Swift checks the signature of what it passes.

static inline CURLcode ccurl_set_write_function(CURL *handle, size_t (*function)(char *, size_t, size_t, void *)) {
    return (curl_easy_setopt)(handle, CURLOPT_WRITEFUNCTION, function);
}

static inline CURLcode ccurl_set_header_function(CURL *handle, size_t (*function)(char *, size_t, size_t, void *)) {
    return (curl_easy_setopt)(handle, CURLOPT_HEADERFUNCTION, function);
}

static inline CURLcode ccurl_set_prerequest_function(CURL *handle, int (*function)(void *, char *, char *, int, int)) {
    return (curl_easy_setopt)(handle, CURLOPT_PREREQFUNCTION, function);
}

// CURL_GLOBAL_DEFAULT and the CURLU_, CURLPROTO_ and similar constants are macros of casts, which Swift does not import.

static inline CURLcode ccurl_global_init(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }

static const long ccurl_http_version_2_over_tls = CURL_HTTP_VERSION_2TLS;
static const long ccurl_tls_1_2_or_later = CURL_SSLVERSION_TLSv1_2;
static const size_t ccurl_error_size = CURL_ERROR_SIZE;

#endif
