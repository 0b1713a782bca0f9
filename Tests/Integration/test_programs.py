"""The programs for people: command line, sidecar, and what any gRPC tool asks of a server."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import grpc
import pytest
from conftest import BINARIES, ROOT, Program, Server, spec, wait_for
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def novitai(server, *arguments, timeout=60, **environment):
    return subprocess.run(
        [BINARIES / "novitai", *arguments], capture_output=True, text=True, timeout=timeout,
        env={"PATH": os.environ["PATH"], "NOVITAI_TARGET": server if isinstance(server, str) else server.address, **environment},
    )


SPEC = ["--product", "RTX 4090 24GB", "--image", "alpine", "--port", "8080/http"]


def test_the_command_line_goes_the_whole_way(server, simulator):
    made = novitai(server, "instances", "create", *SPEC, "--name", "cli", "--label", "team=search", "--wait")
    assert made.returncode == 0, made.stderr
    assert "RUNNING" in made.stdout and "yes" in made.stdout
    assert "cli RUNNING, ready" in made.stderr

    shown = novitai(server, "instances", "get", "cli", "--output", "json")
    instance = json.loads(shown.stdout)
    assert instance["name"] == "cli" and instance["state"] == "INSTANCE_STATE_RUNNING" and instance["labels"] == {"team": "search"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", instance["createTime"])

    assert "cli" in novitai(server, "instances", "list", "--filter", "labels.team = search").stdout
    assert "cli" not in novitai(server, "instances", "list", "--filter", "labels.team = other").stdout
    for verb, state in [("stop", "STOPPED"), ("start", "RUNNING"), ("restart", "RUNNING"), ("delete", "DELETED")]:
        done = novitai(server, "instances", verb, "cli" if verb != "delete" else instance["id"], "--wait")
        assert done.returncode == 0 and state in done.stdout, (verb, done.stdout, done.stderr)
    jobs = json.loads(novitai(server, "jobs", "list", "--output", "json").stdout)
    assert [job["state"] for job in jobs] == ["JOB_STATE_SUCCEEDED"] * 5
    assert novitai(server, "jobs", "wait", jobs[0]["id"]).returncode == 0
    assert len(simulator.ledger()) == 1


def test_the_command_line_shows_plans_products_and_the_server(server):
    plan = novitai(server, "instances", "plan", *SPEC)
    assert plan.returncode == 0 and "ELIGIBLE" in plan.stdout and "0.35" in plan.stdout
    products = novitai(server, "products", "list")
    assert "RTX 4090 24GB" in products.stdout and "us-ca-6" in products.stdout
    assert "us-ca-6" in novitai(server, "regions", "list").stdout
    assert "sqlite" in novitai(server, "server", "info").stdout
    assert "store" in novitai(server, "server", "health").stdout


@pytest.mark.parametrize(
    "arguments, status, text",
    [
        (["instances", "get", "nonesuch"], 1, "nonesuch"),
        (["instances", "create", "--image", "alpine", "--product", "RTX 9999"], 1, "spec.products[0]"),
        (["instances", "create", "--image", "alpine", "--product", "x", "--port", "http"], 2, "--port"),
        (["instances", "create"], 2, "--product"),
        (["nonsense"], 2, "nonsense"),
        (["server", "info", "--timeout", "0"], 2, "--timeout"),
    ],
)
def test_a_refused_command_says_why_by_text_and_exit_status(server, arguments, status, text):
    done = novitai(server, *arguments)
    assert done.returncode == status, done.stderr
    assert text in done.stderr
    assert done.stdout == ""


def test_a_server_that_cannot_be_reached_is_said_to_be(tmp_path):
    done = novitai("127.0.0.1:1", "server", "info", timeout=30)
    assert done.returncode == 69
    assert "127.0.0.1:1" in done.stderr
    assert novitai("nowhere", "server", "info").returncode == 78


def test_watch_ends_quietly_on_an_interrupt(server):
    watch = subprocess.Popen(
        [BINARIES / "novitai", "instances", "watch", "--target", server.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    novitai(server, "instances", "create", *SPEC, "--name", "seen")
    assert "seen" in watch.stdout.readline()
    watch.send_signal(signal.SIGINT)
    _, errors = watch.communicate(timeout=20)
    assert errors == ""


class Sidecar(Program):
    def __init__(self, folder, target):
        super().__init__("novitai-sidecar", [], {"SIDECAR_LISTEN": "127.0.0.1:0", "NOVITAI_TARGET": target}, folder)

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode(), answer.headers["content-type"]
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers["content-type"]


def test_the_sidecar_shows_what_the_server_says(start, server, tmp_path):
    sidecar = start(Sidecar(tmp_path, server.address))
    assert sidecar.get("/livez")[0] == 200
    wait_for(lambda: sidecar.get("/readyz")[0] == 200, 30, "ready")
    status, text, content_type = sidecar.get("/health")
    health = json.loads(text)
    assert status == 200 and content_type == "application/json"
    assert health["status"] in ("healthy", "degraded") and health["version"]
    assert set(health["checks"]) == {"rpc", "store", "jobs", "upstream", "reconciler", "balance"}
    for check in health["checks"].values():
        assert set(check) >= {"status", "checked_at", "latency_ms", "detail"}
    status, text, content_type = sidecar.get("/metrics")
    assert status == 200 and content_type.startswith("text/plain; version=0.0.4")
    assert "\nnovitai_up 1\n" in text
    families = re.findall(r"^# TYPE (\S+) ", text, re.M)
    assert len(families) == len(set(families)) and len(families) > 10 and all(name.startswith("novitai_") for name in families)
    assert sidecar.get("/nonesuch")[0] == 404


def probe(program, *arguments):
    """What the health check of a container runs: in the environment of the program, whose listen address it reads."""
    name = "RPC_LISTEN" if program.name == "novitaid" else "SIDECAR_LISTEN"
    return subprocess.run(
        [BINARIES / program.name, "probe", *arguments], capture_output=True, text=True, timeout=20, cwd=program.folder,
        env={**program.environment, name: f"0.0.0.0:{program.port}" if name == "SIDECAR_LISTEN" else program.address},
    )


def test_the_programs_probe_themselves(start, server, tmp_path):
    sidecar = start(Sidecar(tmp_path, server.address))
    wait_for(lambda: probe(server).returncode == 0, 30, "serving")
    assert probe(server).stdout == "serving\n"
    assert probe(sidecar).returncode == 0 and probe(sidecar, "--path", "/readyz").returncode == 0
    server.send(signal.SIGSTOP)
    hung = probe(server)
    assert hung.returncode == 1 and "deadline" in hung.stderr
    assert probe(sidecar, "--path", "/readyz").returncode == 1
    assert probe(sidecar).returncode == 0
    sidecar.send(signal.SIGSTOP)
    assert probe(sidecar).returncode == 1
    sidecar.send(signal.SIGCONT)
    server.send(signal.SIGCONT)
    server.kill()
    dead = probe(server)
    assert dead.returncode == 1 and server.address in dead.stderr


def test_the_probe_needs_neither_token_nor_key(start, simulator, tmp_path):
    tokens = tmp_path / "tokens.json"
    tokens.write_text(json.dumps({"tokens": [{"id": "a", "sha256": "0" * 64, "tenant": "t", "role": "admin"}]}))
    server = start(Server(tmp_path, simulator, AUTH_TOKENS_FILE=str(tokens)))
    wait_for(lambda: probe(server).returncode == 0, 30, "serving")
    # As somebody runs it who has nothing of the server's environment.
    done = subprocess.run(
        [BINARIES / "novitaid", "probe", "--rpc-listen", server.address], capture_output=True, text=True, timeout=20, cwd=tmp_path, env={})
    assert done.returncode == 0, done.stderr


def test_the_sidecar_says_so_when_the_server_is_gone(start, server, tmp_path):
    sidecar = start(Sidecar(tmp_path, server.address))
    wait_for(lambda: sidecar.get("/readyz")[0] == 200, 30, "ready")
    server.send(signal.SIGSTOP)
    status, text, _ = sidecar.get("/health")
    assert status == 503 and json.loads(text)["status"] == "unhealthy"
    server.send(signal.SIGCONT)
    wait_for(lambda: sidecar.get("/readyz")[0] == 200, 30, "ready again")
    server.kill()
    assert sidecar.get("/readyz")[0] == 503
    assert sidecar.get("/livez")[0] == 200
    status, text, _ = sidecar.get("/metrics")
    assert status == 200 and "\nnovitai_up 0\n" in text
    assert sidecar.stop() == 0


def test_reflection_describes_every_service(server):
    with grpc.insecure_channel(server.address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        services = set(database.get_services())
        assert {
            "novitai.v1.InstanceService", "novitai.v1.JobService", "novitai.v1.CatalogService", "novitai.v1.AdminService",
            "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
        } <= services
        pool = descriptor_pool.DescriptorPool(database)
        service = pool.FindServiceByName("novitai.v1.InstanceService")
        assert service.FindMethodByName("WatchInstances").output_type.full_name == "novitai.v1.WatchInstancesResponse"
        assert pool.FindMessageTypeByName("novitai.v1.InstanceSpec").fields_by_name["max_hourly_price"].has_presence


def test_health_is_served_and_watched(server):
    with grpc.insecure_channel(server.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        wait_for(
            lambda: health.Check(health_pb2.HealthCheckRequest(), timeout=5).status == health_pb2.HealthCheckResponse.SERVING, 20, "serving"
        )
        with pytest.raises(grpc.RpcError) as unknown:
            health.Check(health_pb2.HealthCheckRequest(service="nonesuch"), timeout=5)
        assert unknown.value.code() == grpc.StatusCode.NOT_FOUND
        watch = health.Watch(health_pb2.HealthCheckRequest(service="novitai.v1.InstanceService"), timeout=30)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        server.send(signal.SIGTERM)
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert server.process.wait(40) == 0


def test_a_plain_get_on_the_grpc_port_says_alive(server):
    done = subprocess.run(
        ["curl", "--silent", "--http2-prior-knowledge", "--write-out", "%{http_code} %{content_type} %{size_download}",
         "--output", "/dev/null", f"http://{server.address}/livez"], capture_output=True, text=True, timeout=20)
    status, content_type, size = done.stdout.split()[0], done.stdout.split()[1], done.stdout.split()[-1]
    assert status == "200" and content_type.startswith("text/plain") and int(size) >= 64


def test_settings_that_are_wrong_are_all_reported_at_once(simulator, tmp_path):
    server = Server(tmp_path, simulator, MAX_INSTANCES="many", SETTLE_WINDOW="1", RPC_LISTEN="0.0.0.0:50051")
    done = subprocess.run(server.arguments, env=server.environment, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.returncode == 78
    for name in ("MAX_INSTANCES", "SETTLE_WINDOW", "RPC_LISTEN"):
        assert name in done.stderr, done.stderr


def test_config_check_prints_what_is_in_force_without_secrets(tmp_path):
    done = subprocess.run(
        [BINARIES / "novitaid", "config", "check", "--max-instances", "7"], cwd=tmp_path, capture_output=True, text=True, timeout=30,
        env={"PATH": os.environ["PATH"], "NOVITA_API_KEY": "sk_canary", "LOG_LEVEL": "debug"},
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"MAX_INSTANCES\s*=?\s*7", done.stdout) and re.search(r"LOG_LEVEL\s*=?\s*debug", done.stdout)
    assert "sk_canary" not in done.stdout + done.stderr


def test_the_readme_shows_the_program_that_runs(tmp_path, server, api, simulator):
    readme = (ROOT / "README.md").read_text()
    program = (ROOT / "docs" / "first_call.py").read_text()
    assert f"```python\n{program}```" in readme
    there = program.replace("127.0.0.1:50051", server.address)
    assert there != program
    (tmp_path / "first_call.py").write_text(there)
    stubs = str(pathlib.Path(sys.modules[api.instance.__name__].__file__).parents[2])
    done = subprocess.run(
        [sys.executable, tmp_path / "first_call.py"], capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": stubs}
    )
    assert done.returncode == 0, done.stderr
    assert "INSTANCE_STATE_RUNNING" in done.stdout and "INSTANCE_STATE_DELETED" in done.stdout
    assert len(simulator.ledger()) == 1


@pytest.mark.timeout(600)
def test_scripts_run_shows_a_ready_machine_and_an_interrupt_leaves_nothing_behind(tmp_path):
    """The first of the two commands, whole: what it builds is built already."""
    state = ROOT / ".novitai"
    # A key in the environment must not bring it to Novita.ai, nor a ceiling change the demonstration.
    environment = {**os.environ, "NOVITA_API_KEY": "sk_canary", "NOVITA_API_BASE_URL": "https://api.novita.ai", "MAX_INSTANCES": "1"}
    with open(tmp_path / "output", "wb") as output:
        command = subprocess.Popen([ROOT / "scripts" / "run"], stdout=output, stderr=output, env=environment, start_new_session=True)

    def said(text):
        assert command.poll() is None, (tmp_path / "output").read_text()
        return text in (tmp_path / "output").read_text()

    wait_for(lambda: said("Running until Ctrl-C"), 500, "scripts/run has set up")
    assert re.search(r"demo +RUNNING +yes", (tmp_path / "output").read_text())
    pids = [int(line.split()[1]) for line in (state / "pids").read_text().splitlines()]
    assert len(pids) == 3
    # Twice, as an impatient person does.
    command.send_signal(signal.SIGINT)
    command.send_signal(signal.SIGINT)
    assert command.wait(120) == 130
    assert not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids)
    left = {path.name for path in state.iterdir()}
    assert not {name for name in left if name.endswith((".port", "-wal", "-shm", "-journal"))} and "pids" not in left
    assert all("sk_canary" not in path.read_text(errors="replace") for path in state.glob("*.log"))
