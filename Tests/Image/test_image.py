"""What the production image promises to whoever runs it."""

import json
import os
import signal
import threading
import time

import grpc
from conftest import IMAGE, STATE, USER, eventually, get
from grpc_health.v1 import health_pb2, health_pb2_grpc


def probe(containers, server):
    return containers(
        ["/usr/local/bin/novitaid", "probe"], RPC_LISTEN=f"127.0.0.1:{server.port}", NOVITA_API_BASE_URL="http://127.0.0.1:1"
    ).run()


def client(containers, server, *arguments):
    return containers(["/usr/local/bin/novitai", *arguments], NOVITAI_TARGET=f"127.0.0.1:{server.port}").run()


def test_it_holds_the_programs_and_nothing_to_build_with():
    for program in ("novitaid", "novitai-sidecar", "novitai"):
        assert os.access(IMAGE / "usr/local/bin" / program, os.X_OK)
    assert not (IMAGE / "usr/local/bin/novita-sim").exists()
    assert not [name for name in ("gcc", "swift", "git", "curl", "python3") if (IMAGE / "usr/bin" / name).exists()]
    assert not list((IMAGE / "usr/lib").rglob("libswift*"))


def test_its_bill_of_materials_names_what_is_in_it():
    document = json.loads((IMAGE / "usr/share/doc/novitai/novitai.spdx.json").read_text())
    assert document["spdxVersion"] == "SPDX-2.3"
    names = {package["name"]: package["versionInfo"] for package in document["packages"]}
    assert {"swift-nio", "grdb.swift", "libcurl4", "libnghttp2-14", "libsqlite3-0", "libc6"} <= set(names), sorted(names)
    assert all(names.values())
    identifiers = [package["SPDXID"] for package in document["packages"]]
    assert len(identifiers) == len(set(identifiers))


def test_it_runs_as_nobody_special_on_a_read_only_root(containers, server, sidecar):
    eventually(lambda: get(sidecar, "/readyz")[0] == 200, "ready")
    assert get(sidecar, "/livez")[0] == 200
    health = json.loads(get(sidecar, "/health")[1])
    assert health["checks"]["store"]["status"] == "healthy"
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{server.process.pid}/status").read().splitlines() if ":\t" in line)
    assert status["Name"] == "novitaid" and status["Uid"].split() == [str(USER)] * 4 and status["Gid"].split() == [str(USER)] * 4
    assert int(status["CapBnd"], 16) == 0 and status["NoNewPrivs"] == "1"
    assert containers(["/bin/sh", "-c", "touch /usr/x"]).run().returncode != 0
    assert containers(["/bin/sh", "-c", f"touch {STATE}/x && cp /bin/true /tmp && ! /tmp/true"]).run().returncode == 0
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert reply.status == health_pb2.HealthCheckResponse.SERVING


def test_its_health_check_tells_serving_from_hung_and_gone(containers, server):
    eventually(lambda: probe(containers, server).returncode == 0, "serving")
    server.process.send_signal(signal.SIGSTOP)
    assert probe(containers, server).returncode == 1
    server.process.send_signal(signal.SIGCONT)
    server.process.kill()
    server.process.wait()
    assert probe(containers, server).returncode == 1


def test_a_machine_can_be_had_with_the_image_alone(containers, server):
    made = client(
        containers, server, "instances", "create", "--name", "box", "--product", "RTX 4090 24GB", "--image", "alpine", "--port", "8080/http", "--wait"
    )
    assert made.returncode == 0, made.stderr
    assert "RUNNING" in made.stdout


def test_on_sigterm_under_load_no_accepted_call_fails_and_it_ends_with_status_0(server):
    """After the signal a call is either answered or refused before it began: nothing that was begun is broken off."""
    address = f"127.0.0.1:{server.port}"
    answered, refused, broken = [0], [0], []
    stop = threading.Event()

    def load():
        with grpc.insecure_channel(address, options=[("grpc.enable_retries", 0)]) as channel:
            check = health_pb2_grpc.HealthStub(channel)
            while not stop.is_set():
                try:
                    check.Check(health_pb2.HealthCheckRequest(), timeout=10)
                    answered[0] += 1
                except grpc.RpcError as error:
                    if error.code() != grpc.StatusCode.UNAVAILABLE:
                        broken.append(error)
                    refused[0] += 1
                    return

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    eventually(lambda: answered[0] > 500, "load")
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    status = server.process.wait(40)
    took = time.monotonic() - begun
    stop.set()
    for thread in threads:
        thread.join()
    assert status == 0 and took < 30, (status, took, server.log()[-2000:])
    assert not broken


def test_a_backup_made_elsewhere_is_restored_and_only_observed(containers, server, simulator):
    """Another place for the database, without anything of the first but the backup and the key of its secrets."""
    made = client(containers, server, "instances", "create", "--name", "kept", "--product", "RTX 4090 24GB", "--image", "alpine", "--wait")
    assert made.returncode == 0, made.stderr
    saved = client(containers, server, "backup", "--file", f"{STATE}/backup.db", "--output", "json")
    assert saved.returncode == 0, saved.stderr
    assert server.end() == 0
    machines = len(simulator_machines(simulator))
    key = containers(["/bin/cat", f"{STATE}/novitai.db.key"]).run().stdout
    settings = {"DATABASE_URL": f"sqlite:{STATE}/new/novitai.db", "NOVITA_API_BASE_URL": f"http://127.0.0.1:{simulator.port}"}
    restore = ["/usr/local/bin/novitaid", "restore", "--from", f"{STATE}/backup.db", "--sha256", json.loads(saved.stdout)["sha256"]]
    # What it holds of secrets is sealed: without the key nothing is restored.
    assert containers(restore, **settings).run().returncode == 78
    settings["SECRETS_KEY"] = key.strip()
    restored = containers(restore, **settings).run()
    assert restored.returncode == 0 and "restored" in restored.stdout, restored.stderr
    again = containers(restore, **settings).run()
    assert again.returncode == 1 and "is there already" in again.stderr
    second = containers(
        ["/usr/local/bin/novitaid", "--port-file", f"{STATE}/second.port"], RPC_LISTEN="127.0.0.1:0", INSTANCE_POLL_INTERVAL="1", **settings
    ).start("second.port")
    assert "kept" in client(containers, second, "instances", "list").stdout
    health = json.loads(client(containers, second, "server", "health", "--output", "json").stdout)
    assert "restored from a backup" in health["control"]["observation"]["reason"]
    refused = client(containers, second, "instances", "create", "--name", "more", "--product", "RTX 4090 24GB", "--image", "alpine")
    assert refused.returncode == 1 and len(simulator_machines(simulator)) == machines, refused.stdout


def simulator_machines(simulator):
    return json.loads(get(simulator, "/_sim/ledger?all=true")[1])["machines"]
