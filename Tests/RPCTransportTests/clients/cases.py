"""Calls a running test server with clients that are not ours, and prints a verdict per case: `NAME ok`, or what was seen instead.

grpcio is C-core, the client of most languages; h2 lets us send what no client would. Usage: cases.py HOST:PORT
"""
import gzip
import socket
import struct
import sys
import threading
import time
import traceback
import zlib

import grpc
import h2.config
import h2.connection
import h2.events

ADDRESS = sys.argv[1]
SERVICE = "/test.v1.Test/"
# Seconds within which a call is answered, on a busy machine too.
PATIENCE = 30
channel = grpc.insecure_channel(ADDRESS, options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)])
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def call_unary(method, request=b"", **arguments):
    return channel.unary_unary(SERVICE + method)(request, timeout=arguments.pop("timeout", PATIENCE), **arguments)


def fails_with(code, call, *arguments, **named):
    try:
        result = call(*arguments, **named)
        if not isinstance(result, bytes):
            list(result)
    except grpc.RpcError as error:
        assert error.code() == code, (error.code(), error.details())
        return error
    raise AssertionError("no error")


# ---- grpcio

@case
def unary():
    assert call_unary("Echo", b"hello") == b"hello"


@case
def empty_unary():
    assert call_unary("Echo") == b""


@case
def large_unary():
    body = bytes(range(256)) * 15000
    assert call_unary("Echo", body) == body


@case
def server_stream():
    assert [int(m) for m in channel.unary_stream(SERVICE + "Repeat")(b"500", timeout=PATIENCE)] == list(range(500))


@case
def client_stream():
    sizes = [27182, 8, 1828, 45904]
    assert channel.stream_unary(SERVICE + "Sum")(iter([bytes(s) for s in sizes]), timeout=PATIENCE) == b"74922"


@case
def ping_pong():
    import queue
    out = queue.Queue()
    call = channel.stream_stream(SERVICE + "Chat")(iter(out.get, None), timeout=PATIENCE)
    for size in (27182, 8, 1828, 45904, 0):
        out.put(bytes(size))
        assert len(next(call)) == size
    out.put(None)
    assert list(call) == [] and call.code() == grpc.StatusCode.OK


@case
def empty_stream():
    assert list(channel.stream_stream(SERVICE + "Chat")(iter([]), timeout=PATIENCE)) == []


@case
def custom_metadata():
    sent = (("x-initial", "one"), ("x-initial", "two"), ("x-trailing-bin", b"\xab\x00\xff"))
    reply, call = channel.unary_unary(SERVICE + "Echo").with_call(b"", timeout=PATIENCE, metadata=sent)
    assert [v for k, v in call.initial_metadata() if k == "x-initial"] == ["one", "two"], call.initial_metadata()
    assert dict(call.trailing_metadata())["x-trailing-bin"] == b"\xab\x00\xff", call.trailing_metadata()
    stream = channel.stream_stream(SERVICE + "Chat")(iter([b"x"]), timeout=PATIENCE, metadata=sent)
    assert list(stream) == [b"x"]
    assert dict(stream.trailing_metadata())["x-trailing-bin"] == b"\xab\x00\xff"


@case
def status_code_and_message():
    assert fails_with(grpc.StatusCode.NOT_FOUND, call_unary, "Fail", b"5 test status message").details() == "test status message"


@case
def special_status_message():
    text = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
    assert fails_with(grpc.StatusCode.UNKNOWN, call_unary, "Fail", b"2 " + text.encode()).details() == text


@case
def status_details():
    error = fails_with(grpc.StatusCode.ABORTED, call_unary, "Fail", b"details 900")
    assert dict(error.trailing_metadata())["grpc-status-details-bin"] == b"\x07" * 900


@case
def large_details_are_dropped():
    error = fails_with(grpc.StatusCode.ABORTED, call_unary, "Fail", b"details 30000")
    assert error.details() == "with details"
    assert "grpc-status-details-bin" not in dict(error.trailing_metadata())


@case
def stray_error():
    assert "Stray" not in fails_with(grpc.StatusCode.UNKNOWN, call_unary, "Fail", b"stray").details()


@case
def unimplemented_method():
    assert "Nope" in fails_with(grpc.StatusCode.UNIMPLEMENTED, call_unary, "Nope").details()


@case
def unimplemented_service():
    fails_with(grpc.StatusCode.UNIMPLEMENTED, channel.unary_unary("/test.v1.Nope/Echo"), b"", timeout=PATIENCE)


@case
def deadline():
    fails_with(grpc.StatusCode.DEADLINE_EXCEEDED, call_unary, "Hang", timeout=0.05)


@case
def cancel_unary():
    call = channel.unary_unary(SERVICE + "Hang").future(b"", timeout=PATIENCE)
    call.cancel()
    assert call.code() == grpc.StatusCode.CANCELLED
    assert call_unary("Echo", b"on") == b"on"


@case
def cancel_stream():
    call = channel.stream_unary(SERVICE + "Deaf").future(iter([b"x"]), timeout=PATIENCE)
    call.cancel()
    assert call.code() == grpc.StatusCode.CANCELLED


@case
def cancel_after_first_response():
    call = channel.unary_stream(SERVICE + "Flood")(b"", timeout=PATIENCE)
    next(call)
    call.cancel()
    assert call.code() == grpc.StatusCode.CANCELLED


@case
def large_request_refused():
    fails_with(grpc.StatusCode.RESOURCE_EXHAUSTED, call_unary, "Echo", bytes((4 << 20) + 1))
    assert call_unary("Echo", b"on") == b"on"


@case
def compressed_requests():
    for coding in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        for size in (0, 1, 1000, 1 << 20):
            assert call_unary("Echo", bytes(size), compression=coding) == bytes(size)
        sizes = [27182, 8, 0, 45904]
        call = channel.stream_unary(SERVICE + "Sum")(iter([bytes(s) for s in sizes]), timeout=PATIENCE, compression=coding)
        assert call == b"73094"


@case
def compressed_responses():
    body = bytes(100_000)
    assert call_unary("Squeeze", body) == body
    assert list(channel.stream_stream(SERVICE + "SqueezeEach")(iter([b"", b"x" * 5000, body]), timeout=PATIENCE)) == [b"", b"x" * 5000, body]


@case
def early_end():
    for _ in range(200):
        hold = threading.Event()
        def requests():
            yield b"x"
            hold.wait(5)
        call = channel.stream_stream(SERVICE + "Leave")(requests(), timeout=PATIENCE)
        assert list(call) == [b"bye"] and call.code() == grpc.StatusCode.OK
        hold.set()


@case
def thousand_concurrent():
    futures = [channel.unary_unary(SERVICE + "Echo").future(b"%d" % i * 1000, timeout=20) for i in range(1000)]
    assert [f.result() for f in futures] == [b"%d" % i * 1000 for i in range(1000)]


@case
def slow_reader():
    call = channel.unary_stream(SERVICE + "Flood")(b"", timeout=20)
    total = 0
    for index, message in enumerate(call):
        total += len(message)
        if index % 100 == 0:
            call_unary("Echo", b"x")
        if total > 30_000_000:
            break
    call.cancel()


@case
def half_read_upload():
    call = channel.stream_unary(SERVICE + "Deaf").future((bytes(10000) for _ in range(10000)), timeout=0.3)
    assert call.exception(5).code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert call_unary("Echo", b"on") == b"on"


# ---- raw frames

class Raw:
    """One connection, h2's checks of what we send switched off."""

    def __init__(self):
        host, port = ADDRESS.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=5)
        config = h2.config.H2Configuration(client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False,
                                           validate_inbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.flush()
        self.headers, self.trailers, self.data, self.resets, self.ended = {}, {}, {}, {}, set()
        self.goaway = None
        self.closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def request(self, path=SERVICE + "Echo", method="POST", content_type="application/grpc", te=(("te", "trailers"),), extra=(), end=False):
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "test")]
        if content_type:
            fields.append(("content-type", content_type))
        self.h2.send_headers(stream, fields + list(te) + list(extra), end_stream=end)
        self.flush()
        return stream

    def send(self, stream, data, end=False):
        self.h2.send_data(stream, data, end_stream=end)
        self.flush()

    def read(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if not data:
            self.closed = True
            return
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self.headers[event.stream_id] = {k.decode(): v.decode() for k, v in event.headers}
            elif isinstance(event, h2.events.TrailersReceived):
                self.trailers[event.stream_id] = {k.decode(): v.decode() for k, v in event.headers}
            elif isinstance(event, h2.events.DataReceived):
                self.data[event.stream_id] = self.data.get(event.stream_id, b"") + event.data
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self.resets[event.stream_id] = int(event.error_code)
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.goaway = (int(event.error_code), event.additional_data or b"")
        try:
            self.flush()
        except OSError:
            self.closed = True

    def until(self, condition):
        limit = time.monotonic() + 5
        while not condition():
            assert not self.closed or self.goaway, "closed"
            assert time.monotonic() < limit, "nothing came"
            if self.closed:
                break
            self.read()

    def answer(self, stream):
        """Waits for the end; the status and all fields."""
        self.until(lambda: stream in self.ended or stream in self.resets)
        fields = dict(self.headers.get(stream, {}), **self.trailers.get(stream, {}))
        return fields.get(":status"), fields.get("grpc-status"), fields


def message(body=b"", flag=0):
    return struct.pack(">BI", flag, len(body)) + body


def refused(http, status, *, body=None, end=True, **request):
    with Raw() as raw:
        stream = raw.request(**request, end=body is None)
        if body is not None:
            raw.send(stream, body, end=end)
        got = raw.answer(stream)
        assert got[:2] == (http, status), got
        return got[2]


@case
def livez():
    with Raw() as raw:
        stream = raw.request(path="/livez", method="GET", content_type=None, end=True)
        status, _, fields = raw.answer(stream)
        assert status == "200" and fields["content-type"].startswith("text/plain"), fields
        assert len(raw.data[stream]) >= 64


@case
def get_405():
    refused("405", "13", method="GET", path="/other", content_type=None)
    refused("405", "13", method="GET")


@case
def content_type_415():
    for content_type in ("text/plain", "application/grpc-web", None):
        refused("415", "3", content_type=content_type)


@case
def bad_timeout_400():
    for timeout in ("soon", "1", "S", "-1S", "1 S", "123456789n"):
        refused("400", "13", extra=[("grpc-timeout", timeout)])


@case
def bad_binary_400():
    refused("400", "13", extra=[("x-bin", "!!")])


@case
def zero_timeout():
    refused("200", "4", extra=[("grpc-timeout", "0n")])


@case
def large_headers():
    refused("200", "8", extra=[("x%d" % i, "v" * 1000) for i in range(20)])


@case
def no_message():
    refused("200", "12", body=b"")


@case
def two_messages():
    refused("200", "12", path=SERVICE + "Hang", body=message() + message())


@case
def cut_message():
    refused("200", "13", body=message(b"hello")[:-1])


@case
def compressed_flag():
    refused("200", "13", body=message(b"x", flag=1))


@case
def unknown_flag():
    refused("200", "13", body=message(b"x", flag=2))


@case
def huge_prefix():
    with Raw() as raw:
        stream = raw.request()
        raw.send(stream, b"\0\xff\xff\xff\xff")
        raw.until(lambda: stream in raw.resets)
        assert raw.headers[stream]["grpc-status"] == "8" and raw.resets[stream] == 0, (raw.headers, raw.resets)


@case
def unary_without_end():
    with Raw() as raw:
        stream = raw.request()
        raw.send(stream, message(b"hello"))
        raw.until(lambda: stream in raw.resets)
        assert raw.data[stream] == message(b"hello"), raw.data
        assert raw.trailers[stream]["grpc-status"] == "0" and raw.resets[stream] == 0, (raw.trailers, raw.resets)


@case
def without_te():
    """grpc-go takes it, C-core resets the stream."""
    with Raw() as raw:
        stream = raw.request(te=())
        raw.send(stream, message(b"hello"), end=True)
        assert raw.answer(stream)[:2] == ("200", "0") and raw.data[stream] == message(b"hello")


@case
def deadline_on_open_stream():
    """The status first, as both reference servers do, then a reset that is no error."""
    with Raw() as raw:
        stream = raw.request(path=SERVICE + "Hang", extra=[("grpc-timeout", "50m")])
        raw.send(stream, message())
        raw.until(lambda: stream in raw.resets)
        assert raw.headers[stream]["grpc-status"] == "4" and raw.resets[stream] == 0, (raw.headers, raw.resets)


@case
def leaked_streams():
    """More unfinished calls than streams are allowed: each is over with its answer."""
    with Raw() as raw:
        for _ in range(1500):
            stream = raw.request()
            raw.send(stream, message(b"x"))
            if stream % 200 == 1:
                raw.until(lambda: stream in raw.resets)
        raw.until(lambda: stream in raw.resets)
        assert raw.goaway is None and raw.trailers[stream]["grpc-status"] == "0"


@case
def unknown_encoding():
    fields = refused("200", "12", extra=[("grpc-encoding", "snappy")])
    assert fields["grpc-accept-encoding"] == "identity,gzip,deflate", fields


@case
def compressed_garbage():
    gzip_field = [("grpc-encoding", "gzip")]
    whole = gzip.compress(bytes(1000))
    for body in (b"", b"garbage", whole[:-1], whole + b"x", zlib.compress(bytes(1000))):
        refused("200", "13", body=message(body, flag=1), extra=gzip_field)
    refused("200", "13", body=message(whole, flag=2), extra=gzip_field)
    refused("200", "13", body=message(whole, flag=1), extra=[("grpc-encoding", "identity")])
    # Raw deflate is not what the coding's name means.
    raw = zlib.compressobj(wbits=-15)
    refused("200", "13", body=message(raw.compress(bytes(1000)) + raw.flush(), flag=1), extra=[("grpc-encoding", "deflate")])


@case
def compression_bomb():
    refused("200", "8", body=message(gzip.compress(bytes(15 << 20)), flag=1), extra=[("grpc-encoding", "gzip")])


@case
def flags_of_requests():
    """Each message says for itself whether it is in the coding that the headers name."""
    body = gzip.compress(bytes(5000))
    with Raw() as raw:
        stream = raw.request(path=SERVICE + "Flags", extra=[("grpc-encoding", "gzip")])
        raw.send(stream, message(body, flag=1) + message(b"plain") + message(body, flag=1), end=True)
        assert raw.answer(stream)[1] == "0"
        assert raw.data[stream] == message(b"101"), raw.data


@case
def flags_of_responses():
    """Compressed only where the handler asks, only in a coding that the client listed, and never when empty."""
    def call(accepted):
        with Raw() as raw:
            stream = raw.request(path=SERVICE + "SqueezeEach", extra=accepted)
            raw.send(stream, message(b"x" * 5000) + message() + message(b"plain" * 100) + message(b"x" * 5000), end=True)
            assert raw.answer(stream)[1] == "0"
            body, flags, texts = raw.data[stream], [], []
            while body:
                flag, length = struct.unpack(">BI", body[:5])
                flags.append(flag)
                texts.append(body[5:5 + length])
                body = body[5 + length:]
            return raw.headers[stream], flags, texts

    plain = [b"x" * 5000, b"", b"plain" * 100, b"x" * 5000]
    for accepted in ([], [("grpc-accept-encoding", "identity")], [("grpc-accept-encoding", "br")]):
        headers, flags, texts = call(accepted)
        assert "grpc-encoding" not in headers and flags == [0, 0, 0, 0] and texts == plain, (headers, flags)
        assert ("grpc-accept-encoding" in headers) == bool(accepted), headers
    for accepted, coding in (("identity, deflate, gzip", "gzip"), ("deflate", "deflate"), ("br,gzip", "gzip")):
        headers, flags, texts = call([("grpc-accept-encoding", accepted)])
        assert headers["grpc-encoding"] == coding and headers["grpc-accept-encoding"] == "identity,gzip,deflate", headers
        assert flags == [1, 0, 0, 1], flags
        unfold = gzip.decompress if coding == "gzip" else zlib.decompress
        assert [unfold(t) if f else t for t, f in zip(texts, flags)] == plain


@case
def subtype_echoed():
    with Raw() as raw:
        stream = raw.request(content_type="application/grpc+proto")
        raw.send(stream, message(), end=True)
        assert raw.answer(stream)[2]["content-type"] == "application/grpc+proto"
    refused("200", "12", content_type="application/grpc+json")


@case
def ping_flood():
    with Raw() as raw:
        for _ in range(10):
            raw.h2.ping(b"01234567")
        raw.flush()
        raw.until(lambda: raw.goaway is not None)
        assert raw.goaway == (11, b"too_many_pings"), raw.goaway


@case
def http1():
    with socket.create_connection(ADDRESS.rsplit(":", 1), timeout=5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        while plain.recv(1000):
            pass


@case
def silent_client():
    """The test server waits 0.3 s for the first SETTINGS."""
    with socket.create_connection(ADDRESS.rsplit(":", 1), timeout=5) as plain:
        begun = time.monotonic()
        while plain.recv(1000):
            pass
        assert time.monotonic() - begun < 4


@case
def bad_first_frame():
    with socket.create_connection(ADDRESS.rsplit(":", 1), timeout=5) as plain:
        plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\x08\x06\0\0\0\0\0" + bytes(8))
        while plain.recv(1000):
            pass


for name, function in list(CASES.items()):
    try:
        function()
        verdict = "ok"
    except Exception as error:  # the verdict is what the test looks at
        place = traceback.extract_tb(error.__traceback__)[-1]
        verdict = f"{type(error).__name__} at line {place.lineno}: {error}".replace("\n", " ")
    print(name, verdict, flush=True)
channel.close()
