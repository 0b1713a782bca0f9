"""The server under attack with everything around it: the simulated provider, principals, and some instances to answer with."""

import contextlib
import hashlib
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Integration"))
import grpc  # noqa: E402
from certificates import Authority  # noqa: E402
from conftest import Clients, Server, Simulator, spec  # noqa: E402

from . import frames  # noqa: E402
from .catalogue import GET  # noqa: E402

HONEST, ATTACKER, MONITOR = "honest-token", "attacker-token", "monitor-token"
# A list of them has about 60 KB.
INSTANCES = 100


class Scene:
    """Programs start and end within it; the database stays."""

    def __init__(self, folder, stack, simulator_speed):
        self.folder, self.stack = folder, stack
        self.simulator = self._entered(Simulator(folder, speed=simulator_speed))
        self.simulator.post("/_sim/stock", {"free": 1_000_000})
        principals = [
            {"id": role, "tenant": "one", "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}
            for role, token in (("admin", HONEST), ("operator", ATTACKER), ("monitor", MONITOR))
        ]
        self.tokens = folder / "tokens.json"
        self.tokens.write_text(json.dumps({"tokens": principals}))
        self.tokens.chmod(0o600)
        self.api = Clients(folder)
        self.certificate = None
        self.instance = ""

    def _entered(self, program):
        self.stack.callback(lambda: program.process and program.process.poll() is None and program.kill())
        return program.start()

    @contextlib.contextmanager
    def server(self, tls=False, **settings):
        """novitaid with its own limits, but for those of `settings`."""
        if tls:
            settings |= self._tls_settings()
        program = Server(
            self.folder, self.simulator, **{"AUTH_TOKENS_FILE": str(self.tokens), "MAX_INSTANCES": "100000",
            "MAX_HOURLY_SPEND": "1000000", "INSTANCE_POLL_INTERVAL": "300", **settings})  # fmt: skip
        self._entered(program)
        try:
            yield program
        finally:
            program.kill()

    def _tls_settings(self):
        if self.certificate is None:
            authority = Authority(self.folder)
            self.certificate = authority.path
            self.pair = authority.sign("server", "DNS:localhost,IP:127.0.0.1", "serverAuth")
        return {"TLS_CERT_FILE": self.pair[0], "TLS_KEY_FILE": self.pair[1]}

    def fill(self):
        """Makes the instances that calls ask for; without ports, for nobody would answer probes."""
        with self.server() as program, grpc.insecure_channel(program.address) as channel:
            service, messages = self.api.services["instances"](channel), self.api.instance
            for number in range(INSTANCES):
                request = messages.CreateInstanceRequest(name=f"calm-{number}", spec=spec(self.api, ports=[]), labels={"text": "t" * 200})
                created = service.CreateInstance(request, metadata=[("authorization", f"Bearer {HONEST}")], timeout=20)
            self.instance = created.instance.id
            # A create that is cut off is only made again once it is certain that it made nothing: ten minutes.
            program.stop()

    def honest_arguments(self, program, rate, seconds, connections):
        body = frames.text_field(1, self.instance).hex()
        return ["127.0.0.1", program.port, rate, seconds, connections, GET, body, HONEST]


@contextlib.contextmanager
def scene(simulator_speed=1000):
    with tempfile.TemporaryDirectory(prefix="novitai-attacks-") as name, contextlib.ExitStack() as stack:
        made = Scene(pathlib.Path(name), stack, simulator_speed)
        made.fill()
        yield made
