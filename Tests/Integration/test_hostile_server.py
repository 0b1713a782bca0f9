"""Servers that attack our client: it gives up the call with the right status, says what was wrong, stays small, and ends by itself.

The servers stand on loopback. Each of them answers the client's preface as it should and waits for its request, and then does the one thing
that no honest server does. What the client bears is HTTP2SessionConfiguration (docs/limits.md) and HTTP2ChannelConfiguration.
"""

import collections
import contextlib
import dataclasses
import gzip
import os
import pathlib
import random
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable

import hyperframe.frame
import interop_peers as peers
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Attacks"))
from attacks import frames
from attacks.attack import MIB

# Within which a client has given up its call and ended, on a busy machine too.
CLIENT_SECONDS = 10
# After the last byte of an attack. What a client does not mind by then it never will, and the server leaves.
REACTION_SECONDS = 2
# Of one call: a server that is being replaced may send it away a few times.
CONNECTIONS_MAX = 5
# Far beyond every limit on frames, and how many of them are sent at once; of frames of data, bytes.
FLOOD_FRAMES, PIECE_FRAMES, BYTES_MAX = 10_000, 100, 32 * MIB
# What an attack may have the client hold, where it does not say otherwise: buffers, and what the allocator keeps of them.
MORE_BYTES = 4 * MIB
RESPONSE_MAX = 64 * MIB

# What the client says of a connection that it ends, by GOAWAY, the last as after every call; of a stream, by RST_STREAM.
CALM, PROTOCOL, FLOW = "GOAWAY ENHANCE_YOUR_CALM", "GOAWAY PROTOCOL_ERROR", "GOAWAY FLOW_CONTROL_ERROR"
FRAME_SIZE, STREAM_CLOSED, COMPRESSION = "GOAWAY FRAME_SIZE_ERROR", "GOAWAY STREAM_CLOSED", "GOAWAY COMPRESSION_ERROR"
REGULAR = "GOAWAY NO_ERROR"
RESET_CANCEL, RESET_PROTOCOL = "RST_STREAM CANCEL", "RST_STREAM PROTOCOL_ERROR"
RESET_FLOW, RESET_INTERNAL = "RST_STREAM FLOW_CONTROL_ERROR", "RST_STREAM INTERNAL_ERROR"
# It ends the connection, with words or without.
END = "the end"


# ---- The server


class Connection:
    """One connection of a client, whose words are noted while it is attacked."""

    def __init__(self, connected, attack, is_over):
        self.socket, self.attack, self.is_over = connected, attack, is_over
        self.changed = threading.Condition()
        self.heard = []
        # Of the last GOAWAY.
        self.reason = ""
        self.frame_count = collections.Counter()
        self.is_ended = self.is_left = self.is_sent_in_full = False
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        # A reset is an end like any other.
        with contextlib.suppress(OSError), self.socket.makefile("rb") as stream:
            stream.read(len(frames.PREFACE))
            while len(head := stream.read(9)) == 9:
                frame, length = hyperframe.frame.Frame.parse_frame_header(memoryview(head))
                frame.parse_body(memoryview(stream.read(length)))
                self.note(frame)
                if self.frame_count["Headers"] and not self.attack.reads:
                    return
        with self.changed:
            self.is_ended = True
            if not self.is_left:
                self.heard.append(END)
            self.changed.notify_all()

    def note(self, frame):
        name = type(frame).__name__.removesuffix("Frame") + (" ACK" if "ACK" in frame.flags else "")
        with self.changed:
            self.frame_count[name] += 1
            if name == "GoAway":
                self.heard.append("GOAWAY " + frames.error_name(frame.error_code))
                self.reason = frame.additional_data.decode(errors="replace")
            elif name == "RstStream":
                self.heard.append("RST_STREAM " + frames.error_name(frame.error_code))
            self.changed.notify_all()

    def wait(self, condition=lambda: False, seconds=CLIENT_SECONDS):
        """Until the condition holds or the client has ended the connection."""
        with self.changed:
            self.changed.wait_for(lambda: self.is_ended or condition(), seconds)

    def serve(self):
        with self.socket:
            # The client may end the connection at any time.
            with contextlib.suppress(OSError):
                self.attack_client()
                self.is_sent_in_full = True
            if self.attack.reads:
                if self.attack.waits:
                    self.wait(seconds=REACTION_SECONDS)
            else:
                # Nothing is learned of a client that is not listened to, but that it has ended.
                self.is_over.wait()
            self.is_left = True
            # The one who listens would keep it open.
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)

    def attack_client(self):
        if self.attack.greeting is not None:
            self.socket.sendall(self.attack.greeting)
            self.wait(lambda: self.frame_count["Settings"])
            self.socket.sendall(frames.SETTINGS_ACK)
            self.wait(lambda: self.frame_count["Headers"])
        for piece in self.attack.strike(self):
            self.socket.sendall(piece)


class HostileServer:
    """Does the same to everyone who connects."""

    def __init__(self, attack):
        self.attack = attack
        self.connections, self.threads = [], []
        self.is_over = threading.Event()
        self.listener = socket.socket()
        if not attack.reads:
            # With these the kernels hold a hundred kilobytes for a connection, and not megabytes: no request of the client is larger.
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        # Closing it would not wake the one who accepts.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = Connection(self.listener.accept()[0], self.attack, self.is_over)
                self.connections.append(connection)
                self.threads.append(threading.Thread(target=connection.serve, daemon=True))
                self.threads[-1].start()


# ---- The client

# Linux counts to a program's peak that of the one which started it, and pytest is far larger than the client: a small one is put between.
LAUNCHER = """if True:
    import os, signal, sys
    process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(process, signal.SIGKILL))
    signal.alarm(int(sys.argv[1]))
    _, status, usage = os.wait4(process, 0)
    print("ENDED", status, usage.ru_maxrss)
"""


@dataclasses.dataclass(frozen=True)
class Outcome:
    # The client's exit status; what killed it when negative, as it is when it did not end in time.
    exit_code: int
    # What the client says of its one case.
    verdict: str
    peak_bytes: int
    connections: list


def victim(attack):
    """Has the client call the one who attacks it."""
    with HostileServer(attack) as server:
        client = [str(peers.BINARIES / "InteropClient"), f"--server_port={server.port}", f"--test_case={attack.case}"]
        process = subprocess.run(
            [sys.executable, "-SE", "-c", LAUNCHER, str(CLIENT_SECONDS), *client], stdout=subprocess.PIPE, text=True, env=peers.ENVIRONMENT,
            check=True)
    verdict, _, ending = process.stdout.rpartition("ENDED ")
    status, peak_kilobytes = ending.split()
    return Outcome(os.waitstatus_to_exitcode(int(status)), verdict.strip(), int(peak_kilobytes) << 10, server.connections)


# ---- Parts of attacks

HEAD = frames.block((":status", "200"), ("content-type", "application/grpc"))
RESPONSE = frames.headers(1, HEAD)
GZIP, DEFLATE = (frames.headers(1, HEAD + frames.field("grpc-encoding", name)) for name in ("gzip", "deflate"))
INTERIM = frames.block((":status", "103"), ("link", "</x>"))
SUCCESS = frames.headers(1, frames.block(("grpc-status", "0")), end=True)
FAILURE = frames.headers(1, HEAD + frames.field("grpc-status", "9"), end=True)
WIDE_OPEN = frames.settings((frames.INITIAL_WINDOW_SIZE, frames.WINDOW_MAX)) + frames.window_update(0, frames.WINDOW_MAX - 65_535)
NOISE = random.Random(1).randbytes(64 << 10)


def once(*pieces):
    return lambda connection: pieces


def flood(piece, first=b""):
    def strike(connection):
        yield first
        for _ in range(FLOOD_FRAMES // PIECE_FRAMES):
            yield piece * PIECE_FRAMES

    return strike


def pings(connection):
    """No faster than they are answered, for what waits unsent has a limit of its own."""
    for number in range(FLOOD_FRAMES // PIECE_FRAMES):
        connection.wait(lambda: connection.frame_count["Ping ACK"] >= (number - 1) * PIECE_FRAMES)
        yield frames.ping() * PIECE_FRAMES


def messages(connection):
    """Without a look at the windows, and faster than anyone reads them, until the client says something."""
    yield RESPONSE
    piece = frames.data(1, frames.message(b"") * 3000) * 8
    for _ in range(BYTES_MAX // len(piece)):
        if connection.heard:
            break
        yield piece


def headers(*fields):
    return frames.header_frames(1, HEAD + frames.block(*fields))


def trailers(*fields):
    """Of a response that is complete but for them."""
    return RESPONSE + message(b"") + frames.header_frames(1, frames.block(*fields), end=True)


def message(payload, **options):
    """In DATA frames, which may go beyond the windows."""
    whole = frames.message(payload, **options)
    return b"".join(frames.data(1, whole[start : start + frames.FRAME_MAX]) for start in range(0, len(whole), frames.FRAME_MAX))


def bomb(head, fold):
    """A compressed message, made when it is needed, and a status that has it looked at."""

    def strike(connection):
        yield head + message(fold(), compressed=True) + SUCCESS

    return strike


def goaway(last_stream, error=0):
    return frames.frame(frames.GOAWAY, payload=last_stream.to_bytes(4, "big") + error.to_bytes(4, "big"))


# One entry of the table near its limit, and references to it, one byte each.
BOMB = frames.field("x-bomb", "b" * 3900, indexed=True) + frames.indexed_field(62) * (4 * frames.FRAME_MAX)
MORE = frames.field("x-more", "m" * 16_000)
OK_FIELD = ("grpc-status", "0")
# Beyond the list of 16 KiB that the client announces, beyond the four times as much that it bears, and beyond its 256 fields.
LARGE, HUGE, MANY = [("x-large", "l" * 20_000)], [("x-huge", "h" * 20_000)] * 4, [("x-many", "m")] * 300
PUSHED = frames.block((":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "localhost"))


# ---- The attacks


@dataclasses.dataclass(frozen=True)
class Attack:
    name: str
    # Makes the pieces that are sent one after the other, for a connection.
    strike: Callable
    # Of the call: UNAVAILABLE where the connection ends with it, whoever ends that; INTERNAL where HTTP/2 has its stream alone reset.
    status: str
    # What every connection has to hear.
    answer: str | None
    case: str = "empty_unary"
    more_bytes: int = MORE_BYTES
    # Sent before the request; None: this is not even HTTP/2.
    greeting: bytes | None = frames.settings()
    # Whether the server reads on when the request has begun.
    reads: bool = True
    # Whether it waits for what the client says to the attack. A client bears floods of small frames from the server that it has chosen: they
    # cost it no memory, and time only while they come.
    waits: bool = True


ATTACKS = [
    # Header lists: too large is RESOURCE_EXHAUSTED, by however much.
    Attack("CONTINUATION without end", flood(frames.continuation(1), frames.headers(1, HEAD, end_headers=False)), "UNAVAILABLE", CALM),
    Attack("large CONTINUATION without end",
           flood(frames.continuation(1, MORE), frames.headers(1, HEAD, end_headers=False)), "UNAVAILABLE", CALM),
    Attack("HPACK bomb in headers", once(frames.header_frames(1, HEAD + BOMB)), "RESOURCE_EXHAUSTED", CALM),
    Attack("HPACK bomb in trailers", once(RESPONSE + frames.header_frames(1, BOMB, end=True)), "RESOURCE_EXHAUSTED", CALM),
    Attack("large value in headers", once(headers(*LARGE)), "RESOURCE_EXHAUSTED", RESET_CANCEL),
    Attack("large value in trailers", once(trailers(OK_FIELD, *LARGE)), "RESOURCE_EXHAUSTED", REGULAR),
    Attack("large value before the status", once(trailers(*LARGE, OK_FIELD)), "RESOURCE_EXHAUSTED", REGULAR),
    Attack("huge values in headers", once(headers(*HUGE)), "RESOURCE_EXHAUSTED", CALM),
    Attack("huge values in trailers", once(trailers(OK_FIELD, *HUGE)), "RESOURCE_EXHAUSTED", CALM),
    Attack("many fields in headers", once(headers(*MANY)), "RESOURCE_EXHAUSTED", RESET_INTERNAL),
    Attack("many fields in trailers", once(trailers(OK_FIELD, *MANY)), "RESOURCE_EXHAUSTED", RESET_INTERNAL),
    Attack("interim headers without end", flood(frames.headers(1, INTERIM)), "UNAVAILABLE", None, waits=False),
    # Floods.
    Attack("PING", pings, "UNAVAILABLE", None, waits=False),
    Attack("SETTINGS", flood(frames.settings()), "UNAVAILABLE", CALM),
    Attack("SETTINGS of many entries", once(frames.settings(*[(frames.INITIAL_WINDOW_SIZE, 65_535)] * 2000)), "UNAVAILABLE", CALM),
    Attack("empty DATA", flood(frames.data(1), RESPONSE), "UNAVAILABLE", CALM),
    Attack("DATA of padding alone", flood(frames.frame(frames.DATA, 8, 1, b"\0"), RESPONSE), "UNAVAILABLE", CALM),
    Attack("a message byte by byte", flood(frames.data(1, b"x"), RESPONSE + message(b"", length=MIB)), "UNAVAILABLE", None, waits=False),
    Attack("WINDOW_UPDATE of the connection", flood(frames.window_update(0, 1)), "UNAVAILABLE", None, waits=False),
    Attack("WINDOW_UPDATE of the stream", flood(frames.window_update(1, 1)), "UNAVAILABLE", None, case="ping_pong", waits=False),
    Attack("PRIORITY", flood(frames.priority(1)), "UNAVAILABLE", None, waits=False),
    Attack("frames of an unknown type", flood(frames.frame(0xBE, 0, 1, b"whatever")), "UNAVAILABLE", None, waits=False),
    Attack("complaint after complaint", flood(goaway(frames.WINDOW_MAX, error=11)), "UNAVAILABLE", None, waits=False),
    Attack("GOAWAY after GOAWAY", flood(goaway(frames.WINDOW_MAX)), "UNAVAILABLE", None, waits=False),
    # The call is made anew once, to the same end.
    Attack("GOAWAY that takes no call", once(goaway(0) * PIECE_FRAMES), "UNAVAILABLE", END),
    # Windows. That of the connection cannot be overrun, for its credit comes back on arrival.
    Attack("overflow of the stream's window", once(frames.window_update(1, frames.WINDOW_MAX)), "INTERNAL", RESET_FLOW, case="ping_pong"),
    Attack("overflow of the connection's window", once(frames.window_update(0, frames.WINDOW_MAX)), "UNAVAILABLE", FLOW),
    Attack("overflow of the stream's window by SETTINGS",
           once(frames.window_update(1, frames.WINDOW_MAX - 65_535) + frames.settings((frames.INITIAL_WINDOW_SIZE, MIB))), "INTERNAL",
           RESET_FLOW, case="ping_pong"),
    Attack("SETTINGS with a window beyond all", once(frames.settings((frames.INITIAL_WINDOW_SIZE, 1 << 31))), "UNAVAILABLE", FLOW),
    # A window of 1 MiB is full of messages, each of which costs more than its five bytes.
    Attack("DATA beyond the stream's window", messages, "INTERNAL", RESET_FLOW, case="server_streaming", more_bytes=8 * MIB),
    # Frames in disorder.
    Attack("RST_STREAM of a stream that never was", once(frames.reset(3)), "UNAVAILABLE", PROTOCOL),
    Attack("RST_STREAM of a stream of the server's", once(frames.reset(2)), "UNAVAILABLE", PROTOCOL),
    Attack("DATA on a stream that never was", once(frames.data(3, b"idle")), "UNAVAILABLE", PROTOCOL),
    Attack("HEADERS on a stream that never was", once(frames.headers(3, HEAD)), "UNAVAILABLE", PROTOCOL),
    Attack("PUSH_PROMISE", once(frames.frame(frames.PUSH_PROMISE, 4, 1, b"\0\0\0\2" + PUSHED)), "UNAVAILABLE", PROTOCOL),
    Attack("a frame beyond MAX_FRAME_SIZE", once(RESPONSE + frames.data(1, bytes(frames.FRAME_MAX + 1))), "UNAVAILABLE", FRAME_SIZE),
    Attack("HEADERS that cannot be decoded", once(frames.headers(1, b"\xff\xff\xff\xff\x0f")), "UNAVAILABLE", COMPRESSION),
    Attack("HEADERS of a malformed field", once(headers(("Upper", "case"))), "INTERNAL", RESET_PROTOCOL),
    # The first status counts.
    Attack("HEADERS after END_STREAM", once(FAILURE * 2), "FAILED_PRECONDITION", STREAM_CLOSED, case="ping_pong"),
    Attack("trailers without END_STREAM", once(RESPONSE + frames.headers(1, frames.block(OK_FIELD))), "INTERNAL", RESET_PROTOCOL),
    Attack("garbage after the request", once(NOISE), "UNAVAILABLE", FRAME_SIZE),
    Attack("garbage", once(NOISE), "UNAVAILABLE", PROTOCOL, greeting=None),
    Attack("HTTP/1.1", once(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), "UNAVAILABLE", PROTOCOL, greeting=None),
    # Messages.
    Attack("messages without end for a unary call", messages, "UNIMPLEMENTED", RESET_CANCEL),
    Attack("a message of 2 GiB announced", once(RESPONSE + message(b"x", length=2 << 30)), "RESOURCE_EXHAUSTED", RESET_CANCEL),
    Attack("a message of 64 MiB announced and cut", once(RESPONSE + message(b"x", length=RESPONSE_MAX) + SUCCESS), "INTERNAL", REGULAR),
    Attack("gzip bomb beyond the limit", bomb(GZIP, lambda: gzip.compress(bytes(80 * MIB))), "RESOURCE_EXHAUSTED", REGULAR),
    Attack("gzip bomb within the limit", bomb(GZIP, lambda: gzip.compress(bytes(32 * MIB))), "RESOURCE_EXHAUSTED", REGULAR),
    Attack("gzip bomb that says it is small", bomb(GZIP, lambda: gzip.compress(bytes(32 * MIB))[:-4] + b"\0\0\1\0"), "INTERNAL", REGULAR),
    # It does not say how large it is, and the noise makes it look honest: the limit is reached, and what grows to it is copied once.
    Attack("deflate bomb", bomb(DEFLATE, lambda: zlib.compress(NOISE + bytes(80 * MIB))), "RESOURCE_EXHAUSTED", REGULAR,
           more_bytes=2 * RESPONSE_MAX),
    # Statuses.
    Attack("trailers without a status", once(trailers(("x-what", "ever"))), "UNKNOWN", REGULAR),
    Attack("a status that is no number", once(trailers(("grpc-status", "ok"))), "UNKNOWN", REGULAR),
    Attack("a status that does not exist", once(trailers(("grpc-status", "99"))), "UNKNOWN", REGULAR),
    # Who is sent away at the door comes again at once, but not without end.
    Attack("goodbye with the greeting", once(), "UNAVAILABLE", END, greeting=frames.settings() + goaway(frames.WINDOW_MAX)),
    Attack("a broken rule with the greeting", once(), "UNAVAILABLE", PROTOCOL, greeting=frames.settings() + frames.reset(2)),
    # Nothing can be said to who does not read, and yet there is an end.
    Attack("a status and no more reading", once(FAILURE), "FAILED_PRECONDITION", None, "large_unary", greeting=WIDE_OPEN, reads=False),
    Attack("a broken rule and no more reading", once(frames.reset(2)), "UNAVAILABLE", None, "large_unary", greeting=WIDE_OPEN, reads=False),
]


@pytest.fixture(scope="module")
def calm_bytes():
    """The peak of a client that nobody attacks, by a server of this kind."""
    outcome = victim(Attack("none", once(trailers(OK_FIELD)), "OK", REGULAR))
    (connection,) = outcome.connections
    assert (outcome.exit_code, outcome.verdict, connection.heard) == (0, "OK: empty_unary", [REGULAR, END])
    return outcome.peak_bytes


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_client_survives(attack, calm_bytes):
    outcome = victim(attack)
    assert outcome.exit_code == 1, f"{outcome.exit_code}, {outcome.verdict}"
    assert outcome.verdict.startswith(f"FAILED: {attack.case}: {attack.status}:"), outcome.verdict
    assert 1 <= len(outcome.connections) <= CONNECTIONS_MAX
    for connection in outcome.connections:
        if attack.answer:
            assert attack.answer in connection.heard, f"{connection.heard}, {connection.reason!r}, {dict(connection.frame_count)}"
        # Who says goodbye as after any call must have had all of it.
        assert connection.is_sent_in_full or {*connection.heard} - {REGULAR, END}, connection.heard
    more_bytes = outcome.peak_bytes - calm_bytes
    assert more_bytes <= attack.more_bytes, f"{more_bytes >> 10} KiB more than the {calm_bytes >> 10} KiB without an attack"
