"""Ten thousand machines: do the calls to the provider stay within their budget, is a change seen in time, and what does it cost.

    scripts/attacks fleet [--instances 10000] [--seconds 120]

All machines are the server's own. The provider's clock runs as ours does once they are made, and the server has its default settings.
"""

import argparse
import contextlib
import json
import random
import re
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent import futures
from pathlib import Path

import grpc

from .processes import exit_on_signals, processor_seconds, resident_bytes
from .scene import Clients, Server, Simulator, spec

# What is asked; `--debug` leaves the first two out.
MEMORY_BYTES, CPU_SHARE = 256 << 20, 0.20
# A call that changes something begins at the provider so soon after it was asked for here: one turn of the budget, and the job's step.
DELAY_SECONDS = 2.0
# A change is looked for so often, and the provider's clock is read to the second.
LOOK_SECONDS, CLOCK_SECONDS = 0.2, 1.0
REQUESTS_PER_MINUTE, POLL_INTERVAL = 100, 30
WATCHERS = 50
CHANGES_PER_MINUTE = 10
SEEN_SAMPLES = 6
METRICS_KEPT_SECONDS = 20
# For the provider's minute: what makes the machines quickly, and what a balance of 100 000 USD carries.
FILL_SPEED = 30
FILL_THREADS = 8
API = "/gpu-instance/openapi/v1/gpu/instance"
SEED = 7


def say(text):
    print(text, flush=True)


class Fleet:
    """The server over its machines, restarted for each part with the same database."""

    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.api = Clients(folder)
        self.simulator = Simulator(folder, speed=FILL_SPEED, arguments=["--page-cap", "1000"])
        self.failures, self.random = [], random.Random(SEED)
        self.program = self.channel = None

    def expect(self, holds, text):
        say(f"{'  held' if holds else 'FAILED'}: {text}")
        if not holds:
            self.failures.append(text)

    @contextlib.contextmanager
    def server(self, **settings):
        self.program = Server(self.folder, self.simulator, **{
            "UPSTREAM_REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE), "INSTANCE_POLL_INTERVAL": str(POLL_INTERVAL),
            "MAX_INSTANCES": "20000", "MAX_HOURLY_SPEND": "1000000", **settings})  # fmt: skip
        self.program.start()
        try:
            with grpc.insecure_channel(self.program.address, options=[("grpc.max_receive_message_length", -1)]) as self.channel:
                self.instances = self.api.services["instances"](self.channel)
                self.admin = self.api.services["admin"](self.channel)
                yield
        finally:
            self.program.kill()

    # What is asked of the server and the simulator

    def metric(self, name):
        text = self.admin.GetMetrics(self.api.admin.GetMetricsRequest(), timeout=20).text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
        return float(found[1]) if found else None

    def reconciler(self):
        """The reconciler's line in the report of health."""
        health = self.admin.GetHealth(self.api.admin.GetHealthRequest(), timeout=20)
        return next(check for check in health.checks if check.name == "reconciler")

    def wait(self, what, condition, seconds):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what}: not within {seconds} s")
            time.sleep(0.5)

    def wait_for_sweep(self, seconds):
        self.wait("a sweep", lambda: self.metric("novitai_sweep_seen_within_seconds"), seconds)

    def calls(self):
        """The calls to the provider that were logged, each with its time in seconds of the provider's clock."""
        return [{**call, "time": call["time_ms"] / 1000} for call in self.simulator.get("/_sim/requests?limit=10000")["requests"]]

    def provider_time(self):
        return self.simulator.get("/_sim/clock")["now_ms"] / 1000

    def stop_behind(self, upstream):
        """What a person does in the provider's console."""
        request = urllib.request.Request(
            f"http://{self.simulator.address}{API}/stop", data=json.dumps({"instanceId": upstream}).encode(),
            headers={"content-type": "application/json", "authorization": "Bearer console", "x-request-id": "console"},
        )  # fmt: skip
        urllib.request.urlopen(request, timeout=10).close()

    # Parts

    def fill(self):
        """Makes the machines, as fast as the provider can be asked."""
        begun = time.monotonic()
        with self.server(UPSTREAM_REQUESTS_PER_MINUTE="10000", MAX_CONCURRENT_JOBS="100", INSTANCE_POLL_INTERVAL="300"):

            def create(number):
                request = self.api.instance.CreateInstanceRequest(name=f"fleet-{number}", spec=spec(self.api))
                self.instances.CreateInstance(request, timeout=60)

            with futures.ThreadPoolExecutor(FILL_THREADS) as pool:
                list(pool.map(create, range(self.options.instances)))
            self.wait("all machines run", lambda: self.metric('novitai_instances{state="INSTANCE_STATE_RUNNING"}') == self.options.instances, 1800)
        self.simulator.post("/_sim/clock", {"speed": 1})
        machines = self.simulator.ledger()
        say(f"{len(machines)} machines made in {time.monotonic() - begun:.0f} s")
        self.expect(len(machines) == self.options.instances, f"{len(machines)} machines for {self.options.instances} requests")

    def rest(self):
        """Looks at the server for a while in which nobody asks for anything. Returns its calls to the provider, by path."""
        pid, start = self.program.process.pid, self.provider_time()
        begun, used, most = time.monotonic(), processor_seconds(pid), 0
        while time.monotonic() - begun < self.options.seconds:
            most = max(most, resident_bytes(pid))
            time.sleep(0.5)
        share = (processor_seconds(pid) - used) / (time.monotonic() - begun)
        calls = [call for call in self.calls() if call["time"] >= start and call["request_id"] != "console"]
        return share, most, calls

    def within_budget(self, calls, what):
        times = [call["time"] for call in calls]
        most = max((sum(1 for other in times if time <= other < time + 60) for time in times), default=0)
        self.expect(most <= REQUESTS_PER_MINUTE, f"{what}: at most {most} calls in a minute, {REQUESTS_PER_MINUTE} allowed; {len(times)} in all")

    def at_rest(self):
        share, most, alone = self.rest()
        text = f"{most / (1 << 20):.0f} MiB of memory and {100 * share:.1f} % of a core at rest"
        self.expect(self.options.debug or (most < MEMORY_BYTES and share < CPU_SHARE), text)
        self.within_budget(alone, "at rest")
        with self.watchers() as ready:
            self.wait(f"{WATCHERS} watches have all instances", ready, 300)
            share, most, watched = self.rest()
            say(f"        {most / (1 << 20):.0f} MiB and {100 * share:.1f} % of a core with {WATCHERS} watches")
        # A sweep may fall into one of the two times and not into the other.
        sweep = -(-self.options.instances // 1000) + 2
        self.expect(len(watched) <= len(alone) + sweep, f"{len(alone)} calls without watches, {len(watched)} with {WATCHERS}")

    @contextlib.contextmanager
    def watchers(self):
        """Watches over everything; what comes is counted, and not taken apart."""
        watch = self.channel.unary_stream("/novitai.v1.InstanceService/WatchInstances", request_serializer=lambda message: message)
        streams = [watch(b"") for _ in range(WATCHERS)]
        sizes = [0] * WATCHERS

        def follow(number):
            with contextlib.suppress(grpc.RpcError):
                for message in streams[number]:
                    sizes[number] += len(message)

        threads = [threading.Thread(target=follow, args=[number], daemon=True) for number in range(WATCHERS)]
        for thread in threads:
            thread.start()
        try:
            yield lambda: min(sizes) > 200 * self.options.instances
        finally:
            for stream in streams:
                stream.cancel()
            for thread in threads:
                thread.join(10)

    def churn(self):
        """Ten creates and ten deletes a minute, and changes behind the server's back."""
        start = self.provider_time()
        delays = {"create": [], "delete": []}
        samples = self.change_behind(SEEN_SAMPLES, self.options.seconds)
        begun, victims = time.monotonic(), self.victims(1000)
        for number in range(int(CHANGES_PER_MINUTE * self.options.seconds / 60)):
            time.sleep(max(0.0, begun + number * 60 / CHANGES_PER_MINUTE - time.monotonic()))
            delays["create"].append((self.provider_time(), self.create(f"churn-{number}")))
            name, upstream = victims[number]
            delays["delete"].append((self.provider_time(), upstream))
            self.instances.DeleteInstance(self.api.instance.DeleteInstanceRequest(id=name), timeout=20)
        latencies = samples()
        calls = [call for call in self.calls() if call["time"] >= start and call["request_id"] != "console"]
        self.within_budget(calls, f"with {CHANGES_PER_MINUTE} creates and deletes a minute")
        for kind, asked in delays.items():
            arrivals = [call for call in calls if call["path"].endswith(f"/gpu/instance/{kind}")]
            waits = []
            for at, subject in asked:
                arrived = [call["time"] for call in arrivals if subject in call["subject"]]
                waits.append(min(arrived) - at if arrived else float("inf"))
            self.expect(max(waits) <= DELAY_SECONDS, f"{len(waits)} {kind}s began after {statistics.median(waits):.2f} s in the middle, "
                        f"{max(waits):.2f} s at most, {DELAY_SECONDS:g} s allowed")  # fmt: skip
        return latencies

    def create(self, name):
        request = self.api.instance.CreateInstanceRequest(name=name, spec=spec(self.api))
        return self.instances.CreateInstance(request, timeout=20).instance.id

    def victims(self, first):
        """Names and machines of instances that nothing else here looks at."""
        reply = [
            self.instances.GetInstance(self.api.instance.GetInstanceRequest(id=f"fleet-{number}"), timeout=20)
            for number in range(min(first, self.options.instances // 2), min(first, self.options.instances // 2) + 60)
        ]
        return [(instance.name, instance.upstream.id) for instance in reply]

    def change_behind(self, count, seconds):
        """Stops machines at random moments of that time. Returns what waits until all have been seen, and says after how long each was."""
        chosen = self.random.sample(range(min(900, self.options.instances // 3)), count)
        moments = sorted(self.random.uniform(0, seconds) for _ in range(count))
        pool = futures.ThreadPoolExecutor(count)
        begun = time.monotonic()

        def one_sample(number, moment):
            request = self.api.instance.GetInstanceRequest(id=f"fleet-{number}")
            upstream = self.instances.GetInstance(request, timeout=20).upstream.id
            time.sleep(max(0.0, begun + moment - time.monotonic()))
            self.stop_behind(upstream)
            changed = time.monotonic()
            while self.instances.GetInstance(request, timeout=20).state == self.api.instance.INSTANCE_STATE_RUNNING:
                if time.monotonic() - changed > 900:
                    return float("inf")
                time.sleep(LOOK_SECONDS)
            return time.monotonic() - changed

        running = [pool.submit(one_sample, *pair) for pair in zip(chosen, moments, strict=True)]
        return lambda: [sample.result() for sample in running]

    def seen(self, latencies, within, what):
        # A sweep may have ended a moment ago, and the pace changed with it: metrics are kept for some seconds.
        for _ in range(METRICS_KEPT_SECONDS):
            time.sleep(1)
            shown = self.metric("novitai_sweep_seen_within_seconds")
            detail = self.reconciler().detail
            if agrees := f"a change is seen within {int(shown)} s" in detail:
                break
        say(f"        health: {detail}")
        self.expect(agrees, f"{what}: health shows what the metric says, {shown:.0f} s")
        allowed = (within or shown) + LOOK_SECONDS + CLOCK_SECONDS
        self.expect(max(latencies) <= allowed, f"{what}: {len(latencies)} changes were seen after "
                    f"{statistics.median(latencies):.1f} s in the middle, {max(latencies):.1f} s at most, {allowed:.1f} s allowed")  # fmt: skip

    def run(self):
        self.simulator.start()
        try:
            self.simulator.post("/_sim/stock", {"free": 1_000_000})
            self.fill()
            with self.server():
                self.wait_for_sweep(300)
                # The first sweep has found out about pages; from the second on it is as always.
                time.sleep(2 * POLL_INTERVAL)
                self.at_rest()
                self.seen(self.churn(), POLL_INTERVAL, "pages of 1000")
            self.simulator.post("/_sim/lists", {"page_cap": 100})
            with self.server():
                self.wait_for_sweep(600)
                latencies = self.change_behind(SEEN_SAMPLES, self.options.seconds)()
                self.seen(latencies, None, "pages of 100")
                share, most, calls = self.rest()
                self.within_budget(calls, "pages of 100")
                say(f"        {most / (1 << 20):.0f} MiB and {100 * share:.1f} % of a core")
        finally:
            self.simulator.kill()
        return self.failures


def main(argv):
    parser = argparse.ArgumentParser(prog="scripts/attacks fleet", description=__doc__.splitlines()[0])
    parser.add_argument("--instances", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=120, help="of each part (default 120)")
    parser.add_argument("--debug", action="store_true", help="memory and processor of a debug build are shown, not judged")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="novitai-fleet-") as name:
        failures = Fleet(Path(name), options).run()
    say("held" if not failures else f"FAILED: {len(failures)} of the above")
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        exit_on_signals()
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
