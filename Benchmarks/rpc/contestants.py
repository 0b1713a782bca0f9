"""Who takes part: how each is built, started and verified. A further one is a further entry of `CONTESTANTS`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .certificates import Certificate
from .load import Request
from .processes import Failure, Server, free_port, running
from .protocol import Protocol
from .verify import verify_file, verify_grpc

BENCHMARKS = Path(__file__).resolve().parent.parent
REPOSITORY = BENCHMARKS.parent
BUILD = BENCHMARKS / ".build" / "rpc"
TEST_PROTOS = REPOSITORY / "Tests" / "Protos"
PACER, STREAMER = BUILD / "pacer", BUILD / "streamer"

# Every call carries this deadline. It is far: a call that met it would end the measurement as a failure.
GRPC_TIMEOUT = "5S"
RELEASE_OPTIONS = (REPOSITORY / "scripts" / "release-options").read_text().split()


@dataclass
class Fixture:
    """What all contestants of a run share: the message, the token, the cores, a folder for the run's files."""

    folder: Path
    protocol: Protocol
    token: str
    instance: Any
    server_core: int
    load_core: int
    # With it, all contestants serve TLS.
    certificate: Certificate | None = None

    @property
    def scheme(self) -> str:
        return "https" if self.certificate else "http"

    @property
    def root(self) -> Path | None:
        """What a client trusts; None without TLS."""
        return self.certificate.certificate if self.certificate else None

    def write(self) -> None:
        """Writes what contestants and load generators read: the request, the instance, the tokens, the static file."""
        message = self.encoded_request()
        reply = self.instance.SerializeToString()
        (self.folder / "request").write_bytes(framed(message))
        (self.folder / "instance").write_bytes(reply)
        (self.folder / "tokens").write_text(f"{hashlib.sha256(self.token.encode()).hexdigest()} viewer\n")
        self.static_file.parent.mkdir(exist_ok=True)
        self.static_file.write_bytes(framed(reply))

    @property
    def static_file(self) -> Path:
        return self.folder / "www" / "instance"

    def encoded_request(self, identifier: str | None = None) -> bytes:
        return self.protocol.instance.GetInstanceRequest(id=identifier or self.instance.id).SerializeToString()

    def grpc_request(self) -> Request:
        return self._request("/novitai.v1.InstanceService/GetInstance")

    def static_request(self) -> Request:
        """The same request for a static file, so that its header and body cost the same to read."""
        return self._request("/" + self.static_file.name)

    def _request(self, path: str) -> Request:
        fields = {
            "content-type": "application/grpc",
            "te": "trailers",
            "grpc-timeout": GRPC_TIMEOUT,
            "authorization": f"Bearer {self.token}",
        }
        return Request(path, self.folder / "request", fields)


def framed(message: bytes, compressed: bool = False) -> bytes:
    """Before a message stand a byte that says whether it is compressed, and its length."""
    return bytes([compressed]) + len(message).to_bytes(4, "big") + message


class Contestant:
    """A server that takes part. `name` is what it is called on the command line and in the report."""

    name: str
    description: str

    def build(self) -> None:
        """Builds what is not a package of the system."""

    def command(self, fixture: Fixture, port: int) -> list[str | Path]:
        raise NotImplementedError

    def environment(self, fixture: Fixture, port: int) -> dict[str, str]:
        return inherited_environment()

    def request(self, fixture: Fixture) -> Request:
        return fixture.grpc_request()

    def verify(self, server: Server, fixture: Fixture) -> int:
        """Returns the bytes of every answer's body, or fails."""
        return verify_grpc(server, fixture)

    @contextlib.contextmanager
    def running(self, fixture: Fixture, **more: str) -> Iterator[Server]:
        """Runs it until the block is left; `more` joins its environment."""
        port = free_port()
        log = fixture.folder / f"{self.name}.log"
        environment = {**self.environment(fixture, port), **more}
        with running(self.command(fixture, port), port, fixture.server_core, log, environment, fixture.scheme) as server:
            yield server


class Peer(Contestant):
    """One of the programs of the Makefile."""

    def __init__(self, name: str, program: str, description: str) -> None:
        self.name, self.program, self.description = name, program, description

    def build(self) -> None:
        make(self.program)

    def command(self, fixture: Fixture, port: int) -> list[str | Path]:
        certificate = [fixture.certificate.certificate, fixture.certificate.key] if fixture.certificate else []
        return [BUILD / self.program, str(port), fixture.folder / "instance", fixture.folder / "tokens", *certificate]


class StaticFile(Contestant):
    """nghttpd with a file of the answer's size: HTTP/2 alone, the practical limit of libnghttp2."""

    name = "nghttpd"
    description = "nghttpd, a static file"

    def command(self, fixture: Fixture, port: int) -> list[str | Path]:
        options = ["--address=127.0.0.1", "--max-concurrent-streams=1000", "-d", fixture.static_file.parent]
        if fixture.certificate is None:
            return ["nghttpd", "--no-tls", *options, str(port)]
        return ["nghttpd", *options, str(port), fixture.certificate.key, fixture.certificate.certificate]

    def request(self, fixture: Fixture) -> Request:
        return fixture.static_request()

    def verify(self, server: Server, fixture: Fixture) -> int:
        return verify_file(server, self.request(fixture), fixture.static_file.read_bytes())


def inherited_environment() -> dict[str, str]:
    """This program's environment without what could turn novitaid to another provider, database or address."""
    return {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR")}


def swift_programs(*products: str) -> Path:
    """Builds them optimised and returns their folder."""
    if shutil.which("swift") is None:
        raise Failure("swift is not in PATH; --only names the contestants that do without")
    swift = ["swift", "build", "--package-path", str(REPOSITORY), *RELEASE_OPTIONS]
    for product in products:
        if subprocess.run([*swift, "--product", product], check=False).returncode != 0:
            raise Failure(f"{product} does not build")
    return Path(subprocess.run([*swift, "--show-bin-path"], check=True, capture_output=True, text=True).stdout.strip())


def make(program: str) -> None:
    command = ["make", "--silent", "-C", BENCHMARKS / "rpc", f"OUT={BUILD}", f"PROTO={REPOSITORY / 'proto'}"]
    command += [f"TEST_PROTO={TEST_PROTOS}", f"SWIFT_OPTIONS={' '.join(RELEASE_OPTIONS)}", BUILD / program]
    if subprocess.run(command, check=False).returncode != 0:
        raise Failure(f"{program} does not build")
