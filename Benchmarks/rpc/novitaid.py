"""novitaid as a contestant: the real server on an SQLite file, with the simulator as its provider."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc

from .contestants import Contestant, Fixture, inherited_environment, swift_programs
from .processes import Failure, free_port, running
from .protocol import Protocol, channel

# From accepted to ready on the simulator's fast clock; much longer means that something is wrong.
READY_SECONDS = 60
SIMULATOR_SPEED = 1000


class Novitaid(Contestant):
    name = "novitaid"
    description = "novitaid (release)"

    def __init__(self) -> None:
        self.binaries = Path()
        self.simulator = ""

    def build(self) -> None:
        self.binaries = swift_programs("novitaid", "novita-sim")

    def command(self, fixture: Fixture, port: int) -> list[str | Path]:
        return [self.binaries / "novitaid", "serve"]

    def environment(self, fixture: Fixture, port: int) -> dict[str, str]:
        return {
            **inherited_environment(),
            "RPC_LISTEN": f"127.0.0.1:{port}",
            "NOVITA_API_BASE_URL": f"http://{self.simulator}",
            "DATABASE_URL": f"sqlite:{fixture.folder / 'novitai.db'}",
            "AUTH_TOKENS_FILE": str(write_tokens_file(fixture)),
            # The limit stays on the way of every call, but must not be what is measured.
            "RATE_LIMIT_PER_SECOND": "10000000",
            "RATE_LIMIT_BURST": "10000000",
            "INSTANCE_POLL_INTERVAL": "300",
            **certificate_environment(fixture),
        }

    @contextlib.contextmanager
    def provider(self, fixture: Fixture) -> Iterator[None]:
        """Runs the simulator, beside the load generator, until the block is left."""
        port = free_port()
        environment = {**inherited_environment(), "SIM_LISTEN": f"127.0.0.1:{port}"}
        command = [self.binaries / "novita-sim", "--speed", str(SIMULATOR_SPEED)]
        with running(command, port, fixture.load_core, fixture.folder / "novita-sim.log", environment) as server:
            self.simulator = server.address
            yield

    def create_instance(self, fixture: Fixture) -> Any:
        """Asks for a machine, as any client would, and returns it once it is ready."""
        with self.running(fixture) as server, channel(server.address, fixture.root) as connection:
            metadata = (("authorization", f"Bearer {fixture.token}"),)
            return _ready_instance(connection, fixture.protocol, metadata)


def certificate_environment(fixture: Fixture) -> dict[str, str]:
    if fixture.certificate is None:
        return {}
    return {"TLS_CERT_FILE": str(fixture.certificate.certificate), "TLS_KEY_FILE": str(fixture.certificate.key)}


def write_tokens_file(fixture: Fixture) -> Path:
    path = fixture.folder / "tokens.json"
    principal = {
        "id": "benchmark",
        "tenant": "benchmark",
        "role": "operator",
        "sha256": hashlib.sha256(fixture.token.encode()).hexdigest(),
    }
    path.write_text(json.dumps({"tokens": [principal]}) + "\n")
    path.chmod(0o600)
    return path


def _ready_instance(connection: grpc.Channel, protocol: Protocol, metadata: tuple[tuple[str, str], ...]) -> Any:
    messages = protocol.instance
    catalog = protocol.catalog_service.CatalogServiceStub(connection)
    service = protocol.instance_service.InstanceServiceStub(connection)
    products = catalog.ListProducts(protocol.catalog.ListProductsRequest(filter="kind = gpu"), metadata=metadata, timeout=30).products
    spec = messages.InstanceSpec(
        products=[products[0].id],
        gpu_count=1,
        image="docker.io/library/pytorch:2.5-cuda12",
        ports=[messages.PortSpec(port=8888)],
        environment={"DATASET": "imagenet"},
    )
    labels = {"team": "search", "stage": "production"}
    request = messages.CreateInstanceRequest(name="trainer-7", spec=spec, labels=labels)
    created = service.CreateInstance(request, metadata=metadata, timeout=30).instance
    limit = time.monotonic() + READY_SECONDS
    while time.monotonic() < limit:
        instance = service.GetInstance(messages.GetInstanceRequest(id=created.id), metadata=metadata, timeout=30)
        if instance.readiness == messages.READINESS_READY:
            return instance
        time.sleep(0.1)
    raise Failure(f"the instance is not ready after {READY_SECONDS} s:\n{instance}")
