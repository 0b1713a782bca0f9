"""Mixed load for a long time: calls, watches, changes, cancellations, reconnects and peers that break rules, all over TLS.

    scripts/soak [--minutes 30]

Memory and descriptors of the server are looked at every few seconds. From minute 5 on they are to stay flat, and no honest call may fail.
"""

import argparse
import collections
import contextlib
import itertools
import re
import statistics
import sys
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc

from . import frames
from .attack import Target
from .catalogue import ATTACKS, GET
from .processes import exit_on_signals, open_files, resident_bytes, trusting
from .scene import ATTACKER, HONEST, MONITOR, scene, spec

# Caches have filled, and the allocator has seen the usual mixture, by then.
WARM_UP_MINUTES = 5
SAMPLE_SECONDS = 5
# The share of the samples after the warm-up whose median stands for its beginning, and for its end.
ENDS_SHARE = 0.2
# How much higher the end may be than the beginning. Memory: what the allocator's fragmentation makes of one load.
MEMORY_SHARE, MEMORY_BYTES = 0.05, 2 << 20
# Connections that come, that are sent away and may still read why, and those to the provider.
DESCRIPTORS = 16

METADATA = [("authorization", f"Bearer {HONEST}")]
CALL_SECONDS = 10
WATCHES = 20
# Machines live for so many changes of others.
ALIVE_MAX = 8
# What the server remembers on purpose: the newest changes of its log, and objects that have ended, those of machines that ran. Both are full
# before it is looked at.
FILL_REVISIONS, FILL_MACHINES, FILL_AT_ONCE, FILL_THREADS = 8192, 2100, 300, 8
# A machine of the simulator is there after a minute of its time, and is looked at every few seconds.
FILL_SECONDS = 120
# So is what the allocator and the pools of blocks keep of freed memory: the peaks of all attacks come together, on every event loop, this often.
FILL_ATTACKS = 8
# Of those attacks that end within a moment.
HOSTILE = [attack for attack in ATTACKS if hasattr(attack, "strike") and attack.name not in ("connection-churn", "protobuf-bomb")]


class Soak:
    def __init__(self, place, program):
        self.place, self.program = place, program
        self.messages = place.api.instance
        self.ended = threading.Event()
        self.counts, self.failures = collections.Counter(), collections.Counter()
        certificate = Path(place.certificate).read_bytes()
        self.channel = grpc.secure_channel(program.address, grpc.ssl_channel_credentials(certificate))
        self.instances = place.api.services["instances"](self.channel)
        self.target = Target(("127.0.0.1", program.port), ATTACKER, place.instance, trusting(place.certificate))
        self.hostile, self.numbers, self.alive = itertools.cycle(HOSTILE), itertools.count(), collections.deque()

    # What is done, once

    def read(self):
        self.instances.GetInstance(self.messages.GetInstanceRequest(id=self.place.instance), metadata=METADATA, timeout=CALL_SECONDS)

    def list(self):
        self.instances.ListInstances(self.messages.ListInstancesRequest(page_size=50), metadata=METADATA, timeout=CALL_SECONDS)

    def create(self, _=None):
        request = self.messages.CreateInstanceRequest(name=f"soak-{next(self.numbers)}", spec=spec(self.place.api))
        return self.instances.CreateInstance(request, metadata=METADATA, timeout=CALL_SECONDS)

    def wait(self, job):
        request = self.place.api.job.WaitJobRequest(id=job)
        return self.place.api.services["jobs"](self.channel).WaitJob(request, metadata=METADATA, timeout=FILL_SECONDS)

    def delete(self, instance):
        self.instances.DeleteInstance(self.messages.DeleteInstanceRequest(id=instance), metadata=METADATA, timeout=CALL_SECONDS)

    def change(self):
        self.alive.append(self.create().instance.id)
        if len(self.alive) > ALIVE_MAX:
            self.delete(self.alive.popleft())

    def cancel(self):
        call = self.instances.WatchInstances(self.messages.WatchInstancesRequest(), metadata=METADATA)
        next(call)
        call.cancel()
        future = self.instances.ListInstances.future(self.messages.ListInstancesRequest(), metadata=METADATA, timeout=CALL_SECONDS)
        future.cancel()

    def reconnect(self):
        peer = self.target.connect(next(self.numbers))
        try:
            peer.greet()
            stream = peer.next_stream()
            block = frames.request_block(GET, ("authorization", f"Bearer {HONEST}"))
            body = frames.message(frames.text_field(1, self.place.instance))
            peer.send(frames.headers(stream, block) + frames.data(stream, body, end=True))
            if not peer.wait(lambda: peer.statuses[0] == 1, CALL_SECONDS):
                raise ConnectionError(f"a new connection got no answer: {peer.ending} {dict(peer.statuses)}")
        finally:
            peer.close()

    def misbehave(self):
        attack, number = next(self.hostile), next(self.numbers)
        peer = self.target.connect(number)
        # Being cut off in the middle is what it is here for.
        with contextlib.suppress(OSError):
            attack.strike(peer, self.target, number)
        peer.close()

    def watch(self):
        """Until it is ended."""
        call = self.instances.WatchInstances(self.messages.WatchInstancesRequest(), metadata=METADATA)
        for _ in call:
            self.counts["events"] += 1
            if self.ended.is_set():
                call.cancel()
                return

    # Again and again

    def every(self, seconds, work):
        due = time.monotonic()
        while not self.ended.wait(max(0.0, due - time.monotonic())):
            due = max(due + seconds, time.monotonic() - seconds)
            try:
                work()
                self.counts[work.__name__] += 1
            except Exception as error:  # Whatever it is, it is what this looks for.
                if not self.ended.is_set():
                    self.failures[f"{work.__name__}: {str(error)[:300]}"] += 1

    def fill(self):
        """Makes changes and breaks rules until everything that the server keeps a bounded amount of is there in that amount."""
        for _ in range(0, FILL_MACHINES, FILL_AT_ONCE):
            made = self.together(self.create, range(FILL_AT_ONCE))
            self.together(self.wait, [response.job.id for response in made])
            self.together(self.delete, [response.instance.id for response in made])
        self.together(lambda _: self.misbehave(), range(FILL_ATTACKS * len(HOSTILE)))
        info = self.place.api.services["admin"](self.channel).GetServerInfo(self.place.api.admin.GetServerInfoRequest(), metadata=METADATA)
        print(f"filled: revision {info.revision} of at least {FILL_REVISIONS}", file=sys.stderr, flush=True)

    def together(self, work, values):
        with futures.ThreadPoolExecutor(FILL_THREADS) as pool:
            return list(pool.map(work, values))

    def run(self, seconds):
        work = [(0.02, self.read), (0.5, self.list), (2, self.change), (0.2, self.cancel), (0.5, self.reconnect), (1, self.misbehave)]
        threads = [threading.Thread(target=self.every, args=pair, daemon=True) for pair in work + [(0, self.watch)] * WATCHES]
        for thread in threads:
            thread.start()
        samples, start = [], time.monotonic()
        try:
            while (now := time.monotonic() - start) < seconds:
                time.sleep(min(SAMPLE_SECONDS, max(0.1, seconds - now)))
                if self.program.process.poll() is not None:
                    raise RuntimeError(f"the server ended with {self.program.process.returncode}:\n{self.program.log()[-2000:]}")
                samples.append((time.monotonic() - start, resident_bytes(self.program.process.pid), open_files(self.program.process.pid)))
                if len(samples) % (60 // SAMPLE_SECONDS) == 0:
                    self.tell(samples[-1])
        finally:
            self.ended.set()
            self.channel.close()
            for thread in threads:
                thread.join(CALL_SECONDS)
        return samples

    def heap_used(self):
        """Without what the allocator keeps of what was freed."""
        admin, request = self.place.api.services["admin"](self.channel), self.place.api.admin.GetMetricsRequest()
        text = admin.GetMetrics(request, metadata=[("authorization", f"Bearer {MONITOR}")], timeout=CALL_SECONDS).text
        return float(re.search(r"^novitai_process_heap_used_bytes (\S+)$", text, re.MULTILINE)[1])

    def tell(self, sample):
        print(f"{sample[0] / 60:5.1f} min  {sample[1] / (1 << 20):6.1f} MiB, {self.heap_used() / (1 << 20):.1f} used  "
              f"{sample[2]:4} descriptors  {dict(self.counts)}"
              f"  {sum(self.failures.values())} failures", file=sys.stderr, flush=True)  # fmt: skip


def verdict(samples, minutes):
    """What is wrong; the beginning and the end of the flat part."""
    flat = [sample for sample in samples if sample[0] >= 60 * min(WARM_UP_MINUTES, minutes / 2)]
    count = max(1, int(ENDS_SHARE * len(flat)))
    (memory_first, files_first), (memory_last, files_last) = (
        [statistics.median(sample[column] for sample in part) for column in (1, 2)] for part in (flat[:count], flat[-count:])
    )
    print(f"memory {memory_first / (1 << 20):.1f} -> {memory_last / (1 << 20):.1f} MiB, descriptors {files_first:.0f} -> {files_last:.0f} "
          f"(medians of the first and the last {100 * ENDS_SHARE:.0f} % after minute {min(WARM_UP_MINUTES, minutes / 2):.0f})")  # fmt: skip
    if memory_last - memory_first > max(MEMORY_BYTES, MEMORY_SHARE * memory_first):
        yield "memory grows"
    if files_last - files_first > DESCRIPTORS:
        yield "descriptors grow"


def main(argv):
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    options = parser.parse_args(argv)
    with scene(simulator_speed=60) as place, place.server(tls=True, INSTANCE_POLL_INTERVAL="5") as program:
        soak = Soak(place, program)
        soak.fill()
        samples = soak.run(60 * options.minutes)
    print(f"{options.minutes:g} minutes: {dict(soak.counts)}")
    problems = [*verdict(samples, options.minutes), *(f"{count} times {what}" for what, count in soak.failures.most_common(10))]
    print("\n".join(f"FAILED: {problem}" for problem in problems) or "held")
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        exit_on_signals()
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
