"""Two thousand watch streams and a hundred changes a second: does every change reach every stream, and how fast.

    scripts/attacks watch [--streams 2000] [--rate 100] [--seconds 30] …
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import grpc

from .processes import exit_on_signals, resident_bytes
from .scene import HONEST, scene

P99_MS = 20
# Waiting calls may hold half of a connection's thousand streams.
STREAMS_PER_CONNECTION = 100
# Beyond the changes themselves: to begin all watches, and for the last changes to come.
PATIENCE_SECONDS = 60
# For the machines to run.
SETTLE_SECONDS = 60


def arguments(argv):
    parser = argparse.ArgumentParser(prog="scripts/attacks watch", description="Watch streams under a steady rate of changes.")
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=100, help="changes a second (default 100)")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--p99", type=float, default=P99_MS, metavar="MS", help=f"what is asked of a change's way (default {P99_MS})")
    parser.add_argument("--watchers", type=Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def settle(place, program):
    """Waits until all machines run and the provider has nothing to say about them: what it would say is not what is measured."""
    running = place.api.instance.INSTANCE_STATE_RUNNING
    with grpc.insecure_channel(program.address) as channel:
        service, limit = place.api.services["instances"](channel), time.monotonic() + SETTLE_SECONDS
        while True:
            request = place.api.instance.ListInstancesRequest(page_size=1000)
            listed = service.ListInstances(request, metadata=[("authorization", f"Bearer {HONEST}")], timeout=20).instances
            if all(instance.state == running for instance in listed):
                return [instance.id for instance in listed]
            if time.monotonic() > limit:
                raise SystemExit(f"not all {len(listed)} machines run after {SETTLE_SECONDS} s")
            time.sleep(0.2)


def requests(place, instances):
    """A name is changed in one commit: that is one event for each watch."""
    messages = place.api.instance
    watch = place.folder / "watch.bin"
    watch.write_bytes(messages.WatchInstancesRequest(every_change=True).SerializeToString())
    updates = [place.folder / f"update-{number}.bin" for number in range(len(instances))]
    for path, instance in zip(updates, instances):
        path.write_bytes(messages.UpdateInstanceRequest(id=instance, name="w-000000").SerializeToString())
    return watch, *updates


def run(options):
    connections = -(-options.streams // STREAMS_PER_CONNECTION)
    with scene() as place, place.server(UPSTREAM_REQUESTS_PER_MINUTE="10000") as program:
        instances = settle(place, program)
        before = resident_bytes(program.process.pid)
        command = [options.watchers, program.port, connections, options.streams, options.rate, options.seconds, HONEST,
                   *requests(place, instances)]  # fmt: skip
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
