"""Ten thousand idle connections: what one of them costs.

    scripts/attacks idle [--connections 10000] [--only plain,tls]
"""

import argparse
import resource
import sys
import time

from . import frames
from .attack import CONNECTION_BYTES, KIB, SOURCES
from .peer import Peer
from .processes import FILES, exit_on_signals, resident_bytes, trusting
from .scene import scene

# Between the last connection and the look at the memory: what the handshakes took is given back.
SETTLE_SECONDS = 2
# What a connection may cost. With TLS swift-nio-ssl adds buffers of 32 and 16 KiB that stay as long as it does, of which it has written to the
# first pages, and BoringSSL its state.
COSTS_MAX = {"plain": CONNECTION_BYTES, "tls": CONNECTION_BYTES + 16 * KIB}
# Connections that are made before the first look: what is made once for all of them is not the price of one.
WARM_UP = 50


def arguments(argv):
    parser = argparse.ArgumentParser(prog="scripts/attacks idle", description="Measures what an idle connection costs the server.")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--only", type=lambda text: text.split(","), default=["plain", "tls"], metavar="plain,tls")
    return parser.parse_args(argv)


def connect(program, tls, number):
    peer = Peer(("127.0.0.1", program.port), tls, source=SOURCES[number % len(SOURCES)])
    peer.greet()
    if not peer.wait(lambda: peer.has_settings, 20):
        raise ConnectionError(f"connection {number} has ended: {peer.ending} {peer.goaway} {peer.closed_by}")
    peer.send(frames.SETTINGS_ACK)
    return peer


def measure(place, kind, count):
    with place.server(tls=kind == "tls") as program:
        tls = trusting(place.certificate if kind == "tls" else None)
        peers = [connect(program, tls, number) for number in range(WARM_UP)]
        before, start = resident_bytes(program.process.pid), time.monotonic()
        peers += [connect(program, tls, number) for number in range(count)]
        seconds = time.monotonic() - start
        time.sleep(SETTLE_SECONDS)
        for peer in peers:
            peer.pump()
        lost = sum(peer.is_closed for peer in peers)
        each = (resident_bytes(program.process.pid) - before) / count
        for peer in peers:
            peer.close()
    is_held = each <= COSTS_MAX[kind] and not lost
    print(f"{'held' if is_held else 'FAILED'}: {count} idle connections, {kind}: {each / 1024:.2f} KiB each of {COSTS_MAX[kind] // KIB} KiB, "
          f"{lost} lost, made in {seconds:.1f} s", flush=True)  # fmt: skip
    return is_held


def main(argv):
    options = arguments(argv)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    with scene() as place:
        return 0 if all([measure(place, kind, options.connections) for kind in options.only]) else 1


if __name__ == "__main__":
    try:
        exit_on_signals()
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
