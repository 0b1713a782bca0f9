"""The honest client: unary calls at an even rate, each timed from the instant at which it was due.

    python -m attacks.honest ADDRESS PORT RATE SECONDS CONNECTIONS PATH BODY-IN-HEX TOKEN [CERTIFICATE]

Prints one JSON object. A server that stalls is charged for every call that became due meanwhile. `late_ms` is by how much this program
itself was late to send, at the 99th percentile: below that nothing is measured. A call fails that has no answer within CALL_SECONDS, whose
stream or connection is ended, or whose status is not OK; a connection that was ended is made anew, as any client does.
"""

import gc
import json
import select
import sys
import time

from . import frames
from .peer import Peer
from .processes import end_with_parent, trusting

CALL_SECONDS = 5
# Of the answers to come after the last call was sent.
REST_SECONDS = CALL_SECONDS + 0.5
# Credit is given back in pieces of this size.
CREDIT = 1 << 20


class HonestPeer(Peer):
    """Keeps what its calls wait for. An answer ends with the trailers."""

    def __init__(self, address, tls, finished):
        super().__init__(address, tls)
        self.finished = finished
        self.due = {}
        self.received = 0
        self.greet((frames.INITIAL_WINDOW_SIZE, frames.WINDOW_MAX))
        self.send(frames.window_update(0, 8 * CREDIT))
        if not self.wait(lambda: self.has_settings, CALL_SECONDS):
            raise ConnectionError("no SETTINGS of the server")
        self.send(frames.SETTINGS_ACK)

    def begin(self, due, block, body):
        stream = self.next_stream()
        self.due[stream] = due
        self.send(frames.headers(stream, block) + frames.data(stream, body, end=True))

    def _take(self, kind, flags, stream, payload):
        before = self.statuses[0]
        super()._take(kind, flags, stream, payload)
        if kind == frames.DATA:
            self.received += len(payload)
            if self.received >= CREDIT:
                self.send(frames.window_update(0, self.received))
                self.received = 0
        is_over = kind == frames.RST_STREAM or (kind == frames.HEADERS and flags & frames.END_STREAM)
        if is_over and stream in self.due:
            self.finished(self.due.pop(stream), "" if self.statuses[0] > before else f"status {dict(self.statuses)} {dict(self.resets)}")

    def _ended(self, how):
        super()._ended(how)
        for due in self.due.values():
            self.finished(due, f"connection ended: {how} {self.goaway}")
        self.due = {}


class Load:
    def __init__(self, address, tls, count, block, body):
        self.address, self.tls, self.block, self.body = address, tls, block, body
        self.times, self.late, self.failures = [], [], []
        self.peers = [self.connect() for _ in range(count)]

    def connect(self):
        return HonestPeer(self.address, self.tls, self.finished)

    def finished(self, due, failure):
        self.times.append(time.perf_counter() - due)
        if failure:
            self.failures.append(failure)

    def begin(self, number, due):
        self.late.append(time.perf_counter() - due)
        index = number % len(self.peers)
        if self.peers[index].is_closed or self.peers[index].goaway:
            try:
                self.peers[index] = self.connect()
            except OSError as error:
                return self.finished(due, f"cannot connect: {error}")
        self.peers[index].begin(due, self.block, self.body)

    def pump(self, seconds):
        ready, _, _ = select.select([peer.socket for peer in self.peers if not peer.is_closed], [], [], max(0.0, seconds))
        for peer in self.peers:
            if peer.socket in ready:
                peer.pump()

    def expire(self):
        limit = time.perf_counter() - CALL_SECONDS
        for peer in self.peers:
            for stream in [stream for stream, due in peer.due.items() if due < limit]:
                self.finished(peer.due.pop(stream), "no answer in time")

    def run(self, rate, seconds):
        start, count = time.perf_counter(), int(rate * seconds)
        for number in range(count):
            due = start + number / rate
            while (rest := due - time.perf_counter()) > 0:
                self.pump(rest)
            self.begin(number, due)
            if number % int(rate) == 0:
                self.expire()
        end = time.perf_counter() + REST_SECONDS
        while any(peer.due for peer in self.peers) and time.perf_counter() < end:
            self.pump(0.05)
            self.expire()


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main(host, port, rate, seconds, connections, path, body, token, certificate=None):
    end_with_parent()
    gc.disable()
    block = frames.request_block(path, ("grpc-timeout", f"{CALL_SECONDS}S"), ("authorization", f"Bearer {token}"))
    load = Load((host, int(port)), trusting(certificate), int(connections), block, frames.message(bytes.fromhex(body)))
    load.run(float(rate), float(seconds))
    milliseconds = {f"p{share}_ms": 1000 * quantile(load.times, share / 100) for share in (50, 99, 100)}
    result = {"made": len(load.late), "failed": len(load.failures), "failures": sorted(set(load.failures))[:5]}
    print(json.dumps({**result, **milliseconds, "late_ms": 1000 * quantile(load.late, 0.99)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
