"""One attack beside an honest client, and the verdict."""

import contextlib
import dataclasses
import threading

from .attack import CONNECTION_BYTES, FULL_SECONDS
from .processes import resident_bytes, running
from .scene import ATTACKER

HONEST_RATE, HONEST_CONNECTIONS = 500, 4
# What the honest client's 99th percentile may become, as a multiple of the calm one.
SLOWER_MAX = 10
# The calm part, as a share of the attack, and at least so long: its 99th percentile needs a few hundred calls.
CALM_SHARE, CALM_SECONDS_MIN = 1 / 4, 1
# The honest client is at work before the attack begins, and a little longer than it lasts.
LEAD_SECONDS, TRAIL_SECONDS = 0.5, 1
# For processes to start and end on a loaded machine.
PATIENCE_SECONDS = 60
SAMPLE_SECONDS = 0.05


class Memory(threading.Thread):
    """The most memory that a process had between its beginning and `peak`."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.ended = pid, 0, threading.Event()
        self.start()

    def run(self):
        # It ends with the process too.
        with contextlib.suppress(OSError):
            while not self.ended.wait(SAMPLE_SECONDS):
                self.most = max(self.most, resident_bytes(self.pid))

    def peak(self):
        self.ended.set()
        self.join()
        return self.most


@dataclasses.dataclass
class Outcome:
    attack: object
    calm: dict
    honest: dict
    attacker: dict
    calm_bytes: int
    peak_bytes: int
    after_bytes: int

    @property
    def slower(self):
        return self.honest["p99_ms"] / self.calm["p99_ms"]

    @property
    def allowed_bytes(self):
        return self.attacker["peak_open"] * CONNECTION_BYTES + self.attack.memory

    @property
    def bytes_per_connection(self):
        return (self.peak_bytes - self.calm_bytes) / max(1, self.attacker["peak_open"])

    def problems(self, slower_max=SLOWER_MAX, more_bytes=0):
        if self.calm["failed"] or self.honest["failed"]:
            yield f"{self.calm['failed'] + self.honest['failed']} honest calls failed: {self.calm['failures'] + self.honest['failures']}"
        if self.slower >= slower_max:
            yield f"honest calls became {self.slower:.1f} times slower"
        allowed = self.allowed_bytes + more_bytes
        if self.peak_bytes - self.calm_bytes > allowed:
            yield f"{(self.peak_bytes - self.calm_bytes) >> 10} KiB of memory, {allowed >> 10} KiB allowed"
        if "unexpected" in self.attacker:
            yield f"a connection {self.attacker['unexpected']}"
        yield from self._wrong_answers()

    def _wrong_answers(self):
        if self.attack.answers is None:
            return
        # What follows an answer that came before the request was whole.
        seen = set(self.attacker["answers"]) - {"reset NO_ERROR"}
        if seen - self.attack.answers:
            yield f"calls ended by {sorted(seen - self.attack.answers)}, not {sorted(self.attack.answers)}"
        is_over = getattr(self.attack, "within", None) is None or self.attacker["seconds"] >= FULL_SECONDS
        if is_over and not seen & self.attack.answers:
            yield f"no call ended by {sorted(self.attack.answers)}"


def attack_once(scene, attack, seconds):
    with scene.server(tls=attack.over_tls) as server:
        pid, certificate = server.process.pid, [scene.certificate] if attack.over_tls else []
        honest = lambda time: [*scene.honest_arguments(server, HONEST_RATE, time, HONEST_CONNECTIONS), *certificate]  # noqa: E731
        hostile = [attack.name, "127.0.0.1", server.port, LEAD_SECONDS, seconds, ATTACKER, scene.instance, *certificate]
        calm_seconds = max(CALM_SECONDS_MIN, seconds * CALM_SHARE)
        with running("honest", *honest(calm_seconds)) as child:
            calm = child.result(calm_seconds + PATIENCE_SECONDS)
        calm_bytes, memory, length = resident_bytes(pid), Memory(pid), attack.lasts(seconds)
        with (
            running("honest", *honest(LEAD_SECONDS + length + TRAIL_SECONDS)) as client,
            running("attacker", *hostile) as attacker,
        ):
            done = attacker.result(length + PATIENCE_SECONDS)
            honest_result = client.result(length + PATIENCE_SECONDS)
        peak = memory.peak()
        if server.process.poll() is not None:
            raise RuntimeError(f"the server ended with {server.process.returncode} under {attack.name}:\n{server.log()[-2000:]}")
        return Outcome(attack, calm, honest_result, done, calm_bytes, peak, resident_bytes(pid))
