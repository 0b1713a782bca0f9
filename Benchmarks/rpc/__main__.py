"""The command line: builds and verifies the contestants, lets them take turns, reports."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from . import report
from .contestants import BENCHMARKS, BUILD, PACER, REPOSITORY, Contestant, Fixture, Peer, StaticFile, make
from .load import fixed_rate, full_load
from .novitaid import Novitaid
from .processes import Failure, exit_on_signals
from .protocol import Protocol

CONTESTANTS: tuple[Contestant, ...] = (
    Novitaid(),
    Peer("grpc-c++", "grpc-cpp", "grpc C++, callback API (Debian's libgrpc++-dev)"),
    Peer("grpc-go", "grpc-go", "grpc-go (Debian's golang-google-grpc-dev)"),
    StaticFile(),
)

# From a server's first answers to the reading of its idle memory.
SETTLE_SECONDS = 0.5


def arguments() -> argparse.Namespace:
    names = [contestant.name for contestant in CONTESTANTS]
    parser = argparse.ArgumentParser(
        prog="Benchmarks/run rpc",
        description="Measures GetInstance of novitaid beside other gRPC servers and nghttpd, one core for the server. "
        "Benchmarks/README.md tells what the figures mean.",
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each contestant has its turn (default 5)")
    parser.add_argument("--seconds", type=float, default=3, help="time of each measurement (default 3)")
    parser.add_argument("--rate", type=float, default=5000, help="calls per second at the fixed rate (default 5000)")
    parser.add_argument("--server-core", type=int, default=0, help="processor of the server (default 0)")
    parser.add_argument("--load-core", type=int, default=1, help="processor of the load generator (default 1)")
    parser.add_argument("--only", type=lambda text: text.split(","), default=names, metavar="NAME,…", help=f"of {', '.join(names)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes all figures of all rounds there")
    options = parser.parse_args()
    if unknown := set(options.only) - set(names):
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if options.rounds < 1 or options.seconds <= 0 or options.rate <= 0:
        parser.error("--rounds, --seconds and --rate must be positive")
    available = os.sched_getaffinity(0)
    if options.server_core == options.load_core or not {options.server_core, options.load_core} <= available:
        parser.error(f"--server-core and --load-core must be two of the processors {sorted(available)}")
    return options


def conditions(options: argparse.Namespace) -> dict[str, Any]:
    models = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "processor": models[0] if models else platform.machine(),
        "processors": os.cpu_count(),
        "kernel": platform.release(),
        "load_average_before": os.getloadavg()[0],
        "rounds": options.rounds,
        "seconds": options.seconds,
        "rate": options.rate,
    }


@contextlib.contextmanager
def fixture(options: argparse.Namespace, contestants: list[Contestant]) -> Any:
    protocol = Protocol(REPOSITORY / "proto", BUILD / "python")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="novitai-benchmark-")))
        token = secrets.token_hex(32)
        shared = Fixture(folder, protocol, token, None, options.server_core, options.load_core)
        ours = next((contestant for contestant in contestants if isinstance(contestant, Novitaid)), None)
        if ours is None:
            text = (BENCHMARKS / "rpc" / "instance.textproto").read_text()
            shared.instance = text_format.Parse(text, protocol.instance.Instance())
        else:
            stack.enter_context(ours.provider(shared))
            shared.instance = ours.create_instance(shared)
        shared.write()
        yield shared


def turn(contestant: Contestant, shared: Fixture, options: argparse.Namespace) -> report.Sample:
    """One contestant in one round: a fresh process, so that nothing is carried over."""
    with contestant.running(shared) as server:
        reply_bytes = contestant.verify(server, shared)
        time.sleep(SETTLE_SECONDS)
        idle = server.memory()
        request = contestant.request(shared)
        full = full_load(server, request, shared.load_core, options.seconds, reply_bytes)
        loaded = server.peak_memory()
        fixed = fixed_rate(server, request, shared.load_core, options.seconds, options.rate, PACER)
        return report.Sample(idle, loaded, full, fixed)


def measure(contestants: list[Contestant], shared: Fixture, options: argparse.Namespace) -> report.Samples:
    samples: report.Samples = {contestant.name: [] for contestant in contestants}
    for number in range(1, options.rounds + 1):
        for contestant in contestants:
            sample = turn(contestant, shared, options)
            samples[contestant.name].append(sample)
            print(
                f"round {number} of {options.rounds}  {contestant.name:10}"
                f"{sample.full.requests_per_second:10.0f} requests/s   p50 {sample.fixed.p50_seconds * 1e6:6.0f} us"
                f"   p99 {sample.fixed.p99_seconds * 1e6:6.0f} us",
                flush=True,
            )
    return samples


def run(options: argparse.Namespace) -> None:
    contestants = [contestant for contestant in CONTESTANTS if contestant.name in options.only]
    make("pacer")
    for contestant in contestants:
        contestant.build()
    with fixture(options, contestants) as shared:
        facts = {**conditions(options), "reply_bytes": len(shared.instance.SerializeToString())}
        print("\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in facts.items()), flush=True)
        samples = measure(contestants, shared, options)
    reference = contestants[0].name
    print(report.table(samples, reference))
    print(f"\n{report.headline(samples, reference)}")
    for warning in report.warnings(samples):
        print(f"\nmind: {warning}")
    if options.json:
        options.json.write_text(json.dumps(report.as_json(samples, reference, facts), indent=2) + "\n")


def main() -> int:
    exit_on_signals()
    try:
        run(arguments())
    except Failure as failure:
        print(f"Benchmarks/run rpc: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
