#include <zlib.h>

/// The functions that begin a stream are macros, which Swift does not see.
static inline int czlib_begin_deflate(z_stream *stream, int level, int window_bits) {
    return deflateInit2(stream, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
}

static inline int czlib_begin_inflate(z_stream *stream, int window_bits) {
    return inflateInit2(stream, window_bits);
}
