"""The scripts for operators, each against running programs, without containers; docker is a stand-in that writes down what it is told."""

import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import time

import pytest
from conftest import BINARIES, ROOT, Server, spec, wait_for
from test_programs import Sidecar, novitai

SCRIPTS = ROOT / "scripts"


def script(name, *arguments, timeout=150, cwd=None, **environment):
    return subprocess.run(
        [SCRIPTS / name, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, cwd=cwd,
        env={
            "PATH": os.environ["PATH"], "HOME": "/nonexistent", "NOVITAI": str(BINARIES / "novitai"), "NOVITAID": str(BINARIES / "novitaid"),
            "NOVITA_API_KEY": "sk_canary", **environment,
        },
    )


ALL = [
    "deploy-dev.sh", "deploy-prod.sh", "health-check.sh", "backup.sh", "restore.sh", "verify-deployment.sh", "upgrade.sh", "load-test.sh",
]


@pytest.mark.parametrize("name", ALL)
def test_each_script_explains_itself_and_refuses_what_it_does_not_know(name):
    helped = script(name, "--help")
    assert helped.returncode == 0 and helped.stdout.startswith(f"usage: scripts/{name}"), helped.stderr
    refused = script(name, "--nonsense")
    assert refused.returncode == 2 and "usage: " in refused.stderr


@pytest.fixture
def sidecar(start, server, tmp_path):
    program = start(Sidecar(tmp_path, server.address))
    wait_for(lambda: program.get("/readyz")[0] == 200, 30, "ready")
    return program


def health(sidecar, server, *arguments):
    return script("health-check.sh", "--url", f"http://{sidecar.address}", "--timeout", "4", *arguments, RPC_LISTEN=server.address)


def judged(sidecar, server):
    """What each who asks is told: health-check (status), /health (code, status), and the probes of an orchestrator for either container."""
    report = health(sidecar, server, "--json")
    try:
        code, body = sidecar.get("/health")[:2]
        page = (code, json.loads(body)["status"])
    except OSError:
        page = None

    def probe(program, **environment):
        done = subprocess.run([BINARIES / program, "probe"], capture_output=True, cwd="/", env=environment, timeout=30)
        return done.returncode == 0

    told = json.loads(report.stdout)
    assert (report.returncode == 0) == (told["status"] != "unhealthy"), report.stdout
    probes = (probe("novitaid", RPC_LISTEN=server.address), probe("novitai-sidecar", SIDECAR_LISTEN=sidecar.address))
    assert (told["grpc"] == "serving") is probes[0] and (told["findings"] == []) is (report.returncode == 0), report.stdout
    return told["status"], page, *probes


@pytest.mark.timeout(300)
def test_everybody_who_asks_is_told_each_state_right(start, sidecar, server, simulator, tmp_path):
    def becomes(status):
        wait_for(lambda: json.loads(sidecar.get("/health")[1])["status"] == status, 60, status)

    becomes("healthy")
    assert judged(sidecar, server) == ("healthy", (200, "healthy"), True, True)
    assert "healthy" in health(sidecar, server).stdout

    # No file of the server may grow, as on a file system that has become read-only or is full.
    no_limit = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, no_limit[1]))
    becomes("unhealthy")
    assert judged(sidecar, server) == ("unhealthy", (503, "unhealthy"), False, True)
    assert any(check.startswith("store unhealthy") for check in json.loads(health(sidecar, server, "--json").stdout)["checks"])
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, no_limit)
    wait_for(lambda: sidecar.get("/readyz")[0] == 200, 90, "ready again")

    simulator.send(signal.SIGSTOP)  # The provider is down: degraded is not unhealthy.
    simulator.kill()
    becomes("degraded")
    assert judged(sidecar, server) == ("degraded", (200, "degraded"), True, True)

    server.send(signal.SIGSTOP)  # Hung.
    assert judged(sidecar, server) == ("unhealthy", (503, "unhealthy"), False, True)
    server.send(signal.SIGCONT)
    wait_for(lambda: sidecar.get("/readyz")[0] == 200, 30, "ready again")
    assert judged(sidecar, server) == ("degraded", (200, "degraded"), True, True)

    sidecar.kill()
    assert judged(sidecar, server) == ("unhealthy", None, True, False)
    (tmp_path / "second").mkdir()
    sidecar = start(Sidecar(tmp_path / "second", server.address))
    becomes("degraded")
    server.kill()
    assert judged(sidecar, server) == ("unhealthy", (503, "unhealthy"), False, True)
    assert "finding novitai_up is 0" in health(sidecar, server).stdout


def sets(folder):
    return sorted(path.name for path in folder.iterdir())


def backup(server, folder, *arguments, **environment):
    return script("backup.sh", "--output", folder, *arguments, NOVITAI_TARGET=server.address, **environment)


def test_a_backup_is_restored_to_the_same_answers(start, server, simulator, connect, api, client, tmp_path):
    secret = "canary-in-environment"
    for index in range(3):
        client.instances.CreateInstance(
            api.instance.CreateInstanceRequest(spec=spec(api, environment={"TOKEN": secret}), name=f"box-{index}", request_id=f"r-{index}"))
    wait_for(lambda: all(i.readiness for i in client.instances.ListInstances(api.instance.ListInstancesRequest()).instances), 60, "ready")
    wait_for(lambda: not client.jobs.ListJobs(api.job.ListJobsRequest(filter="state = RUNNING")).jobs, 30, "quiet")
    made = backup(server, tmp_path / "backups")
    assert made.returncode == 0, made.stderr
    folder = pathlib.Path(made.stdout.strip())
    assert {path.name for path in folder.iterdir()} == {"manifest.json", "settings.txt", "state.db.gz"}
    manifest = json.loads((folder / "manifest.json").read_text())
    info = client.admin.GetServerInfo(api.admin.GetServerInfoRequest())
    assert manifest["deployment"] == info.deployment_id and int(manifest["revision"]) <= info.revision and manifest["version"]
    assert folder.stat().st_mode & 0o77 == 0 and all(path.stat().st_mode & 0o77 == 0 for path in folder.iterdir())
    assert "sk_canary" not in (folder / "settings.txt").read_text() + (folder / "manifest.json").read_text()
    assert len(manifest["key_ids"]) == 1 and manifest["keep"] == 5

    def answers(connection):
        instances = sorted(connection.instances.ListInstances(api.instance.ListInstancesRequest()).instances, key=lambda i: i.id)
        jobs = sorted(connection.jobs.ListJobs(api.job.ListJobsRequest()).jobs, key=lambda j: j.id)
        return [message.SerializeToString(deterministic=True) for message in (*instances, *jobs)]

    before = answers(client)
    assert server.stop() == 0
    database = tmp_path / "elsewhere" / "novitai.db"
    assert script("restore.sh", "--from", folder, "--dry-run").returncode == 0 and not database.exists()
    # Without the key of its secrets it would be a database that no server opens.
    refused = script("restore.sh", "--from", folder, "--database", database)
    assert refused.returncode == 78 and manifest["key_ids"][0] in refused.stderr and not database.exists(), refused.stderr
    database.parent.mkdir(exist_ok=True)
    shutil.copy(tmp_path / "novitai.db.key", f"{database}.key")
    done = script("restore.sh", "--from", folder, "--database", database)
    assert done.returncode == 0, done.stderr
    # Nothing of the provider may change what is compared: it is not there.
    simulator.stop()
    (tmp_path / "two").mkdir()
    restored = start(Server(tmp_path / "two", simulator, DATABASE_URL=f"sqlite:{database}"))
    second = connect(restored)
    assert answers(second) == before
    after = second.admin.GetServerInfo(api.admin.GetServerInfoRequest())
    assert after.deployment_id == info.deployment_id and after.history_id != info.history_id
    assert "restored from a backup" in second.admin.GetHealth(api.admin.GetHealthRequest()).control.observation.reason
    again = script("restore.sh", "--from", folder, "--database", database)
    assert again.returncode == 75 and "in use" in again.stderr
    assert restored.stop() == 0
    again = script("restore.sh", "--from", folder, "--database", database)
    assert again.returncode == 1 and "is there already" in again.stderr


def damage_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: damage_byte(folder / "state.db.gz"),
        lambda folder: (folder / "state.db.gz").write_bytes((folder / "state.db.gz").read_bytes()[:-100]),
        lambda folder: (folder / "state.db.gz").unlink(),
        lambda folder: (folder / "settings.txt").write_text("MAX_INSTANCES=1"),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text((folder / "manifest.json").read_text().replace("backup/1", "backup/2")),
    ],
    ids=["a bit", "its end", "no state", "settings", "no manifest", "another format"],
)
def test_a_damaged_backup_is_refused(server, tmp_path, damage):
    made = backup(server, tmp_path / "backups")
    assert made.returncode == 0, made.stderr
    folder = pathlib.Path(made.stdout.strip())
    damage(folder)
    done = script("restore.sh", "--from", folder, "--database", tmp_path / "new" / "novitai.db")
    assert done.returncode == 1 and "error: " in done.stderr
    assert not (tmp_path / "new" / "novitai.db").exists()


def test_restore_itself_refuses_what_is_not_the_backup(server, tmp_path):
    state = tmp_path / "state.db"
    made = novitai(server, "backup", "--file", str(state), "--output", "json")
    assert made.returncode == 0, made.stderr
    digest = json.loads(made.stdout)["sha256"]

    def restore(path, digest):
        return subprocess.run(
            [BINARIES / "novitaid", "restore", "--from", path, "--sha256", digest, "--database-url", f"sqlite:{tmp_path}/r/r.db"],
            capture_output=True, text=True, timeout=60, cwd=tmp_path, env={"NOVITA_API_KEY": "sk_x"})

    other = tmp_path / "other.db"
    other.write_bytes(b"SQLite format 3\0" + bytes(4096))
    import hashlib

    assert restore(state, "0" * 64).returncode == 1
    assert restore(other, hashlib.sha256(other.read_bytes()).hexdigest()).returncode == 1
    assert not (tmp_path / "r" / "r.db").exists()
    assert restore(state, digest).returncode == 0
    assert restore(state, digest).returncode == 1
    in_use = tmp_path / "moved"
    in_use.mkdir()
    for suffix in ("", "-wal"):  # The server goes on with the file that it has open.
        os.rename(f"{server.database}{suffix}", in_use / f"novitai.db{suffix}")
    over = subprocess.run(
        [BINARIES / "novitaid", "restore", "--from", state, "--sha256", digest, "--database-url", f"sqlite:{server.database}"],
        capture_output=True, text=True, timeout=60, cwd=tmp_path, env={"NOVITA_API_KEY": "sk_x"})
    assert over.returncode == 75 and "in use" in over.stderr and not server.database.exists()
    assert novitai(server, "backup", "--file", str(state)).returncode == 2


def test_after_eight_backups_the_newest_five_sets_remain(server, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "novitai-backup-20200101_000000").mkdir()  # Not a whole set: none of ours to remove.
    (folder / "notes.txt").write_text("keep")
    made = []
    for _ in range(8):
        done = backup(server, folder)
        assert done.returncode == 0, done.stderr
        made.append(pathlib.Path(done.stdout.strip()).name)
        time.sleep(1.01)  # The names count seconds.
    assert sets(folder) == sorted([*made[-5:], "novitai-backup-20200101_000000", "notes.txt"])
    told = backup(server, folder, "--keep", "2", "--dry-run")
    assert told.stdout.count("would remove") == 4 and len(sets(folder)) == 7


def test_a_backup_without_a_server_leaves_nothing_behind(tmp_path):
    done = script("backup.sh", "--output", tmp_path / "backups", NOVITAI_TARGET="127.0.0.1:1")
    assert done.returncode == 1 and sets(tmp_path / "backups") == []


def test_verify_deployment_passes_and_says_what_does_not(sidecar, server):
    def verify(*arguments):
        return script("verify-deployment.sh", "--url", f"http://{sidecar.address}", *arguments, NOVITAI_TARGET=server.address)

    wait_for(lambda: "novitai_sweep_end_time_seconds" in sidecar.get("/metrics")[1], 30, "a sweep")
    done = verify()
    assert done.returncode == 0 and "FAILED" not in done.stdout, done.stdout
    other = verify("--expect-version", "99")
    assert other.returncode == 1 and "FAILED  the version is 99" in other.stdout
    server.kill()
    assert verify().returncode == 1


def test_load_test_counts_answers_and_loads_this_machine_only(server):
    done = script("load-test.sh", "--target", server.address, "--seconds", "1", "--connections", "2", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["succeeded"] > 100 and report["failed"] == 0 and report["calls_per_second"] > 100
    assert script("load-test.sh", "--target", server.address, "--seconds", "1", "--min-rate", "9999999").returncode == 1
    assert script("load-test.sh", "--target", "192.0.2.1:50051").returncode == 1
    assert script("load-test.sh", "--seconds", "0").returncode == 2


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Deployment:
    """What deploy-prod.sh --mode process is given: an environment file, a place for the programs, a place for the state."""

    def __init__(self, folder, simulator):
        self.folder, self.rpc, self.http = folder, free_port(), free_port()
        self.env = folder / "novitai.env"
        self.env.write_text(
            f"NOVITA_API_KEY=sk_real\nNOVITA_API_BASE_URL=http://{simulator.address}\nRPC_LISTEN=127.0.0.1:{self.rpc}\n"
            f"SIDECAR_LISTEN=127.0.0.1:{self.http}\nNOVITAI_TARGET=127.0.0.1:{self.rpc}\nSIDECAR_PORT={self.http}\n")

    def deploy(self, *arguments, name="deploy-prod.sh", before=()):
        return script(
            name, *before, "--mode", "process", "--env-file", self.env, "--binaries", BINARIES, "--prefix", self.folder / "opt", "--state",
            self.folder / "state", *arguments, NOVITA_API_KEY="", SERVICE_URL=f"http://127.0.0.1:{self.http}", NOVITAI_TARGET=f"127.0.0.1:{self.rpc}")

    def current(self):
        return os.path.basename(os.readlink(self.folder / "opt" / "current"))

    def stop(self):
        for file in (self.folder / "state" / "run").glob("*.pid"):
            try:
                os.kill(int(file.read_text()), signal.SIGTERM)
            except ProcessLookupError:
                pass


@pytest.fixture
def deployment(tmp_path, simulator):
    made = Deployment(tmp_path, simulator)
    yield made
    made.stop()


@pytest.mark.timeout(400)
def test_deploy_prod_deploys_goes_on_and_goes_back(deployment, tmp_path):
    told = deployment.deploy("--release", "one", "--dry-run")
    assert told.returncode == 0 and "would deploy the release one" in told.stdout and not (tmp_path / "opt").exists()
    first = deployment.deploy("--release", "one")
    assert first.returncode == 0, first.stdout + first.stderr
    assert deployment.current() == "one"
    made = novitai(f"127.0.0.1:{deployment.rpc}", "instances", "create", "--name", "kept", "--product", "RTX 4090 24GB", "--image", "alpine")
    assert made.returncode == 0, made.stderr

    second = deployment.deploy("--release", "two", name="upgrade.sh", before=["--backups", tmp_path / "backups", "--"])
    assert second.returncode == 0, second.stdout + second.stderr
    assert deployment.current() == "two" and len(sets(tmp_path / "backups")) == 1
    assert "kept" in novitai(f"127.0.0.1:{deployment.rpc}", "instances", "list").stdout

    # A release that starts and does not serve: the one before it is put back, and serves.
    broken = tmp_path / "broken"
    shutil.copytree(BINARIES, broken, ignore=lambda folder, names: [n for n in names if n not in ("novitaid", "novitai", "novitai-sidecar")], symlinks=True)
    (broken / "novitaid").write_text("#!/bin/sh\n[ \"$1\" != config ] || exit 0\necho broken >&2\nexit 1\n")
    (broken / "novitaid").chmod(0o755)
    third = deployment.deploy("--release", "three", "--binaries", broken, "--wait", "4")
    assert third.returncode == 1 and "two serves again" in third.stderr and "broken" in third.stdout, third.stdout + third.stderr
    assert deployment.current() == "two"
    assert "kept" in novitai(f"127.0.0.1:{deployment.rpc}", "instances", "list").stdout
    back = deployment.deploy("--back")
    assert back.returncode == 0 and deployment.current() == "one", back.stderr


DOCKER = """#!/bin/bash
# As the real one: without what compose.prod.yaml requires it says nothing but that. What runs is in the file "running".
cd "{folder}"
case $1 in
inspect) echo "novitai:$(cat running)" ;;
compose)
    [ "$2" != version ] || exit 0
    : "${{SECRETS_DIR:?}}" "${{IMAGE_TAG:?}}"
    shift
    while [ $# -gt 0 ]; do case $1 in --project-directory | --env-file | -f) shift 2 ;; *) break ;; esac; done
    echo "$1 $IMAGE_TAG" >>calls
    case $1 in
    ps) [ ! -f running ] || [[ "$*" != *--quiet* ]] || echo container ;;
    up) echo "$IMAGE_TAG" >running ;;
    esac ;;
esac
"""


def test_deploy_prod_with_compose_puts_back_the_image_that_ran_before(tmp_path):
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER.format(folder=tmp_path))
    docker.chmod(0o755)
    env = tmp_path / "env"
    env.write_text(f"NOVITA_API_KEY=sk_real\nSIDECAR_PORT={free_port()}\n")
    (tmp_path / "secrets").mkdir()

    def deploy(*arguments):
        return script(
            "deploy-prod.sh", "--mode", "compose", "--env-file", env, "--wait", "1", *arguments, NOVITA_API_KEY="",
            PATH=f"{docker.parent}:{os.environ['PATH']}", SECRETS_DIR=str(tmp_path / "secrets"))

    # Nothing listens at the sidecar's port: no release is ever ready.
    first = deploy("--release", "one")
    assert first.returncode == 1 and "there is none before it" in first.stderr, first.stderr
    second = deploy("--release", "two")
    assert second.returncode == 1 and "putting one back" in second.stderr, second.stderr
    assert (tmp_path / "running").read_text() == "one\n"
    ups = [line for line in (tmp_path / "calls").read_text().splitlines() if line.startswith("up ")]
    assert ups == ["up one", "up two", "up one"]


@pytest.mark.parametrize(
    "content, text", [("", "NOVITA_API_KEY is not set"), ("NOVITA_API_KEY=your_key_here\n", "value of a sample"), (None, "is missing")]
)
def test_deploy_prod_wants_a_real_key(tmp_path, content, text):
    env = tmp_path / "env"
    if content is not None:
        env.write_text(content)
    done = script("deploy-prod.sh", "--mode", "process", "--env-file", env, "--dry-run", NOVITA_API_KEY="")
    assert done.returncode == 1 and text in done.stderr


def test_deploy_prod_says_every_setting_that_is_wrong(deployment, tmp_path):
    deployment.env.write_text(deployment.env.read_text() + "MAX_INSTANCES=many\nSETTLE_WINDOW=1\n")
    done = deployment.deploy("--release", "one")
    assert done.returncode == 78 and "MAX_INSTANCES" in done.stderr and "SETTLE_WINDOW" in done.stderr
    assert not (tmp_path / "opt" / "current").exists()


@pytest.mark.parametrize("unit", ["novitaid", "novitai-sidecar"])
def test_the_systemd_units_are_valid_and_hardened(unit, tmp_path):
    for file in (ROOT / "deploy" / "systemd").iterdir():
        # The programs need not be installed where this runs.
        (tmp_path / file.name).write_text(file.read_text().replace(f"/opt/novitai/current/{file.stem}\n", "/bin/true\n"))
    checked = subprocess.run(["systemd-analyze", "verify", f"{unit}.service"], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert "novitai" not in checked.stderr, checked.stderr
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", f"{unit}.service"], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert rated.returncode == 0, rated.stdout[-500:]
