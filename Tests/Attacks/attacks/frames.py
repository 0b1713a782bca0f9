"""Frames as bytes (RFC 9113, section 4), for what no library would send, and header blocks without an encoder (RFC 7541)."""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# The largest payload that a peer takes which has announced nothing else.
FRAME_MAX = 16_384
WINDOW_MAX = (1 << 31) - 1

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, HAS_PRIORITY = 1, 1, 4, 0x20
INITIAL_WINDOW_SIZE = 4

ERROR_CODES = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
    "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)  # fmt: skip


def error_name(code):
    return ERROR_CODES[code] if code < len(ERROR_CODES) else f"error {code}"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def data(stream, payload=b"", end=False):
    return frame(DATA, END_STREAM if end else 0, stream, payload)


def headers(stream, block, end=False, end_headers=True, depends_on=None):
    flags = (END_STREAM if end else 0) | (END_HEADERS if end_headers else 0)
    if depends_on is None:
        return frame(HEADERS, flags, stream, block)
    return frame(HEADERS, flags | HAS_PRIORITY, stream, _priority(depends_on) + block)


def continuation(stream, block=b"", end_headers=False):
    return frame(CONTINUATION, END_HEADERS if end_headers else 0, stream, block)


def reset(stream, code=8):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def settings(*entries):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", name, value) for name, value in entries))


SETTINGS_ACK = frame(SETTINGS, ACK)


def ping(payload=b"\0" * 8):
    return frame(PING, 0, 0, payload)


def _priority(depends_on):
    return struct.pack(">IB", depends_on, 15)


def priority(stream, depends_on=0):
    return frame(PRIORITY, 0, stream, _priority(depends_on))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def message(payload, compressed=False, length=None):
    """A gRPC message; `length` is what its prefix claims."""
    return struct.pack(">BI", compressed, len(payload) if length is None else length) + payload


def _integer(value, prefix_bits, first):
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([first | value])
    out = bytearray([first | limit])
    value -= limit
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _string(text):
    return _integer(len(text), 7, 0) + text


def field(name, value, indexed=False):
    """A literal without Huffman codes; `indexed` puts it into the peer's table."""
    name, value = (text if isinstance(text, bytes) else text.encode() for text in (name, value))
    return (b"\x40" if indexed else b"\x00") + _string(name) + _string(value)


def indexed_field(index):
    return _integer(index, 7, 0x80)


def block(*fields):
    return b"".join(field(name, value) for name, value in fields)


def request_block(path, *more):
    return block((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
                 ("content-type", "application/grpc"), ("te", "trailers"), *more)  # fmt: skip


def header_frames(stream, whole, end=False):
    """A block of any size, cut into HEADERS and CONTINUATIONs."""
    parts = [whole[start : start + FRAME_MAX] for start in range(0, len(whole), FRAME_MAX)] or [b""]
    first = headers(stream, parts[0], end=end, end_headers=len(parts) == 1)
    rest = [continuation(stream, part, end_headers=number == len(parts)) for number, part in enumerate(parts[1:], 2)]
    return first + b"".join(rest)


def varint(value):
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def text_field(number, value):
    """A length-delimited field of protobuf."""
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value
