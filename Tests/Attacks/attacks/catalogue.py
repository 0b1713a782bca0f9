"""The attacks: each with what the server has to do about it, from the rules of HTTP/2 and gRPC and the limits that it publishes."""

import dataclasses
import gzip
import zlib

from . import frames
from .attack import CALM, FLOW, FRAME_SIZE, KIB, MIB, PROTOCOL, STREAM_CLOSED, Assault, Expected, Siege

SERVICE = "/novitai.v1.InstanceService/"
GET, LIST, WATCH, CREATE = (SERVICE + name for name in ("GetInstance", "ListInstances", "WatchInstances", "CreateInstance"))
REFLECT = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
WATCH_HEALTH = "/grpc.health.v1.Health/Watch"

# Of a server that ends the connection because of what has been sent.
REACTION_SECONDS = 5
# Frames that are sent in one piece.
BATCH = 100
# Of the server's own limits: all of them stand in HTTP2SessionConfiguration, FloodLimits and RPCServerConfiguration.
HANDSHAKE_SECONDS, HEADERS_SECONDS, MESSAGE_SECONDS, WINDOW_SECONDS = 10, 10, 30, 60
# A stall begins when it is first seen, and is looked for four times within the shortest limit.
TIMER_SLACK = 6


def flood(content, count=100_000):
    """Sends it again and again until the server ends the connection."""

    def strike(peer, target, number):
        peer.greet()
        piece = content(peer, target) if callable(content) else content
        for _ in range(count // BATCH):
            if not peer.send(piece * BATCH):
                break
        peer.wait_for_end(REACTION_SECONDS)

    return strike


def open_stream(peer, target, path=REFLECT):
    stream = peer.next_stream()
    peer.send(frames.headers(stream, target.block(path)))
    return stream


def rapid_reset(peer, target, number):
    peer.greet()
    block, body = target.block(GET), frames.message(frames.text_field(1, target.instance))
    for _ in range(3000 // BATCH):
        streams = [peer.next_stream() for _ in range(BATCH)]
        if not peer.send(b"".join(frames.headers(s, block) + frames.data(s, body, end=True) + frames.reset(s) for s in streams)):
            break
    peer.wait_for_end(REACTION_SECONDS)


def on_each(frames_of):
    """For all streams of a piece what it gives for one."""
    return lambda streams, target: b"".join(frames_of(stream, target) for stream in streams)


def watched(stream, target):
    """A call that has all of its request and an answer that does not end: half-closed (remote) to the server. It begins with little."""
    return frames.headers(stream, target.block(WATCH_HEALTH)) + frames.data(stream, frames.message(b""), end=True)


def trailers(stream, end=False):
    return frames.headers(stream, frames.block(("trailer", "early")), end=end)


def false_content_length(stream, target):
    return frames.headers(stream, target.block(GET, ("content-length", "3"))) + frames.data(stream, frames.message(b""))


def too_much_data(stream, target):
    """Half as much again as the window of a stream, at once."""
    begun = frames.headers(stream, target.block(GET)) + frames.data(stream, frames.message(bytes(frames.FRAME_MAX - 5), length=MESSAGE_MAX))
    return begun + frames.data(stream, bytes(frames.FRAME_MAX)) * 5


def overflowing_settings(streams, target):
    """One frame that lets the windows of all streams overflow, each of which has one byte more than it had at first."""
    begun = on_each(lambda s, target: watched(s, target) + frames.window_update(s, 1))(streams, target)
    return begun + frames.settings((frames.INITIAL_WINDOW_SIZE, frames.WINDOW_MAX))


# What makes the server reset streams until that is too much, or end the connection at once. README.md tells what RFC 9113 asks for: where
# that is a reset of the stream, an error of the connection is right too (5.4.1), for who sends such a frame once sends it again.
PROVOCATIONS = (
    (Expected(CALM, FLOW), on_each(lambda s, target: watched(s, target) + frames.window_update(s, frames.WINDOW_MAX))),
    (Expected(CALM, FLOW), overflowing_settings),
    (Expected(CALM, FLOW), on_each(too_much_data)),
    (Expected(CALM, PROTOCOL), on_each(false_content_length)),
    (Expected(CALM, PROTOCOL), on_each(lambda s, target: frames.headers(s, target.block(REFLECT)) + trailers(s))),
    (Expected(CALM, PROTOCOL), on_each(lambda s, target: frames.headers(s, target.block(GET, ("Upper", "case"))))),
    (Expected(PROTOCOL), on_each(lambda s, target: watched(s, target) + frames.window_update(s, 0))),
    (Expected(PROTOCOL), on_each(lambda s, target: watched(s, target) + frames.priority(s, depends_on=s))),
    (Expected(PROTOCOL), on_each(lambda s, target: frames.headers(s, target.block(WATCH), depends_on=s))),
    (Expected(FRAME_SIZE), on_each(lambda s, target: watched(s, target) + frames.frame(frames.PRIORITY, 0, s, bytes(4)))),
    (Expected(FRAME_SIZE), on_each(lambda s, target: watched(s, target) + frames.frame(frames.RST_STREAM, 0, s, bytes(3)))),
    (Expected(FRAME_SIZE), on_each(lambda s, target: watched(s, target) + frames.frame(frames.WINDOW_UPDATE, 0, s, bytes(3)))),
    (Expected(STREAM_CLOSED), on_each(lambda s, target: watched(s, target) + frames.data(s, b"after the end"))),
    (Expected(STREAM_CLOSED), on_each(lambda s, target: watched(s, target) + trailers(s, end=True))),
)


def made_you_reset(peer, target, number):
    expected, provoke = PROVOCATIONS[number % len(PROVOCATIONS)]
    peer.greet()
    for _ in range(2000 // BATCH):
        if not peer.send(provoke([peer.next_stream() for _ in range(BATCH)], target)):
            break
    peer.wait_for_end(REACTION_SECONDS)
    return expected


def continuation_flood(peer, target, number):
    peer.greet()
    part = b"" if number % 2 else frames.field("x-more", "m" * (frames.FRAME_MAX - 20))
    peer.send(frames.headers(1, target.block(GET), end_headers=False) + frames.continuation(1, part) * 20)
    peer.wait_for_end(REACTION_SECONDS)


def hpack_bomb(peer, target, number):
    """One entry of the table near its limit, then references to it, one byte each."""
    peer.greet()
    entry = frames.field("x-bomb", "b" * 3900, indexed=True)
    peer.send(frames.header_frames(peer.next_stream(), target.block(GET) + entry, end=True))
    references = target.block(GET) + frames.indexed_field(62) * (4 * frames.FRAME_MAX)
    for _ in range(4):
        peer.send(frames.header_frames(peer.next_stream(), references, end=True))
    peer.wait_for_end(REACTION_SECONDS)


def oversized_headers(peer, target, number):
    peer.greet()
    many = (("x-many", "m"),) * 300
    large = tuple((f"x-large-{part}", "l" * 14_000) for part in range(5))
    block = target.block(GET, *(many if number % 2 else large))
    for _ in range(4):
        peer.send(frames.header_frames(peer.next_stream(), block, end=True))
    peer.wait_for_end(REACTION_SECONDS)


def calls(path, body, count, **options):
    """Calls one after another on one connection; `body` is a whole gRPC message, or gives it for the connection's number."""

    def strike(peer, target, number):
        peer.greet((frames.INITIAL_WINDOW_SIZE, frames.WINDOW_MAX))
        peer.send(frames.SETTINGS_ACK)
        whole = body(number) if callable(body) else body
        for _ in range(count):
            stream, before = peer.next_stream(), sum(peer.statuses.values()) + sum(peer.resets.values())
            peer.send(frames.header_frames(stream, target.block(path, *options.get("metadata", ()))))
            peer.send_data(stream, whole, end=options.get("ends", True))
            peer.wait(lambda: sum(peer.statuses.values()) + sum(peer.resets.values()) > before, REACTION_SECONDS)

    return strike


def streams_beyond_the_maximum(peer, target, number):
    """Calls that never get their message: each holds its stream. Before the acknowledgement of SETTINGS they are refused one by one."""
    peer.greet()
    if number % 2:
        peer.wait(lambda: peer.has_settings, REACTION_SECONDS)
        peer.send(frames.SETTINGS_ACK)
    block = target.block(GET)
    for _ in range(1500 // BATCH):
        if not peer.send(b"".join(frames.headers(peer.next_stream(), block) for _ in range(BATCH))):
            break
    peer.wait_for_end(REACTION_SECONDS)
    return Expected(PROTOCOL if number % 2 else CALM)


def disorders(target):
    block = target.block(GET)
    ended = frames.headers(1, block, end=True)
    return (
        (PROTOCOL, frames.headers(2, block, end=True)),
        (PROTOCOL, frames.frame(frames.PUSH_PROMISE, 4, 1, b"\0\0\0\2")),
        (PROTOCOL, frames.reset(1)),
        (PROTOCOL, frames.data(1, b"idle")),
        (PROTOCOL, frames.settings((2, 2))),
        (PROTOCOL, frames.headers(5, block, end=True) + frames.headers(3, block, end=True)),
        (PROTOCOL, frames.continuation(1, block, end_headers=True)),
        (FRAME_SIZE, frames.frame(frames.DATA, 0, 1, b"x" * (frames.FRAME_MAX + 1))),
        (FRAME_SIZE, frames.frame(frames.PING, 0, 0, b"short")),
        (FLOW, frames.window_update(0, frames.WINDOW_MAX)),
        (FLOW, frames.settings((frames.INITIAL_WINDOW_SIZE, 1 << 31))),
        (STREAM_CLOSED, ended + frames.data(1, b"after the end")),
        ("COMPRESSION_ERROR", frames.headers(1, b"\xff\xff\xff\xff\x0f", end=True)),
    )


def frame_disorder(peer, target, number):
    rows = disorders(target)
    code, content = rows[number % len(rows)]
    peer.greet()
    peer.send(content)
    peer.wait_for_end(REACTION_SECONDS)
    return Expected(code)


MALFORMED = (
    (("", "no name"),), (("UPPER", "case"),), (("connection", "close"),), (("x-nul", "a\0b"),), (("te", "gzip"),), ((":path", "/twice"),),
    (("x-line", "a\r\nb: c"),), (("transfer-encoding", "chunked"),), (("upgrade", "h2c"),), (("host", "a b\0"),),
)  # fmt: skip


def malformed_headers(peer, target, number):
    peer.greet()
    for index in range(300):
        block = target.block(GET, *MALFORMED[index % len(MALFORMED)])
        if not peer.send(frames.headers(peer.next_stream(), block, end=True)):
            break
    peer.wait_for_end(REACTION_SECONDS)


CONFUSIONS = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    bytes.fromhex("160301020001") + b"\x01" * 506,
    bytes(range(256)) * 4,
)


def protocol_confusion(peer, target, number):
    peer.send(CONFUSIONS[number % len(CONFUSIONS)])
    peer.wait_for_end(REACTION_SECONDS)


def churn(peer, target, number):
    if number % 2:
        peer.greet()
        peer.wait(lambda: peer.has_settings, REACTION_SECONDS)


# 20 MB of zeros in 20 KB: gzip states the size, deflate does not.
GZIP_BOMB = frames.message(gzip.compress(bytes(20_000_000)), compressed=True)
DEFLATE_BOMB = frames.message(zlib.compress(bytes(20_000_000)), compressed=True)
MESSAGE_MAX = 4 * MIB


def protobuf_bomb(number):
    repeated, singular, unknown = 9, 3, 1000
    inner = frames.text_field(repeated, b"") * 100_000
    bombs = (
        # Fields that nobody knows: an allocation each in protobuf-c.
        (frames.varint(unknown << 3) + b"\0") * 1_000_000,
        # Empty submessages: two bytes become a structure.
        frames.text_field(3, frames.text_field(repeated, b"") * 2_000_000),
        # The same singular field again and again: merged with a copy of all before.
        frames.text_field(3, inner) + frames.text_field(singular, frames.text_field(repeated, b"")) * 4000,
        frames.text_field(2, b"\xff\xfe" * 1_000_000),
    )
    return frames.message(bombs[number % len(bombs)])


# Sieges


def settled(peer, target, number):
    peer.greet()
    peer.send(frames.SETTINGS_ACK)


def silent(peer, target, number):
    """The connection alone."""


def half_a_hello(peer, target, number):
    """Every other one begins TLS and goes no further."""
    if number % 2:
        peer.send(bytes.fromhex("160301020001") + b"\x01" * 100)


def dribble_preface(peer, target):
    whole = frames.PREFACE + frames.settings()
    if peer.sent_bytes < len(whole):
        peer.try_send(whole[peer.sent_bytes :][:1])


def dribble_record(peer, target):
    """Behind the back of TLS: the head of a record that has 16 KiB of data of the application, and then its bytes."""
    head = bytes.fromhex("1703034000")
    peer.try_send((head[peer.sent_bytes :] or b"\0")[:1], beneath_tls=True)


def unfinished_headers(peer, target, number):
    peer.greet()
    peer.send(frames.headers(1, target.block(GET), end_headers=False))


def unfinished_message(peer, target, number):
    peer.greet()
    stream = open_stream(peer, target, CREATE)
    peer.send(frames.data(stream, frames.message(b"the beginning", length=MESSAGE_MAX)))


def dribble_message(peer, target):
    peer.try_send(frames.data(1, b"drop by drop"[:7]))


def list_calls(peer, target, count):
    block, body = target.block(LIST), frames.message(frames.varint(1 << 3) + frames.varint(1000))
    return b"".join(
        frames.headers(stream, block) + frames.data(stream, body, end=True)
        for stream in (peer.next_stream() for _ in range(count))
    )


STALLED_STREAMS = 50


def stalled_windows(peer, target, number):
    peer.greet((frames.INITIAL_WINDOW_SIZE, 0))
    peer.send(frames.SETTINGS_ACK + list_calls(peer, target, STALLED_STREAMS))


def unread_answers(peer, target, number):
    """All windows open and the socket never read: what waits then is the server's."""
    peer.try_send(frames.PREFACE + frames.settings((frames.INITIAL_WINDOW_SIZE, frames.WINDOW_MAX)) + frames.SETTINGS_ACK
                  + frames.window_update(0, frames.WINDOW_MAX - 65_535) + list_calls(peer, target, STALLED_STREAMS))  # fmt: skip


def one_more_list(peer, target):
    peer.try_send(list_calls(peer, target, 1))


UPLOADS = 25
UPLOAD_BYTES = int(3.9 * MIB)


def unfinished_uploads(peer, target, number):
    """All but the end of the largest message, on many streams."""
    peer.greet()
    peer.send(frames.SETTINGS_ACK)
    peer.wait(lambda: peer.has_settings, REACTION_SECONDS)
    for _ in range(UPLOADS):
        stream = open_stream(peer, target, CREATE)
        before = sum(peer.statuses.values()) + sum(peer.resets.values())
        if not peer.send_data(stream, frames.message(bytes(UPLOAD_BYTES), length=MESSAGE_MAX)):
            if peer.is_closed or sum(peer.statuses.values()) + sum(peer.resets.values()) == before:
                break


def many_watches(peer, target, number):
    peer.greet((frames.INITIAL_WINDOW_SIZE, frames.WINDOW_MAX))
    peer.send(frames.SETTINGS_ACK + frames.window_update(0, frames.WINDOW_MAX - 65_535))


def more_watches(peer, target):
    if peer.streams < 900:
        block = target.block(WATCH)
        streams = [peer.next_stream() for _ in range(50)]
        peer.send(b"".join(frames.headers(s, block) + frames.data(s, frames.message(b""), end=True) for s in streams))


# What a connection of the worst kind may hold: header blocks of one feeding, one read, one write, and a decoded list of headers. And what
# the calm server has not touched since it gave its startup pages back: the parts of the program that only bad peers see.
ONE_CONNECTION = 8 * MIB
ONE_LIMITS = "header blocks of one feeding 1 MiB, three times while their array doubles, one read and one write of 64 KiB, 4 MiB of the program"
LISTS_PACE = "100 lists of 100 instances a second: more only measures what a list costs"
# Streams whose resets are not counted yet: provoked ones at once, and one feeding of them more.
STREAMS_AT_ONCE, STREAM_BUFFER = 200, 64 * KIB
CALM_ONLY, OPEN_ONLY, CLOSED_ONLY = frozenset({CALM}), frozenset({"open"}), frozenset({"closed"})
# Of a client that does not say what has to come first.
NOT_GREETED = CLOSED_ONLY | {"NO_ERROR", PROTOCOL, CALM, "SETTINGS_TIMEOUT"}
RECONNECTS = "connects 10 times a second"


def assault(name, what, strike, endings=CALM_ONLY, answers=None, memory=ONE_CONNECTION, limits=ONE_LIMITS, pace=RECONNECTS,
            per_second=10, **options):  # fmt: skip
    return Assault(name, what, endings, answers, memory, limits, pace, strike, per_second, **options)


def siege(name, what, begin, count, endings=OPEN_ONLY, answers=None, memory=2 * MIB, limits="glibc's slack", pace="", **options):
    return Siege(name, what, endings, answers, memory, limits, pace or f"{count} connections", begin, count, **options)


ATTACKS = (
    assault("rapid-reset", "calls that are cancelled at once", rapid_reset, memory=1000 * 4 * KIB + ONE_CONNECTION,
            limits="1000 streams a connection, 4 KiB each; " + ONE_LIMITS),
    assault("made-you-reset", "frames that make the server reset streams", made_you_reset,
            memory=STREAMS_AT_ONCE * STREAM_BUFFER + ONE_CONNECTION, limits="what 200 calls hold, 64 KiB each; " + ONE_LIMITS),
    assault("continuation-flood", "a header block without an end", continuation_flood, CLOSED_ONLY | CALM_ONLY),
    assault("hpack-bomb", "65 536 references to an entry of 3.9 KB, each a byte", hpack_bomb),
    assault("oversized-headers", "header lists of 70 KB, or of 300 fields", oversized_headers),
    assault("huge-metadata", "calls with 20 KB of metadata", calls(GET, frames.message(b""), 20, metadata=[("x-huge", "h" * 20_000)]),
            OPEN_ONLY, frozenset({"status 8"}), pace="200 calls a second: each is answered, which is the server's work to do"),
    assault("empty-frames", "DATA without a byte", flood(lambda peer, target: frames.data(open_stream(peer, target)))),
    assault("dribbled-frames", "DATA of one byte",
            flood(lambda peer, target: frames.data(open_stream(peer, target), b"\0"))),
    assault("ping-flood", "PINGs", flood(frames.ping())),
    assault("settings-flood", "SETTINGS", flood(frames.settings())),
    assault("priority-flood", "PRIORITY", flood(frames.priority(1))),
    assault("window-update-flood", "WINDOW_UPDATEs of one byte", flood(frames.window_update(0, 1))),
    assault("too-many-streams", "1500 calls that never get their message", streams_beyond_the_maximum, frozenset({CALM, PROTOCOL}), per_second=0.5,
            pace="connects every other second: the caller's rate limit would refuse the calls before they can be too many",
            memory=1000 * 4 * KIB + ONE_CONNECTION, limits="1000 streams a connection, 4 KiB each; " + ONE_LIMITS),
    assault("frame-disorder", "frames that the protocol forbids", frame_disorder, frozenset()),
    assault("malformed-headers", "header blocks that HTTP/2 forbids", malformed_headers),
    assault("protocol-confusion", "HTTP/1.1, TLS and noise on a port for HTTP/2", protocol_confusion, CLOSED_ONLY | {PROTOCOL},
            per_second=50, pace="connects 50 times a second"),
    assault("connection-churn", "connections that come and go", churn, OPEN_ONLY, per_second=200,
            pace="connects 200 times a second: more only measures what a connection costs"),
    assault("false-length", "a message that claims 4 GiB", calls(GET, frames.message(b"x", length=0xFFFFFFFF), 20), OPEN_ONLY,
            frozenset({"status 8"}), pace="200 calls a second: each is answered"),
    assault("gzip-bomb", "20 MB of zeros in 20 KB", calls(CREATE, GZIP_BOMB, 5, metadata=[("grpc-encoding", "gzip")]), OPEN_ONLY,
            frozenset({"status 8"}), pace="20 calls a second"),
    assault("deflate-bomb", "20 MB of zeros in 20 KB, of a size that is not stated",
            calls(CREATE, DEFLATE_BOMB, 5, metadata=[("grpc-encoding", "deflate")]), OPEN_ONLY, frozenset({"status 8"}), 3 * MESSAGE_MAX,
            "one message of 4 MiB that grows by doubling; " + ONE_LIMITS, per_second=4,
            pace="20 calls a second: unfolding 4 MiB takes milliseconds of the core, as any honest message of that size"),
    assault("protobuf-bomb", "4 MB of unknown, empty, repeated or broken fields", calls(CREATE, protobuf_bomb, 1), OPEN_ONLY,
            frozenset({"status 3", "status 8", "status 13"}), 6 * MESSAGE_MAX + ONE_CONNECTION, "one message of 4 MiB that grows by doubling, its frames, and its arena (WireLimits)",
            per_second=4, pace="4 calls of 2 to 4 MB a second: receiving them takes the core that the server needs"),
    siege("idle", "idle connections", settled, 2000),
    siege("half-open", "connections that say nothing", silent, 500, NOT_GREETED,
          within=HANDSHAKE_SECONDS + TIMER_SLACK),
    siege("dribbled-preface", "the preface, a byte a second", silent, 500, NOT_GREETED,
          drip=dribble_preface, within=HANDSHAKE_SECONDS + TIMER_SLACK),
    siege("slow-headers", "HEADERS whose block never ends", unfinished_headers, 500, CLOSED_ONLY | {PROTOCOL, CALM},
          within=HEADERS_SECONDS + TIMER_SLACK),
    siege("half-message", "messages that stop after their beginning", unfinished_message, 200, OPEN_ONLY | CALM_ONLY | CLOSED_ONLY,
          frozenset({"status 4", "status 8", "reset CANCEL"}), within=MESSAGE_SECONDS + TIMER_SLACK),
    siege("dribbled-message", "messages that come 7 bytes a second", unfinished_message, 200, OPEN_ONLY | CALM_ONLY, drip=dribble_message),
    siege("window-stall", "50 answers for each connection that its windows do not let out", stalled_windows, 20,
          OPEN_ONLY | CALM_ONLY | CLOSED_ONLY, frozenset({"reset CANCEL", "status 8"}), 20 * 4 * MIB, "buffered answers 4 MiB a connection",
          LISTS_PACE, within=WINDOW_SECONDS + 4 * TIMER_SLACK, per_second=2),
    siege("slow-reader", "answers that are never read", unread_answers, 50, OPEN_ONLY | CALM_ONLY | CLOSED_ONLY, None, 50 * 4 * MIB,
          "buffered answers 4 MiB a connection", LISTS_PACE, drip=one_more_list, receive_buffer=4096, reads=False, per_second=2),
    siege("unfinished-uploads", "100 messages of 4 MiB that lack their end", unfinished_uploads, 4, OPEN_ONLY | CALM_ONLY,
          memory=64 * MIB, limits="messages in the making"),
    siege("many-watches", "900 watches on each connection", many_watches, 2, OPEN_ONLY, None,
          2 * 500 * 192 * KIB, "500 waiting calls a connection, each with 64 KiB of buffer and the list that it begins with",
          "100 watches a second: each begins with a list of 100 instances, which is honest work", drip=more_watches),
)  # fmt: skip

# The buffers of swift-nio-ssl and BoringSSL, of a connection that uses all of them.
TLS_BYTES, TLS_LIMITS = 64 * KIB, "TLS 64 KiB a connection"


def over_tls(name):
    """The attack of that name on a server with TLS, from within TLS."""
    attack = next(attack for attack in ATTACKS if attack.name == name)
    memory = attack.memory + getattr(attack, "count", 1) * TLS_BYTES
    return dataclasses.replace(attack, name=f"{name}-tls", over_tls=True, memory=memory, limits=f"{attack.limits}; {TLS_LIMITS}")


TLS_ATTACKS = (
    *map(over_tls, ("rapid-reset", "continuation-flood", "ping-flood", "dribbled-frames")),
    *map(over_tls, ("dribbled-preface", "window-stall", "slow-reader")),
    siege("dribbled-record-tls", "a TLS record, a byte a second", silent, 500, NOT_GREETED, memory=500 * TLS_BYTES, limits=TLS_LIMITS,
          drip=dribble_record, within=HANDSHAKE_SECONDS + TIMER_SLACK, over_tls=True),
    assault("handshake-flood-tls", "TLS handshakes, and then nothing or a greeting", churn, OPEN_ONLY, per_second=200, over_tls=True,
            pace="200 handshakes a second: more only measures what a handshake costs"),
    siege("half-open-tls", "TLS handshakes that do not go on", half_a_hello, 500, CLOSED_ONLY, within=HANDSHAKE_SECONDS + TIMER_SLACK,
          memory=500 * 24 * KIB, limits="a handshake in progress 24 KiB", over_tls=True, shakes_hands=False),
)  # fmt: skip

KNOWN = {attack.name: attack for attack in ATTACKS + TLS_ATTACKS}
