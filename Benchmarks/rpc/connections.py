"""`Benchmarks/run connections`: what an idle connection costs a server, beside other servers."""

from __future__ import annotations

import argparse
import contextlib
import resource
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass

from . import competition, report
from .contestants import Contestant, Fixture
from .processes import Failure, Server
from .report import Metric
from .unary import CONTESTANTS, fixture

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes.fromhex("000000 04 00 00000000".replace(" ", ""))
SETTINGS_ACK = bytes.fromhex("000000 04 01 00000000".replace(" ", ""))
# Descriptors beside the connections: files, the database, the provider.
SPARE_DESCRIPTORS = 200
# Of one connection's opening, beside thousands of others.
ANSWER_SECONDS = 10
# After the last connection, until the memory is read: what the server does at the opening is done then.
SETTLE_SECONDS = 1


@dataclass(frozen=True)
class Sample:
    bytes_per_connection: float
    cpu_seconds_per_connection: float


METRICS = (
    Metric("memory per idle connection", "KB", 2, lambda sample: sample.bytes_per_connection / 1e3),
    Metric("CPU to open a connection", "us", 1, lambda sample: sample.cpu_seconds_per_connection * 1e6),
)


@contextlib.contextmanager
def idle_connections(server: Server, count: int, shared: Fixture) -> Iterator[None]:
    """Open HTTP/2 connections: both sides' SETTINGS are sent and acknowledged."""
    context = None
    if shared.root:
        context = ssl.create_default_context(cafile=str(shared.root))
        context.set_alpn_protocols(["h2"])
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_SECONDS)
            if context:
                connection = context.wrap_socket(connection, server_hostname="127.0.0.1")
            opened.append(connection)
            connection.sendall(PREFACE + SETTINGS)
            received = b""
            while SETTINGS_ACK not in received:
                part = connection.recv(4096)
                if not part:
                    raise Failure(f"the server closed connection {len(opened)} of {count}")
                received += part
            connection.sendall(SETTINGS_ACK)
        yield
    finally:
        for connection in opened:
            connection.close()


def turn(contestant: Contestant, shared: Fixture, count: int) -> Sample:
    with contestant.running(shared) as server:
        contestant.verify(server, shared)
        time.sleep(SETTLE_SECONDS)
        memory, cpu = server.memory(), server.cpu_seconds()
        with idle_connections(server, count, shared):
            time.sleep(SETTLE_SECONDS)
            sample = Sample((server.memory() - memory) / count, (server.cpu_seconds() - cpu) / count)
            contestant.verify(server, shared)
        return sample


def allow_descriptors(count: int) -> None:
    """For this program and the servers that it starts, which inherit the limit."""
    wanted = count + SPARE_DESCRIPTORS
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise Failure(f"{count} connections need {wanted} descriptors, and the limit is {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="Benchmarks/run connections",
        description="Opens idle connections and tells what each costs the server, beside other servers.",
    )
    parser.add_argument("--count", type=int, default=10_000, help="connections (default 10000)")
    parser.add_argument("--tls", action="store_true", help="TLS 1.3 with a P-256 certificate")
    options = competition.arguments(parser, [contestant.name for contestant in CONTESTANTS])
    if options.count < 1:
        parser.error("--count must be positive")
    return options


def main() -> None:
    options = arguments()
    allow_descriptors(options.count)
    contestants = [contestant for contestant in CONTESTANTS if contestant.name in options.only]
    for contestant in contestants:
        contestant.build()
    with fixture(options, contestants) as shared:
        facts = competition.conditions(options, connections=options.count, tls=options.tls)
        samples = competition.take_turns(
            contestants,
            options.rounds,
            lambda contestant: turn(contestant, shared, options.count),
            lambda sample: f"{sample.bytes_per_connection / 1e3:8.2f} KB   {sample.cpu_seconds_per_connection * 1e6:8.1f} us CPU to open",
        )
    reference = contestants[0].name
    print(report.table(METRICS, samples, reference))
    competition.write_json(options, report.as_json(METRICS, samples, reference, facts))
