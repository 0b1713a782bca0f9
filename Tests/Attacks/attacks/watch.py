"""Two thousand watch streams and a hundred changes a second: does every change reach every stream, and how fast.

    scripts/attacks watch [--streams 2000] [--rate 100] [--seconds 30] …
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import grpc

from .processes import exit_on_signals, resident_bytes
from .scene import HONEST, scene, spec

P99_MS = 20
# Waiting calls may hold half of a connection's thousand streams.
STREAMS_PER_CONNECTION = 100
# Beyond the changes themselves: to begin all watches, and for the last changes to come.
PATIENCE_SECONDS = 60


def arguments(argv):
    parser = argparse.ArgumentParser(prog="scripts/attacks watch", description="Watch streams under a steady rate of changes.")
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=100, help="changes a second (default 100)")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--p99", type=float, default=P99_MS, metavar="MS", help=f"what is asked of a change's way (default {P99_MS})")
    parser.add_argument("--watchers", type=Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def pause_creates(place, program):
    """A change is then one commit: what the provider would have to say about it is not what is measured."""
    with grpc.insecure_channel(program.address) as channel:
        request = place.api.job.PauseQueueRequest(type=place.api.job.JOB_TYPE_CREATE_INSTANCE, reason="changes alone are measured")
        place.api.services["jobs"](channel).PauseQueue(request, metadata=[("authorization", f"Bearer {HONEST}")], timeout=20)


def requests(place):
    messages = place.api.instance
    watch, create = place.folder / "watch.bin", place.folder / "create.bin"
    watch.write_bytes(messages.WatchInstancesRequest(every_change=True).SerializeToString())
    create.write_bytes(messages.CreateInstanceRequest(name="w-000000", spec=spec(place.api)).SerializeToString())
    return watch, create


def run(options):
    connections = -(-options.streams // STREAMS_PER_CONNECTION)
    with scene() as place, place.server() as program:
        pause_creates(place, program)
        before = resident_bytes(program.process.pid)
        command = [options.watchers, program.port, connections, options.streams, options.rate, options.seconds, HONEST, *requests(place)]
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, timeout=options.seconds + PATIENCE_SECONDS, check=False
        )
        if done.returncode != 0:
            print(done.stderr, file=sys.stderr)
            return 1
        result = json.loads(done.stdout)
        result["memory_mib"] = round((resident_bytes(program.process.pid) - before) / (1 << 20), 1)
    print(json.dumps(result, indent=2))
    is_whole = not (result["missing"] or result["repeated"] or result["merged"] or result["failed_changes"])
    print(f"{'held' if is_whole and result['p99_ms'] < options.p99 else 'FAILED'}: {result['deliveries']} deliveries, "
          f"{result['missing']} missing, p99 {result['p99_ms']} ms of {options.p99} ms")  # fmt: skip
    return 0 if is_whole and result["p99_ms"] < options.p99 else 1


if __name__ == "__main__":
    try:
        exit_on_signals()
        sys.exit(run(arguments(sys.argv[1:])))
    except KeyboardInterrupt:
        sys.exit(130)
