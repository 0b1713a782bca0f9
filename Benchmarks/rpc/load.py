"""The two kinds of load: as many calls as the server takes (h2load, streamer), and calls at a fixed rate (pacer)."""

from __future__ import annotations

import functools
import re
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import Failure, Server, pinned

# Connections at the fixed rate.
CONNECTIONS = 10
# Share of its core from which on the generator is the limit: what is left are its start and its end.
GENERATOR_FULL = 0.97
# A generator that has not ended by then waits for an answer that does not come.
FULL_LOAD_SECONDS_MAX = 120
# Calls, one at a time: seconds of them, so that one slow moment of the machine, of some tens of milliseconds, is not yet a hundredth of all.
SEQUENTIAL_REQUESTS = 20_000


@dataclass(frozen=True)
class Request:
    """What is sent, again and again."""

    path: str
    body: Path
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Shape:
    """How full load looks, and what proves that a call was served."""

    # Bytes of every answer's body.
    reply_bytes: int
    connections: int = 10
    # Concurrent calls on each connection.
    streams: int = 100
    # Requests that warm a server up and show how many fill the time of a measurement.
    warm_up_requests: int = 20_000


@dataclass(frozen=True)
class FullLoad:
    requests_per_second: float
    cpu_seconds_per_request: float
    # Share of the time in which the server's core was busy with the server. Well below 1, the generator was the limit.
    busy: float
    # The same of the generator and its core. Near 1, a faster server would not have moved more.
    generator_busy: float


@dataclass(frozen=True)
class Sequential:
    """Calls on one connection, each sent when the one before it is answered."""

    p50_seconds: float
    p99_seconds: float
    cpu_seconds_per_request: float


@dataclass(frozen=True)
class FixedRate:
    p50_seconds: float
    p99_seconds: float
    cpu_seconds_per_request: float
    # Calls answered per second over calls due per second; well below 1, the server did not hold the rate.
    held: float


@dataclass(frozen=True)
class Sent:
    """Calls, as many at a time as a shape has, all of which succeeded."""

    requests_per_second: float
    # Of the bodies of all answers.
    reply_bytes: int


# Sends `count` requests from `core`: full load.
Generator = Callable[[Server, Request, int, int, Shape], Sent]


def full_load(generator: Generator, server: Server, request: Request, core: int, seconds: float, shape: Shape) -> FullLoad:
    """Loads the server for about `seconds`."""
    warm_up = send(generator, server, request, core, shape.warm_up_requests, shape)
    count = max(shape.warm_up_requests, int(warm_up * seconds))
    before, generator_before, start = server.cpu_seconds(), _ended_children_cpu_seconds(), time.monotonic()
    rate = send(generator, server, request, core, count, shape)
    cpu = server.cpu_seconds() - before
    generator_busy = (_ended_children_cpu_seconds() - generator_before) / (time.monotonic() - start)
    return FullLoad(rate, cpu / count, cpu * rate / count, generator_busy)


def generator_limits(samples: Mapping[str, Sequence[Any]]) -> list[str]:
    """Whose full load was no full load, because the generator had no more to give: a server that waits for it moves no more than a slower one."""
    return [
        f"{name} did not fill its core: the load generator or another program was the limit; compare the processor time"
        for name, rounds in samples.items()
        if statistics.median(sample.full.busy for sample in rounds) < 0.9
        or statistics.median(sample.full.generator_busy for sample in rounds) > GENERATOR_FULL
    ]


def _ended_children_cpu_seconds() -> float:
    """Of all programs that were run and have ended: between two looks that is the generator alone, for the server goes on."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def sequential(server: Server, request: Request, core: int, reply_bytes: int, folder: Path) -> Sequential:
    """One call at a time, on a server that is warm."""
    log = folder / "sequential.log"
    log.unlink(missing_ok=True)
    shape = Shape(reply_bytes, connections=1, streams=1)
    before = server.cpu_seconds()
    send(functools.partial(h2load, options=("--log-file", log)), server, request, core, SEQUENTIAL_REQUESTS, shape)
    cpu = server.cpu_seconds() - before
    # A line of the log: when the call began, its status, the microseconds that it took.
    times = sorted(int(line.split("\t")[2]) * 1e-6 for line in log.read_text().splitlines())
    return Sequential(quantile(times, 0.5), quantile(times, 0.99), cpu / SEQUENTIAL_REQUESTS)


def fixed_rate(server: Server, request: Request, core: int, seconds: float, rate: float, pacer: Path) -> FixedRate:
    """Calls at `rate` per second for `seconds`, evenly spaced; times count from when a call was due."""
    count = int(rate * seconds)
    before = server.cpu_seconds()
    command = [pacer, server.port, request.path, request.body, rate, count, CONNECTIONS, *_pairs(request)]
    output = _run(command, core, limit_seconds=seconds * 5 + 10)
    cpu = server.cpu_seconds() - before
    times = [int(line) * 1e-9 for line in output.split()]
    # A server that falls behind answers the last call late, by all the time that it lost.
    held = seconds / (seconds + times[-1])
    times.sort()
    return FixedRate(quantile(times, 0.5), quantile(times, 0.99), cpu / count, held)


def quantile(ordered: list[float], share: float) -> float:
    """The nearest-rank quantile."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def send(generator: Generator, server: Server, request: Request, core: int, count: int, shape: Shape) -> float:
    """Sends `count` requests, returns requests per second.

    h2load does not look at grpc-status, but an answer without its message is shorter: so the bytes are counted.
    """
    sent = generator(server, request, core, count, shape)
    if sent.reply_bytes != count * shape.reply_bytes:
        raise Failure(f"{count} calls were answered with {sent.reply_bytes} bytes instead of {count * shape.reply_bytes}")
    return sent.requests_per_second


def h2load(server: Server, request: Request, core: int, count: int, shape: Shape, options: Sequence[object] = ()) -> Sent:
    fields = [argument for name, value in request.fields.items() for argument in ("-H", f"{name}: {value}")]
    command = [
        "h2load", "-n", count, "-c", shape.connections, "-m", shape.streams, "-t", 1, "-d", request.body, *fields, *options,
        f"{server.scheme}://{server.address}{request.path}",
    ]  # fmt: skip
    output = _run(command, core, FULL_LOAD_SECONDS_MAX)
    succeeded = int(_find(r"(\d+) 2xx", output))
    if succeeded != count:
        raise Failure(f"{succeeded} of {count} calls succeeded:\n{output}")
    return Sent(float(_find(r"finished in .*, ([0-9.]+) req/s", output)), int(_find(r"\((\d+)\) data", output)))


def streamer(program: Path) -> Generator:
    """What sends bodies of megabytes faster than h2load, and reads each grpc-status."""

    def calls(server: Server, request: Request, core: int, count: int, shape: Shape) -> Sent:
        command = [program, server.port, request.path, request.body, count, shape.connections, shape.streams, *_pairs(request)]
        seconds, reply_bytes = _run(command, core, FULL_LOAD_SECONDS_MAX).split()
        return Sent(count / float(seconds), int(reply_bytes))

    return calls


def _pairs(request: Request) -> list[str]:
    return [f"{name}={value}" for name, value in request.fields.items()]


def _find(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise Failure(f"h2load said nothing like {pattern!r}:\n{text}")
    return match.group(1)


def _run(command: list[object], core: int, limit_seconds: float) -> str:
    arguments = pinned(command, core)
    try:
        result = subprocess.run(arguments, capture_output=True, text=True, timeout=limit_seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{command[0]} is not done after {limit_seconds:.0f} s") from error
    if result.returncode != 0:
        raise Failure(f"{command[0]} ended with status {result.returncode}: {result.stderr.strip()}")
    return result.stdout
