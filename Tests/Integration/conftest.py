"""Real servers, real clients: every test here starts the built programs and talks to them over loopback sockets."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import grpc
import pytest
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("NOVITAI_BIN_DIR", ROOT / ".build" / "debug"))

# A program that was told to start writes its port within this many seconds, on a loaded machine too.
START_SECONDS = 30
# A program that was told to end has ended within this many seconds.
STOP_SECONDS = 40
API_KEY = "sk_integration-canary-7f3a91"
# Secrets that tests make up have this word in them, and no log of a program of ours may have it, at whatever level it is written.
CANARY = "canary"
# Of all programs that do not ask for one of their own; none: as they are.
LOG_LEVEL = os.environ.get("NOVITAI_TEST_LOG_LEVEL")


def wait_for(condition, seconds, what):
    """Returns what the condition gives as soon as that is true; the one place here that looks again and again."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


class Program:
    """One of our programs, started with an environment of its own."""

    def __init__(self, name, arguments, environment, folder):
        self.name = name
        self.folder = folder
        self.port_file = folder / f"{name}.port"
        self.log_file = folder / f"{name}.log"
        self.arguments = [str(BINARIES / name), *arguments, "--port-file", str(self.port_file)]
        noise = {"LOG_LEVEL": LOG_LEVEL} if LOG_LEVEL else {}
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **noise, **environment}
        self.process = None
        self.port = None

    def start(self):
        self.port_file.unlink(missing_ok=True)
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(self.arguments, env=self.environment, cwd=self.folder, stdout=log, stderr=log)
        self.port = wait_for(self._read_port, START_SECONDS, f"{self.name} writes its port")
        return self

    def _read_port(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log()[-4000:]}")
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int(self.port_file.read_text().strip())
        return None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def send(self, number):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self):
        self.send(signal.SIGKILL)
        self.process.wait()
        self.expect_no_secret()

    def stop(self):
        """Asks it to end and returns its exit status."""
        self.send(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end on SIGTERM:\n{self.log()[-4000:]}") from None
        self.expect_no_secret()
        return status

    def expect_no_secret(self):
        told = [line for line in self.log().splitlines() if CANARY in line]
        assert not told, f"a secret stands in the log of {self.name}: {told[:3]}"


class Simulator(Program):
    """The provider. Its virtual clock runs `speed` times as fast as the wall's."""

    def __init__(self, folder, speed=60, arguments=()):
        super().__init__("novita-sim", ["--listen", "127.0.0.1:0", "--seed", "7", "--speed", str(speed), *arguments], {}, folder)

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as answer:
            return json.load(answer)

    def post(self, path, body=None):
        request = urllib.request.Request(
            f"http://{self.address}{path}", data=json.dumps(body or {}).encode(), headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def ledger(self):
        """Every machine that was ever made, billed or not."""
        return self.get("/_sim/ledger?all=true")["machines"]

    def arm(self, path, kind, times=1, method="POST", **more):
        return self.post("/_sim/faults", {"method": method, "path": path, "kind": kind, "times": times, **more})


CREATE = "/gpu-instance/openapi/v1/gpu/instance/create"


class Server(Program):
    """novitaid, on its own database and the given provider."""

    def __init__(self, folder, simulator, **settings):
        environment = {
            "NOVITA_API_BASE_URL": f"http://{simulator.address}",
            "NOVITA_API_KEY": API_KEY,
            "DATABASE_URL": f"sqlite:{folder}/novitai.db",
            "RPC_LISTEN": "127.0.0.1:0",
            "UPSTREAM_REQUESTS_PER_MINUTE": "10000",
            "INSTANCE_POLL_INTERVAL": "1",
            **settings,
        }
        super().__init__("novitaid", [], environment, folder)
        self.database = folder / "novitai.db"


class Clients:
    """Stubs made from the published .proto files alone, as any user makes them."""

    def __init__(self, folder):
        files = sorted(str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto" / "novitai").rglob("*.proto"))
        status = protoc.main(
            ["protoc", f"-I{ROOT / 'proto'}", f"-I{pathlib.Path(protoc.__file__).parent / '_proto'}"]
            + [f"--python_out={folder}", f"--grpc_python_out={folder}", *files]
        )
        assert status == 0, "protoc could not compile the published .proto files"
        sys.path.insert(0, str(folder))
        from novitai.v1 import admin_pb2, admin_pb2_grpc, catalog_pb2, catalog_pb2_grpc
        from novitai.v1 import instance_pb2, instance_pb2_grpc, job_pb2, job_pb2_grpc, types_pb2, webhook_pb2, webhook_pb2_grpc

        self.instance, self.job, self.catalog, self.admin, self.types = instance_pb2, job_pb2, catalog_pb2, admin_pb2, types_pb2
        self.webhook = webhook_pb2
        self.services = {
            "instances": instance_pb2_grpc.InstanceServiceStub,
            "jobs": job_pb2_grpc.JobServiceStub,
            "catalog": catalog_pb2_grpc.CatalogServiceStub,
            "admin": admin_pb2_grpc.AdminServiceStub,
            "webhooks": webhook_pb2_grpc.WebhookServiceStub,
        }

    def connect(self, address, *options):
        """A client that shows each call's own fate; with `*AS_USERS` one that has gRPC's defaults."""
        channel = grpc.insecure_channel(address, options=options or [("grpc.enable_retries", 0)])
        return Connection(channel, self)


# gRPC repeats by itself a call that never left the client: one that it was about to send when the server said that it goes away.
AS_USERS = [("grpc.enable_retries", 1)]


class Connection:
    def __init__(self, channel, clients):
        self.channel = channel
        for name, stub in clients.services.items():
            setattr(self, name, stub(channel))

    def close(self):
        self.channel.close()


@pytest.fixture(scope="session")
def api(tmp_path_factory):
    return Clients(tmp_path_factory.mktemp("stubs"))


@pytest.fixture
def start(tmp_path):
    """Starts programs and ends what is left of them after the test."""
    started = []

    def run(program):
        started.append(program)
        return program.start()

    yield run
    for program in reversed(started):
        if program.process and program.process.poll() is None:
            program.stop()


@pytest.fixture
def simulator(start, tmp_path):
    return start(Simulator(tmp_path))


@pytest.fixture
def server(start, tmp_path, simulator):
    return start(Server(tmp_path, simulator))


@pytest.fixture
def connect(api):
    opened = []

    def run(program, *options):
        opened.append(api.connect(program.address, *options))
        return opened[-1]

    yield run
    for connection in opened:
        connection.close()


@pytest.fixture
def client(connect, server):
    return connect(server)


def spec(api, **fields):
    """A specification that the simulator can serve."""
    given = {"products": ["RTX 4090 24GB"], "gpu_count": 1, "image": "docker.io/library/alpine:3", "disk_gb": 60, **fields}
    given.setdefault("ports", [api.instance.PortSpec(port=8080, protocol=api.types.PORT_PROTOCOL_HTTP)])
    return api.instance.InstanceSpec(**given)
