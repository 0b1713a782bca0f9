"""`Benchmarks/run allocations`: allocations and their bytes for each call, counted in the process."""

from __future__ import annotations

import argparse
import struct
from dataclasses import dataclass

from . import competition, report
from .contestants import BUILD, Contestant, Fixture, make
from .load import Shape, h2load, send
from .report import Metric
from .unary import CONTESTANTS, fixture

COUNTER = BUILD / "allocations.so"
# The C library's allocator is what can be counted; Go has one of its own, and nghttpd brings one along.
COUNTED = tuple(contestant for contestant in CONTESTANTS if contestant.name not in ("grpc-go", "nghttpd"))
WARM_UP_REQUESTS = 20_000
REQUESTS = 50_000


@dataclass(frozen=True)
class Sample:
    calls: float
    bytes: float


METRICS = (
    Metric("allocations per call", "1", 2, lambda sample: sample.calls),
    Metric("bytes allocated per call", "B", 0, lambda sample: sample.bytes),
)


def turn(contestant: Contestant, shared: Fixture) -> Sample:
    counters = shared.folder / "allocations"
    counters.unlink(missing_ok=True)
    with contestant.running(shared, LD_PRELOAD=str(COUNTER), ALLOCATIONS_FILE=str(counters)) as server:
        shape = Shape(contestant.verify(server, shared))
        request = contestant.request(shared)
        send(h2load, server, request, shared.load_core, WARM_UP_REQUESTS, shape)
        before = struct.unpack("QQ", counters.read_bytes())
        send(h2load, server, request, shared.load_core, REQUESTS, shape)
        after = struct.unpack("QQ", counters.read_bytes())
    return Sample(*((late - early) / REQUESTS for early, late in zip(before, after, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="Benchmarks/run allocations",
        description="Counts the allocations of GetInstance under full load. grpc-go and nghttpd are left out: they have allocators of their own.",
    )
    parser.set_defaults(tls=False)
    options = competition.arguments(parser, [contestant.name for contestant in COUNTED])
    contestants = [contestant for contestant in COUNTED if contestant.name in options.only]
    make("allocations.so")
    for contestant in contestants:
        contestant.build()
    with fixture(options, contestants) as shared:
        facts = competition.conditions(options)
        samples = competition.take_turns(
            contestants,
            options.rounds,
            lambda contestant: turn(contestant, shared),
            lambda sample: f"{sample.calls:8.2f} allocations   {sample.bytes:8.0f} bytes each call",
        )
    reference = contestants[0].name
    print(report.table(METRICS, samples, reference))
    competition.write_json(options, report.as_json(METRICS, samples, reference, facts))
