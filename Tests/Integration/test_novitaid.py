"""The server as a process: who is let in, where its settings come from, how it ends."""

import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading

import grpc
import pytest
from conftest import BINARIES, ROOT, Server, spec, wait_for
from grpc_health.v1 import health_pb2, health_pb2_grpc


def tokens(path, **roles):
    """A file of tokens: each is called like its principal."""
    entries = [
        {"id": name, "sha256": hashlib.sha256(f"token-of-{name}".encode()).hexdigest(), "tenant": tenant, "role": role}
        for name, (tenant, role) in roles.items()
    ]
    path.write_text(json.dumps({"tokens": entries}))
    return str(path)


def as_(name, **metadata):
    return {"metadata": [("authorization", f"Bearer token-of-{name}"), *metadata.items()], "timeout": 10}


def code(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.fixture
def guarded(start, tmp_path, simulator):
    path = tokens(tmp_path / "tokens.json", ann=("a", "operator"), bob=("b", "operator"), eve=("a", "viewer"), mon=("a", "monitor"))
    return start(Server(tmp_path, simulator, AUTH_TOKENS_FILE=path))


def test_a_caller_is_known_by_its_token_and_sees_its_own_tenant(api, connect, guarded):
    client = connect(guarded)
    create = api.instance.CreateInstanceRequest(name="mine", spec=spec(api))
    assert code(client.instances.CreateInstance, create, timeout=10) == grpc.StatusCode.UNAUTHENTICATED
    assert code(client.instances.CreateInstance, create, **as_("nobody")) == grpc.StatusCode.UNAUTHENTICATED
    assert code(client.instances.CreateInstance, create, **as_("eve")) == grpc.StatusCode.PERMISSION_DENIED
    created = client.instances.CreateInstance(create, **as_("ann")).instance
    assert created.tenant == "a"
    get = api.instance.GetInstanceRequest(id=created.id)
    assert code(client.instances.GetInstance, get, **as_("eve")) == grpc.StatusCode.OK
    assert code(client.instances.GetInstance, get, **as_("bob")) == grpc.StatusCode.NOT_FOUND
    assert code(client.instances.GetInstance, get, **as_("mon")) == grpc.StatusCode.PERMISSION_DENIED
    assert code(client.admin.GetHealth, api.admin.GetHealthRequest(), **as_("mon")) == grpc.StatusCode.OK
    assert "token-of-ann" not in guarded.log()


def test_tokens_are_read_again_on_sighup_and_a_bad_file_changes_nothing(api, connect, guarded, tmp_path):
    client = connect(guarded)
    info = api.admin.GetServerInfoRequest()
    (tmp_path / "tokens.json").write_text("nonsense")
    guarded.send(signal.SIGHUP)
    wait_for(lambda: "tokens not reloaded" in guarded.log(), 10, "the bad file is noticed")
    assert code(client.admin.GetServerInfo, info, **as_("ann")) == grpc.StatusCode.OK
    tokens(tmp_path / "tokens.json", zoe=("a", "viewer"))
    guarded.send(signal.SIGHUP)
    wait_for(lambda: "tokens reloaded" in guarded.log(), 10, "the good file is read")
    assert code(client.admin.GetServerInfo, info, **as_("ann")) == grpc.StatusCode.UNAUTHENTICATED
    assert code(client.admin.GetServerInfo, info, **as_("zoe")) == grpc.StatusCode.OK


def test_calls_beyond_the_rate_limit_are_refused_with_a_time_to_try_again(api, start, connect, tmp_path, simulator):
    client = connect(start(Server(tmp_path, simulator, RATE_LIMIT_PER_SECOND="1", RATE_LIMIT_BURST="5")))
    codes = [code(client.admin.GetServerInfo, api.admin.GetServerInfoRequest(), timeout=5) for _ in range(20)]
    assert codes[:5] == [grpc.StatusCode.OK] * 5
    assert grpc.StatusCode.RESOURCE_EXHAUSTED in codes


def test_a_call_can_be_followed_from_its_caller_to_the_provider(api, client, server, simulator):
    job = client.instances.CreateInstance(
        api.instance.CreateInstanceRequest(name="traced", spec=spec(api)), timeout=10, metadata=[("x-request-id", "trace-4711")]
    ).job
    lines = [json.loads(line) for line in server.log().splitlines()]
    accepted = next(line for line in lines if line["message"] == "change accepted")
    assert accepted["call_id"] == "trace-4711" and accepted["job_id"] == job.id and accepted["request_id"] == job.request_id

    def asked():
        return [entry for entry in simulator.get("/_sim/requests")["requests"] if entry["request_id"] == job.id]

    assert wait_for(asked, 10, "the provider is asked under the job's id")[0]["path"].endswith("/gpu/instance/create")


def test_sigterm_ends_every_waiting_call_at_once_with_what_it_needs_to_go_on(api, client, server):
    created = client.instances.CreateInstance(api.instance.CreateInstanceRequest(name="kept", spec=spec(api)), timeout=10)
    begun, ended = threading.Semaphore(0), {}

    def follow(name, call):
        seen = None
        try:
            for seen in call:
                begun.release()
        except grpc.RpcError as error:
            ended[name] = (error.code(), seen)

    calls = {
        "watch": client.instances.WatchInstances(api.instance.WatchInstancesRequest(ids=[created.instance.id])),
        "health": health_pb2_grpc.HealthStub(client.channel).Watch(health_pb2.HealthCheckRequest()),
    }
    threads = [threading.Thread(target=follow, args=item) for item in calls.items()]
    for thread in threads:
        thread.start()
    for _ in range(3):  # a snapshot, its end, and a status
        assert begun.acquire(timeout=30)
    server.send(signal.SIGTERM)
    assert server.process.wait(10) == 0
    for thread in threads:
        thread.join(10)
    assert {name: result[0] for name, result in ended.items()} == {name: grpc.StatusCode.UNAVAILABLE for name in calls}
    assert ended["watch"][1].resume_token.revision > 0
    assert ended["health"][1].status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_a_second_signal_ends_the_server_at_once(api, client, server):
    # A call that goes on by itself: a stream whose requests are never finished.
    hold = threading.Event()

    def requests():
        yield b"\x3a\x00"  # list_services
        hold.wait()

    stream = client.channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")(requests())
    assert next(stream)
    server.send(signal.SIGTERM)
    wait_for(lambda: "draining" in server.log(), 10, "the server drains")
    server.send(signal.SIGINT)
    assert server.process.wait(10) == 128 + signal.SIGINT
    stream.cancel()
    hold.set()


def run(arguments, environment, folder):
    base = {"PATH": os.environ["PATH"], "HOME": str(folder), "NOVITA_API_BASE_URL": "http://127.0.0.1:1"}
    return subprocess.run(
        [BINARIES / "novitaid", *arguments], env={**base, **environment}, cwd=folder, capture_output=True, text=True, timeout=30
    )


def in_force(arguments, environment, folder):
    done = run(["config", "check", *arguments], environment, folder)
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_a_flag_wins_over_the_environment_that_over_dotenv_that_over_the_file(tmp_path):
    (tmp_path / "conf").write_text("MAX_INSTANCES=1\nMAX_CONCURRENT_JOBS=1\nCACHE_TIMEOUT=1\nSETTLE_WINDOW=61 # a comment\n")
    (tmp_path / ".env").write_text("export MAX_INSTANCES=2\nMAX_CONCURRENT_JOBS='2'\nCACHE_TIMEOUT=2\n")
    environment = {"MAX_INSTANCES": "3", "MAX_CONCURRENT_JOBS": "3", "CACHE_TIMEOUT": ""}
    found = in_force(["--config", "conf", "--max-instances=4"], environment, tmp_path)
    assert found["MAX_INSTANCES"] == "4  # flag"
    assert found["MAX_CONCURRENT_JOBS"] == "3  # environment"
    assert found["CACHE_TIMEOUT"] == "2s  # .env"
    assert found["SETTLE_WINDOW"] == "61s  # config file"
    assert found["MAX_RETRY_ATTEMPTS"] == "3  # default"


@pytest.mark.parametrize(
    "arguments, environment, named",
    [
        (["--rpc-listen", "0.0.0.0:0"], {}, "RPC_LISTEN"),
        ([], {"TLS_CERT_FILE": "cert.pem"}, "TLS_CERT_FILE"),
        ([], {"NOVITA_API_BASE_URL": "https://api.example.com"}, "NOVITA_API_KEY"),
        ([], {"AUTH_TOKENS_FILE": "missing.json"}, "AUTH_TOKENS_FILE"),
        (["--novita-api-key", "sk_canary"], {}, "--novita-api-key"),
        (["--no-such-setting", "1"], {}, "--no-such-setting"),
        (["--config", "missing"], {}, "missing"),
    ],
)
def test_what_would_be_unsafe_or_is_wrong_is_refused_before_anything_is_opened(tmp_path, arguments, environment, named):
    done = run(arguments, environment, tmp_path)
    assert done.returncode == 78, done.stderr
    assert named in done.stderr and "sk_canary" not in done.stderr
    assert not (tmp_path / ".novitai").exists()


def test_a_unix_socket_is_served_and_named_in_the_port_file(api, start, tmp_path, simulator):
    socket, port_file = tmp_path / "n.sock", tmp_path / "path"
    environment = {"PATH": os.environ["PATH"], "NOVITA_API_BASE_URL": f"http://{simulator.address}", "RPC_LISTEN": f"unix:{socket}"}
    process = subprocess.Popen(
        [BINARIES / "novitaid", "--port-file", port_file], env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port_file.exists, 30, "the server listens")
        assert port_file.read_text().strip() == str(socket)
        with grpc.insecure_channel(f"unix:{socket}") as channel:
            info = api.services["admin"](channel).GetServerInfo(api.admin.GetServerInfoRequest(), timeout=5)
        assert info.version
        assert (tmp_path / ".novitai" / "novitai.db").exists()
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_an_address_that_is_taken_is_said_to_be(tmp_path, simulator):
    done = run(["--rpc-listen", simulator.address], {}, tmp_path)
    assert done.returncode == 1
    assert "cannot listen" in done.stderr and simulator.address in done.stderr


def test_nobody_gets_a_copy_of_its_memory(start, simulator, tmp_path):
    # As a user's processes are: root may read everybody's memory otherwise.
    without_rights = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] if os.geteuid() == 0 else []
    server = Server(tmp_path, simulator)
    server.arguments = [*without_rights, *server.arguments]
    start(server)
    limits = pathlib.Path(f"/proc/{server.process.pid}/limits").read_text()
    assert re.search(r"^Max core file size\s+0\s+0\s", limits, re.M), limits

    def read(pid):
        reader = [sys.executable, "-c", "import sys; open(f'/proc/{sys.argv[1]}/mem', 'rb').close()", str(pid)]
        return subprocess.run([*without_rights, *reader], capture_output=True, text=True, timeout=20)

    with subprocess.Popen([*without_rights, "sleep", "60"]) as other:
        try:
            wait_for(lambda: read(other.pid).returncode == 0, 10, "the memory of another process to be read")
        finally:
            other.kill()
    assert "PermissionError" in read(server.process.pid).stderr


def test_the_log_level_changes_while_the_server_runs(start, simulator, tmp_path):
    server = Server(tmp_path, simulator)
    # What the environment says goes before the file that changes.
    server.environment.pop("LOG_LEVEL", None)
    start(server)

    def lines(level):
        return server.log().count(f'"level":"{level}"')

    assert lines("debug") == 0
    for text, message in (("LOG_LEVEL=debug", "log level reloaded"), ("LOG_LEVEL=loud", "log level not reloaded")):
        (tmp_path / ".env").write_text(text)
        server.send(signal.SIGHUP)
        wait_for(lambda: message in server.log(), 10, message)
    # What is wrong changes nothing.
    wait_for(lambda: lines("debug") > 0, 30, "a message of that level")


def test_the_reference_of_settings_is_that_of_the_program():
    printed = subprocess.run([BINARIES / "novitaid", "config", "reference"], capture_output=True, text=True, check=True, timeout=30).stdout
    document = (ROOT / "docs" / "configuration.md").read_text()
    assert printed in document, "put what `novitaid config reference` prints into docs/configuration.md"
