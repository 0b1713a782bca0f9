"""Twice as many calls as the server can answer: does it go on answering as many as it can, in time, and turn away the rest soon.

    scripts/attacks overload [--seconds 6] [--factor 2] [--only get,list]

The server has one event loop and a core of its own, the callers have the others. First they make calls that follow upon each other: what
is answered then is the capacity. Then they make `--factor` times as many, whether those before are answered or not, with a deadline of a
second. What counts is the goodput: calls that get OK within their deadline. A client of grpcio calls beside them: what it sees, any sees.
"""

import argparse
import collections
import contextlib
import dataclasses
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import grpc

from . import frames
from .catalogue import GET, LIST
from .honest import quantile
from .processes import exit_on_signals, processor_seconds
from .scene import HONEST, MONITOR, scene

DEADLINE_MS = 1000
# Of the capacity.
GOODPUT_SHARE = 0.7
# A refusal that comes when half of the deadline is over leaves no time to ask elsewhere.
REFUSAL_MS = DEADLINE_MS / 2
# What a call may end with at a server that has too much to do. The last two are the callers' words for the deadline.
REFUSED = {"UNAVAILABLE", "RESOURCE_EXHAUSTED"}
IN_ORDER = {"OK", *REFUSED, "DEADLINE_EXCEEDED", "expired", "unsent"}
# Refusals, as a share, that may come after the deadline.
UNHEARD_SHARE = 0.01
# A connection has room for a thousand calls, and a second of twice the capacity is two hundred thousand.
CONNECTIONS = 256
# For the capacity; calls of the dearest kind wait for a tenth of their deadline then.
CONNECTIONS_CLOSED = 32
WARM_UP_SECONDS = 1
# From the last call on until the server answers as if nothing had been.
RECOVERY_SECONDS = 1
WITNESS_RATE = 20
# Two looks at the capacity that differ by more: something else was at work on the machine.
NOISE_SHARE = 0.15
PATIENCE_SECONDS = 30


@dataclasses.dataclass(frozen=True)
class Kind:
    name: str
    what: str
    path: str
    # Of the request, for the id of an instance.
    body: Callable
    # On each connection for the capacity.
    at_a_time: int


KINDS = (
    Kind("get", "GetInstance, which the loop answers at once", GET, lambda instance: frames.text_field(1, instance), 16),
    Kind("list", "ListInstances with 100 instances, 60 KB", LIST, lambda instance: frames.varint(1 << 3) + frames.varint(1000), 1),
)


def arguments(argv):
    parser = argparse.ArgumentParser(prog="scripts/attacks overload", description="Goodput when more is asked than can be done.")
    parser.add_argument("--seconds", type=float, default=6, help="of the overload, and of each look at the capacity (default 6)")
    parser.add_argument("--factor", type=float, default=2, help="how many times the capacity is asked for (default 2)")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[kind.name for kind in KINDS], metavar="get,list")
    parser.add_argument("--callers", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if unknown := set(options.only) - {kind.name for kind in KINDS}:
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}")
    return options


def cores():
    """The server's, and the others'."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others) or {first}


@contextlib.contextmanager
def on(chosen):
    """What is started within it runs on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def method(channel, path):
    """Of grpcio, for messages as bytes."""
    call = channel.unary_unary(path)
    return lambda body, seconds: call.future(body, timeout=seconds, metadata=[("authorization", f"Bearer {HONEST}")])


class Witness:
    """A client of grpcio at a low rate: what it sees is not by the frames of this repository."""

    def __init__(self, address, path, body):
        self.address, self.path, self.body = address, path, body
        self.codes, self.refusal_times = collections.Counter(), []

    def ended(self, call, begun):
        code = call.code().name
        self.codes[code] += 1
        if code in REFUSED:
            self.refusal_times.append(1000 * (time.monotonic() - begun))

    def watch(self, process):
        """Until that process ends."""
        calls = []
        with grpc.insecure_channel(self.address, options=[("grpc.enable_retries", 0)]) as channel:
            begin = method(channel, self.path)
            while process.poll() is None:
                calls.append(begin(self.body, DEADLINE_MS / 1000))
                calls[-1].add_done_callback(lambda call, begun=time.monotonic(): self.ended(call, begun))
                time.sleep(1 / WITNESS_RATE)
            for call in calls:
                call.exception()


class Metrics:
    """The calls of a method by status, and how late the loop was, by the upper bounds of the histogram in seconds."""

    def __init__(self, text, name):
        calls = re.findall(rf'^novitai_rpc_calls_total{{[^}}]*method="{name}",code="(\w+)"}} (\S+)$', text, re.M)
        delays = re.findall(r'^novitai_event_loop_delay_seconds_bucket{le="(\S+)"} (\S+)$', text, re.M)
        self.calls = collections.Counter({code: int(float(count)) for code, count in calls})
        self.delays = {bound: int(float(count)) for bound, count in delays}

    def longest_delay(self, earlier):
        """Since then, as the bound that it did not exceed."""
        since = {bound: count - earlier.delays.get(bound, 0) for bound, count in self.delays.items()}
        return next((bound for bound, count in since.items() if count == since["+Inf"]), "")


class Trial:
    def __init__(self, place, program, kind, options):
        self.place, self.program, self.kind, self.options = place, program, kind, options
        self.body, self.file = kind.body(place.instance), place.folder / f"{kind.name}.bin"
        self.file.write_bytes(self.body)

    def calls(self, connections, seconds, mode, amount, watch=lambda process: None):
        """What became of calls of that kind, and how many of them got OK each second and for each second of the server's processor."""
        target = (self.program.port, connections, HONEST, self.kind.path, self.file)
        command = [self.options.callers, *target, DEADLINE_MS, seconds, mode, amount]
        before = processor_seconds(self.program.process.pid)
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            watch(process)
            output, errors = process.communicate(timeout=seconds + PATIENCE_SECONDS)
        finally:
            process.kill()
        if process.returncode != 0:
            raise RuntimeError(f"callers ended with {process.returncode}: {errors[-1500:]}")
        done, processor = json.loads(output), processor_seconds(self.program.process.pid) - before
        good = done["outcomes"].get("OK", 0)
        return {**done, "asked": done["made"] / seconds, "good": good / seconds, "processor": processor / seconds, "each": good / processor}

    def metrics(self):
        """Those of the server, asked for as the sidecar does: it is not refused."""
        with grpc.insecure_channel(self.program.address) as channel:
            admin, request = self.place.api.services["admin"](channel), self.place.api.admin.GetMetricsRequest()
            text = admin.GetMetrics(request, metadata=[("authorization", f"Bearer {MONITOR}")], timeout=PATIENCE_SECONDS).text
        return Metrics(text, self.kind.path.rsplit("/", 1)[1])

    def recovery(self):
        """Seconds until a call is answered as if nothing had been."""
        begun = time.monotonic()
        with grpc.insecure_channel(self.program.address) as channel:
            begin = method(channel, self.kind.path)
            while (passed := time.monotonic() - begun) < PATIENCE_SECONDS and begin(self.body, PATIENCE_SECONDS - passed).exception():
                time.sleep(0.01)
        return time.monotonic() - begun

    def capacity(self, seconds):
        return self.calls(CONNECTIONS_CLOSED, seconds, "closed", self.kind.at_a_time)

    def run(self):
        self.capacity(WARM_UP_SECONDS)
        before, counted = self.capacity(self.options.seconds), self.metrics()
        witness = Witness(self.program.address, self.kind.path, self.body)
        done = self.calls(CONNECTIONS, self.options.seconds, "open", self.options.factor * before["good"], witness.watch)
        recovery, later = self.recovery(), self.metrics()
        after = self.capacity(self.options.seconds)
        return Outcome(self.kind, before, done, recovery, after, later.calls - counted.calls, later.longest_delay(counted), witness)


@dataclasses.dataclass
class Outcome:
    kind: Kind
    # The capacity before, the overload, the seconds until a call was answered after it, and the capacity then.
    before: dict
    done: dict
    recovery: float
    after: dict
    # What the server says of the overload: its calls by status, and the longest delay of its loop.
    counted: collections.Counter
    delay: str
    witness: Witness

    @property
    def capacity(self):
        return (self.before["good"] + self.after["good"]) / 2

    @property
    def share(self):
        return self.done["good"] / self.capacity

    @property
    def share_each(self):
        """The same for each second of the server's processor: what other programs take is not counted."""
        return 2 * self.done["each"] / (self.before["each"] + self.after["each"])

    def problems(self):
        if self.share < GOODPUT_SHARE:
            yield f"the goodput is {self.share:.0%} of the capacity, {GOODPUT_SHARE:.0%} are asked for"
        if self.done["refused_p99_ms"] > REFUSAL_MS:
            yield f"one refusal in a hundred takes {self.done['refused_p99_ms']:.0f} ms or more, {REFUSAL_MS:.0f} ms are asked for"
        refused = sum(self.counted[code] for code in REFUSED)
        unheard = refused - sum(self.done["outcomes"].get(code, 0) + self.witness.codes[code] for code in REFUSED)
        if unheard > UNHEARD_SHARE * refused:
            yield f"{unheard} of {refused} refusals came after the deadline"
        if other := set(self.done["outcomes"]) - IN_ORDER:
            yield f"calls ended by {', '.join(sorted(other))}; {self.done['losses']}"
        if other := set(self.witness.codes) - IN_ORDER:
            yield f"calls of grpcio ended by {', '.join(sorted(other))}"
        if self.recovery > RECOVERY_SECONDS:
            yield f"no call was answered for {self.recovery:.1f} s after the overload"

    def doubts(self):
        """Why the figures may be wrong."""
        before, after = self.before["good"], self.after["good"]
        if abs(before - after) > NOISE_SHARE * self.capacity:
            yield f"the capacity was {before:.0f} before and {after:.0f} after: other programs were at work"
        if (processor := min(phase["processor"] for phase in (self.before, self.done, self.after))) < 1 - NOISE_SHARE:
            yield f"the server had {processor:.0%} of its core: other programs were at work, or the callers did not fill it"
        if skipped := self.done["skipped"]:
            asked = self.done["asked"] / self.capacity
            yield f"the callers had no processor to make {skipped} calls, so they asked for {asked:.1f} times the capacity"
        if unsent := self.done["outcomes"].get("unsent"):
            yield f"{unsent} calls were never sent: no connection had room for them"

    def table(self):
        before, done, after = self.before, self.done, self.after
        milliseconds = lambda p50, p99: f"{p50:10.1f} ms at the median, {p99:.1f} ms at the 99th percentile"  # noqa: E731
        times = self.witness.refusal_times
        yield f"{self.kind.name}: {self.kind.what}"
        yield f"  capacity          {before['good']:10.0f} calls a second before, {after['good']:.0f} after"
        yield f"  asked for         {done['asked']:10.0f} calls a second, deadline {DEADLINE_MS} ms"
        yield f"  goodput           {done['good']:10.0f} calls a second; in each {' '.join(map(str, done['ok_each_second']))}"
        yield f"  of the capacity   {self.share:10.0%}; by the server's processor {self.share_each:.0%}"
        yield f"  OK                {milliseconds(done['ok_p50_ms'], done['ok_p99_ms'])}"
        if done["refused"]:
            yield f"  refused           {milliseconds(done['refused_p50_ms'], done['refused_p99_ms'])}"
        if times:
            yield f"  refused to grpcio {milliseconds(quantile(times, 0.5), quantile(times, 0.99))}"
        yield f"  callers           {done['late_p99_ms']:10.1f} ms late at the 99th percentile, on {done['processor_share']:.0%} of a core"
        yield f"  loop              {self.delay:>10} s late at most, as the server measures it"
        yield f"  afterwards        {1000 * self.recovery:10.1f} ms until a call was answered"
        yield "  outcome              callers     server     grpcio"
        columns = (done["outcomes"], self.counted, self.witness.codes)
        for outcome in sorted(set().union(*columns)):
            yield f"    {outcome:<18}" + " ".join(f"{column.get(outcome, '-'):>10}" for column in columns)
        yield from (f"  mind: {doubt}" for doubt in self.doubts())
        yield from [f"  FAILED: {problem}" for problem in self.problems()] or ["  held"]


def main(argv):
    options, (own, others), outcomes = arguments(argv), cores(), []
    with scene() as place:
        with on(own):
            server = place.server(EVENT_LOOPS="1", RATE_LIMIT_PER_SECOND="10000000", RATE_LIMIT_BURST="10000000")
            program = place.stack.enter_context(server)
        with on(others):
            for kind in KINDS:
                if kind.name in options.only:
                    outcomes.append(Trial(place, program, kind, options).run())
                    print("\n".join(outcomes[-1].table()), flush=True)
    return 1 if any(list(outcome.problems()) for outcome in outcomes) else 0


if __name__ == "__main__":
    try:
        exit_on_signals()
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
