"""`Benchmarks/run streams`: streams of small and large messages, both ways, and compressed calls, on `grpc.testing.TestService`."""

from __future__ import annotations

import argparse
import contextlib
import gzip
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import competition, report
from .contestants import BUILD, STREAMER, TEST_PROTOS, framed, inherited_environment, make, swift_programs
from .load import FullLoad, Request, Shape, full_load, generator_limits, streamer
from .processes import Failure, Server, free_port, running
from .protocol import InteropProtocol, channel
from .report import Metric

SERVICE = "/grpc.testing.TestService/"
# Every call carries this deadline; a call that met it would end the measurement as a failure.
GRPC_TIMEOUT = "60S"
# Bytes of messages in one call, about: enough that the call itself costs little.
CALL_BYTES = 2_000_000
MESSAGES_MAX = 1000
SIZES = (100, 1000, 65536)
CONNECTIONS = 4
STREAMS = 5
WARM_UP_CALLS = 40


@dataclass(frozen=True)
class Case:
    name: str
    method: str
    body: bytes
    # Messages that a call moves, in the direction that is measured.
    messages: int
    fields: dict[str, str]
    # Of the messages of an answer together with their prefixes; None where the contestant's compressor decides.
    reply_bytes: int | None
    shape: tuple[int, int] = (CONNECTIONS, STREAMS)
    warm_up_calls: int = WARM_UP_CALLS


def cases(protocol: InteropProtocol) -> list[Case]:
    made = []
    for size in SIZES:
        messages = max(10, min(MESSAGES_MAX, CALL_BYTES // size))
        made += [output(protocol, size, messages), upload(protocol, size, messages), duplex(protocol, size, messages)]
    return [*made, compressed(protocol)]


def reply_of(protocol: InteropProtocol, size: int) -> bytes:
    payload = protocol.messages.Payload(body=bytes(size))
    return framed(protocol.messages.StreamingOutputCallResponse(payload=payload).SerializeToString())


def output(protocol: InteropProtocol, size: int, messages: int) -> Case:
    request = protocol.messages.StreamingOutputCallRequest()
    for _ in range(messages):
        request.response_parameters.add(size=size)
    reply_bytes = messages * len(reply_of(protocol, size))
    return Case(f"server streams {size} B", "StreamingOutputCall", framed(request.SerializeToString()), messages, {}, reply_bytes)


def upload(protocol: InteropProtocol, size: int, messages: int) -> Case:
    request = protocol.messages.StreamingInputCallRequest(payload=protocol.messages.Payload(body=bytes(size)))
    reply = protocol.messages.StreamingInputCallResponse(aggregated_payload_size=messages * size)
    body = framed(request.SerializeToString()) * messages
    return Case(f"client streams {size} B", "StreamingInputCall", body, messages, {}, len(framed(reply.SerializeToString())))


def duplex(protocol: InteropProtocol, size: int, messages: int) -> Case:
    request = protocol.messages.StreamingOutputCallRequest(payload=protocol.messages.Payload(body=bytes(size)))
    request.response_parameters.add(size=size)
    body = framed(request.SerializeToString()) * messages
    return Case(f"both stream {size} B", "FullDuplexCall", body, messages, {}, messages * len(reply_of(protocol, size)))


def compressed(protocol: InteropProtocol) -> Case:
    """1000 bytes each way, with gzip: what a contestant's answer has of bytes is learned, and must be fewer than without."""
    request = protocol.messages.SimpleRequest(response_size=1000, payload=protocol.messages.Payload(body=bytes(1000)))
    request.response_compressed.value = True
    body = framed(gzip.compress(request.SerializeToString(), mtime=0), compressed=True)
    fields = {"grpc-encoding": "gzip", "grpc-accept-encoding": "gzip"}
    return Case("unary, gzip, 1000 B", "UnaryCall", body, 1, fields, None, (10, 100), 5000)


class StreamsContestant:
    def __init__(self, name: str) -> None:
        self.name = name

    def build(self) -> None:
        make(f"{self.name.replace('c++', 'cpp')}-streams")

    def command(self, port: int) -> list[object]:
        return [BUILD / f"{self.name.replace('c++', 'cpp')}-streams", port]

    @contextlib.contextmanager
    def running(self, options: argparse.Namespace, folder: Path) -> Iterator[Server]:
        port = free_port()
        log = folder / f"{self.name}.log"
        with running(self.command(port), port, options.server_core, log, inherited_environment()) as server:
            yield server


class Ours(StreamsContestant):
    """The stack of novitaid with the service of the interoperability tests."""

    def __init__(self) -> None:
        super().__init__("novitai")
        self.binaries = Path()

    def build(self) -> None:
        self.binaries = swift_programs("InteropServer")

    def command(self, port: int) -> list[object]:
        return [self.binaries / "InteropServer", "--listen", f"127.0.0.1:{port}"]


CONTESTANTS = (Ours(), StreamsContestant("grpc-c++"), StreamsContestant("grpc-go"), StreamsContestant("grpc-swift"))


@dataclass(frozen=True)
class Sample:
    full: FullLoad
    messages_per_second: float
    cpu_seconds_per_message: float


METRICS = (
    Metric("messages per second", "1/s", 0, lambda sample: sample.messages_per_second),
    Metric("CPU per message", "us", 3, lambda sample: sample.cpu_seconds_per_message * 1e6),
    Metric("server core busy", "%", 1, lambda sample: sample.full.busy * 100),
    Metric("generator core busy", "%", 1, lambda sample: sample.full.generator_busy * 100),
)


def request_of(case: Case, folder: Path) -> Request:
    body = folder / "request"
    body.write_bytes(case.body)
    fields = {"content-type": "application/grpc", "te": "trailers", "grpc-timeout": GRPC_TIMEOUT, **case.fields}
    return Request(SERVICE + case.method, body, fields)


def verify(server: Server, protocol: InteropProtocol) -> None:
    """grpcio, an independent client, finds that the service does what is measured."""
    messages = protocol.messages
    wanted = [100, 65536]
    with channel(server.address) as connection:
        request = messages.StreamingOutputCallRequest()
        for size in wanted:
            request.response_parameters.add(size=size)
        stream = connection.unary_stream(
            SERVICE + "StreamingOutputCall", request.SerializeToString, messages.StreamingOutputCallResponse.FromString
        )
        sizes = [len(reply.payload.body) for reply in stream(request, timeout=10, wait_for_ready=True)]
        if sizes != wanted:
            raise Failure(f"streams messages of {sizes} bytes instead of {wanted}")


def measure(contestant: StreamsContestant, case: Case, options: argparse.Namespace, folder: Path, protocol: InteropProtocol) -> Sample:
    with contestant.running(options, folder) as server:
        verify(server, protocol)
        request = request_of(case, folder)
        reply_bytes, generator = case.reply_bytes, streamer(STREAMER)
        if reply_bytes is None:
            reply_bytes = generator(server, request, options.load_core, 1, Shape(0, connections=1, streams=1)).reply_bytes
            if not 0 < reply_bytes < 200:
                raise Failure(f"{contestant.name} answers {reply_bytes} bytes: not compressed")
        connections, streams = case.shape
        shape = Shape(reply_bytes, connections, streams, case.warm_up_calls)
        full = full_load(generator, server, request, options.load_core, options.seconds, shape)
        return Sample(full, full.requests_per_second * case.messages, full.cpu_seconds_per_request / case.messages)


def arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="Benchmarks/run streams",
        description="Measures streams of messages and compressed calls on the stack of novitaid beside grpc C++, grpc-go and "
        "grpc-swift, one core for the server.",
    )
    parser.add_argument("--case", metavar="TEXT", default="", help="only the cases whose name has this text, like '65536' or 'server'")
    return competition.arguments(parser, names)


def main() -> None:
    options = arguments([contestant.name for contestant in CONTESTANTS])
    contestants = [contestant for contestant in CONTESTANTS if contestant.name in options.only]
    make(STREAMER.name)
    for contestant in contestants:
        contestant.build()
    protocol = InteropProtocol(TEST_PROTOS, BUILD / "python")
    chosen = [case for case in cases(protocol) if options.case in case.name]
    if not chosen:
        raise Failure(f"no case has {options.case!r} in its name; there are: {', '.join(case.name for case in cases(protocol))}")
    facts = competition.conditions(options)
    results = {}
    reference = contestants[0].name
    with tempfile.TemporaryDirectory(prefix="novitai-benchmark-") as folder:
        for case in chosen:
            print(f"\n{case.name}: {case.messages} messages a call", flush=True)
            samples = competition.take_turns(
                contestants,
                options.rounds,
                lambda contestant, case=case: measure(contestant, case, options, Path(folder), protocol),
                lambda sample: f"{sample.messages_per_second:10.0f} messages/s   {sample.cpu_seconds_per_message * 1e6:8.3f} us CPU each",
            )
            print(report.table(METRICS, samples, reference))
            results[case.name] = samples
    print()
    for name, samples in results.items():
        print(f"{name}: {reference} moves, in messages per second, {report.times_the_others(METRICS[0], samples, reference)}")
        print(f"{name}: a message takes, in processor time, {report.times_the_others(METRICS[1], samples, reference)}")
        for warning in generator_limits(samples):
            print(f"{name}: mind: {warning}")
    tables = {name: report.as_json(METRICS, samples, reference, facts) for name, samples in results.items()}
    competition.write_json(options, tables)
