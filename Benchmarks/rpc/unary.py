"""`Benchmarks/run rpc`: GetInstance of novitaid beside other servers, one core for the server."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format

from . import competition, report
from .certificates import make_certificate
from .contestants import BENCHMARKS, BUILD, PACER, REPOSITORY, Contestant, Fixture, Peer, StaticFile, make
from .load import FixedRate, FullLoad, Shape, Sequential, fixed_rate, full_load, generator_limits, h2load, sequential
from .novitaid import Novitaid
from .protocol import Protocol
from .report import Metric

CONTESTANTS: tuple[Contestant, ...] = (
    Novitaid(),
    Peer("grpc-c++", "grpc-cpp", "grpc C++, callback API (Debian's libgrpc++-dev)"),
    Peer("grpc-go", "grpc-go", "grpc-go (Debian's golang-google-grpc-dev)"),
    Peer("grpc-swift", "grpc-swift", "grpc-swift 2 on SwiftNIO (SwiftPM)"),
    StaticFile(),
)

# From a server's first answers to the reading of its idle memory.
SETTLE_SECONDS = 0.5
# A server that answers fewer of the due calls did not hold the rate, and its latency only tells how long the run was.
HELD = 0.99


@dataclass(frozen=True)
class Sample:
    idle_bytes: int
    loaded_bytes: int
    full: FullLoad
    sequential: Sequential
    # None with TLS, which the pacer does not speak.
    fixed: FixedRate | None


LOADED = (
    Metric("requests per second, full load", "1/s", 0, lambda sample: sample.full.requests_per_second),
    Metric("CPU per request, full load", "us", 2, lambda sample: sample.full.cpu_seconds_per_request * 1e6),
    Metric("server core busy, full load", "%", 1, lambda sample: sample.full.busy * 100),
    Metric("generator core busy, full load", "%", 1, lambda sample: sample.full.generator_busy * 100),
    Metric("p50, one call at a time", "us", 1, lambda sample: sample.sequential.p50_seconds * 1e6),
    Metric("p99, one call at a time", "us", 1, lambda sample: sample.sequential.p99_seconds * 1e6),
    Metric("CPU per request, one call at a time", "us", 2, lambda sample: sample.sequential.cpu_seconds_per_request * 1e6),
)
PACED = (
    Metric("p50 at the fixed rate", "us", 1, lambda sample: sample.fixed.p50_seconds * 1e6),
    Metric("p99 at the fixed rate", "us", 1, lambda sample: sample.fixed.p99_seconds * 1e6),
    Metric("CPU per request at the fixed rate", "us", 2, lambda sample: sample.fixed.cpu_seconds_per_request * 1e6),
)
MEMORY = (
    Metric("resident memory, idle", "MB", 1, lambda sample: sample.idle_bytes / 1e6),
    Metric("resident memory, most under load", "MB", 1, lambda sample: sample.loaded_bytes / 1e6),
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="Benchmarks/run rpc",
        description="Measures GetInstance of novitaid beside other gRPC servers and nghttpd, one core for the server. "
        "Benchmarks/README.md tells what the figures mean.",
    )
    parser.add_argument("--rate", type=float, default=5000, help="calls per second at the fixed rate (default 5000)")
    parser.add_argument("--tls", action="store_true", help="TLS 1.3 with a P-256 certificate; without the fixed rate")
    options = competition.arguments(parser, [contestant.name for contestant in CONTESTANTS])
    if options.rate <= 0:
        parser.error("--rate must be positive")
    return options


@contextlib.contextmanager
def fixture(options: argparse.Namespace, contestants: list[Contestant]) -> Iterator[Fixture]:
    protocol = Protocol(REPOSITORY / "proto", BUILD / "python")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="novitai-benchmark-")))
        certificate = make_certificate(folder) if options.tls else None
        shared = Fixture(folder, protocol, secrets.token_hex(32), None, options.server_core, options.load_core, certificate)
        ours = next((contestant for contestant in contestants if isinstance(contestant, Novitaid)), None)
        if ours is None:
            text = (BENCHMARKS / "rpc" / "instance.textproto").read_text()
            shared.instance = text_format.Parse(text, protocol.instance.Instance())
        else:
            stack.enter_context(ours.provider(shared))
            shared.instance = ours.create_instance(shared)
        shared.write()
        yield shared


def turn(contestant: Contestant, shared: Fixture, options: argparse.Namespace) -> Sample:
    """One contestant in one round: a fresh process, so that nothing is carried over."""
    with contestant.running(shared) as server:
        reply_bytes = contestant.verify(server, shared)
        time.sleep(SETTLE_SECONDS)
        idle = server.memory()
        request = contestant.request(shared)
        full = full_load(h2load, server, request, shared.load_core, options.seconds, Shape(reply_bytes=reply_bytes))
        loaded = server.peak_memory()
        alone = sequential(server, request, shared.load_core, reply_bytes, shared.folder)
        paced = None if options.tls else fixed_rate(server, request, shared.load_core, options.seconds, options.rate, PACER)
        return Sample(idle, loaded, full, alone, paced)


def line(sample: Sample) -> str:
    alone = f"{sample.full.requests_per_second:10.0f} requests/s   alone {sample.sequential.p50_seconds * 1e6:5.0f} us"
    if sample.fixed is None:
        return alone
    return f"{alone}   paced p50 {sample.fixed.p50_seconds * 1e6:6.0f} us   p99 {sample.fixed.p99_seconds * 1e6:6.0f} us"


def warnings(samples: report.Samples) -> list[str]:
    """What a reader must know before using the figures."""
    late = [
        f"{name} did not hold the fixed rate: its latency says nothing"
        for name, rounds in samples.items()
        if any(sample.fixed is not None and sample.fixed.held < HELD for sample in rounds)
    ]
    return late + generator_limits(samples)


def main() -> None:
    options = arguments()
    contestants = [contestant for contestant in CONTESTANTS if contestant.name in options.only]
    make(PACER.name)
    for contestant in contestants:
        contestant.build()
    with fixture(options, contestants) as shared:
        facts = competition.conditions(
            options, rate=options.rate, tls=options.tls, reply_bytes=len(shared.instance.SerializeToString())
        )
        samples = competition.take_turns(contestants, options.rounds, lambda contestant: turn(contestant, shared, options), line)
    reference = contestants[0].name
    metrics = (*LOADED, *(() if options.tls else PACED), *MEMORY)
    print(report.table(metrics, samples, reference))
    if others := report.times_the_others(LOADED[0], samples, reference):
        print(f"\n{reference} serves, in requests per second on one core: {others}")
    for warning in warnings(samples):
        print(f"\nmind: {warning}")
    competition.write_json(options, {**report.as_json(metrics, samples, reference, facts), "warnings": warnings(samples)})
