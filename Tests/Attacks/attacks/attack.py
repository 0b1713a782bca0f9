"""What an attack is: how it is carried out on one connection, what the server has to do about it, and what it may cost."""

import collections
import dataclasses
import selectors
import time
from collections.abc import Callable
from typing import NamedTuple

from . import frames
from .peer import Peer

KIB, MIB = 1 << 10, 1 << 20
# An attack of this length or more is also held until the server's timers are over.
FULL_SECONDS = 30
# Given to a siege for its connections to come about, at the least.
BEGIN_SECONDS = 5
# What an attacking connection may cost by the rule, above the named limits.
CONNECTION_BYTES = 20 * KIB
CALM, PROTOCOL, FLOW = "ENHANCE_YOUR_CALM", "PROTOCOL_ERROR", "FLOW_CONTROL_ERROR"
FRAME_SIZE, STREAM_CLOSED = "FRAME_SIZE_ERROR", "STREAM_CLOSED"
# Loopback has a whole network of addresses: a limit for each of them is not what ends these attacks.
SOURCES = [f"127.0.{number // 250}.{number % 250 + 2}" for number in range(1000)]


@dataclasses.dataclass(frozen=True)
class Target:
    address: tuple
    token: str
    instance: str
    tls: object = None

    def block(self, path, *more):
        return frames.request_block(path, ("authorization", f"Bearer {self.token}"), *more)

    def connect(self, number, **options):
        return Peer(self.address, self.tls, source=SOURCES[number % len(SOURCES)], **options)


class Expected(NamedTuple):
    """What one connection has to bring, where that is more particular than what the attack may bring."""

    ending: str
    # The code of the resets of its streams.
    reset: str | None = None


@dataclasses.dataclass(frozen=True)
class Attack:
    name: str
    what: str
    # How a connection may end: the code of GOAWAY, `closed` without one; `open` when it breaks no rule.
    endings: frozenset
    # Statuses and codes of resets that single calls may end with; at least one of them must be seen. None: whatever.
    answers: frozenset | None
    # What the attack may cost beyond CONNECTION_BYTES a connection, and which limits add up to it.
    memory: int
    limits: str
    # Why the attacker does not do more than it does.
    pace: str
    # Whether the server has TLS, and whether the attacker goes through its handshake or attacks that.
    over_tls: bool = dataclasses.field(default=False, kw_only=True)
    shakes_hands: bool = dataclasses.field(default=True, kw_only=True)

    def lasts(self, seconds):
        """How long the attack takes when it is asked to take `seconds`."""
        return seconds

    def base(self):
        return {"peak_open": 0, "connections": 0, "bytes": 0, "endings": collections.Counter(), "answers": collections.Counter()}

    @staticmethod
    def add(result, peer, endings, reset=None):
        result["bytes"] += peer.sent_bytes
        result["endings"][peer.ending] += 1
        result["answers"].update({f"status {code}": count for code, count in peer.statuses.items()})
        result["answers"].update({f"reset {code}": count for code, count in peer.resets.items()})
        if peer.ending not in endings:
            result.setdefault("unexpected", f"ended by {peer.ending} (not {' or '.join(sorted(endings))}), {peer.goaway}, {peer.closed_by}")
        if reset and not peer.resets[reset]:
            result.setdefault("unexpected", f"had no stream reset by {reset}, but {dict(peer.resets)}, and {dict(peer.statuses)}")


@dataclasses.dataclass(frozen=True)
class Assault(Attack):
    """One connection after another, each until the server ends it or the pattern is over."""

    strike: Callable
    # Connections begun in a second.
    per_second: float = 10

    def run(self, target, seconds):
        result, start = self.base(), time.monotonic()
        while (now := time.monotonic() - start) < seconds:
            due = result["connections"] / self.per_second
            if due > now:
                time.sleep(min(due - now, seconds - now))
                continue
            peer = target.connect(result["connections"])
            expected = self.strike(peer, target, result["connections"])
            result["connections"] += 1
            self.add(result, peer, {expected.ending} if expected else self.endings, expected and expected.reset)
            peer.close()
        result["peak_open"] = 1
        return result


@dataclasses.dataclass(frozen=True)
class Siege(Attack):
    """Many connections at once, held for as long as the server bears them."""

    begin: Callable
    count: int = 100
    # Connections begun in a second.
    per_second: float = 200
    # Called for each connection once in a second.
    drip: Callable | None = None
    # Seconds after its beginning by which the server must have ended a connection (`endings`) or its calls (`answers`).
    within: float | None = None
    receive_buffer: int | None = None
    reads: bool = True

    def lasts(self, seconds):
        if not self.within or seconds < FULL_SECONDS:
            return seconds
        return max(seconds, self.within + max(BEGIN_SECONDS, self.count / self.per_second))

    def run(self, target, seconds):
        result, start = self.base(), time.monotonic()
        selector, peers = selectors.DefaultSelector(), []
        next_drip = time.monotonic()
        while (now := time.monotonic()) - start < self.lasts(seconds):
            if len(peers) < min(self.count, 1 + (now - start) * self.per_second):
                self._open(target, selector, peers)
            if self.drip and now >= next_drip:
                next_drip += 1
                for peer in peers:
                    if not peer.is_closed:
                        self.drip(peer, target)
            for key, _ in selector.select(0.1 if len(peers) == self.count else 0.5 / self.per_second):
                key.data.pump()
                if key.data.is_closed:
                    selector.unregister(key.fileobj)
        result["connections"] = result["peak_open"] = len(peers)
        self._judge(result, peers, now)
        return result

    def _open(self, target, selector, peers):
        peer = target.connect(len(peers), receive_buffer=self.receive_buffer)
        peers.append(peer)
        self.begin(peer, target, len(peers) - 1)
        if self.reads and not peer.is_closed:
            selector.register(peer.socket, selectors.EVENT_READ, peer)

    def _judge(self, result, peers, now):
        for peer in peers:
            is_due = self.within is not None and now - peer.began > self.within
            # Who was cut before the limit, or is not due yet, is in order too.
            self.add(result, peer, self.endings if is_due else self.endings | {"open"})
            peer.close()
        lifetimes = [peer.ended_at - peer.began for peer in peers if peer.is_closed]
        if lifetimes:
            result["longest_life"] = max(lifetimes)
