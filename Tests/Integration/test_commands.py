"""Every command that a document shows is run here, or by a test that the table names, or the table says why it is not."""

import os
import re
import subprocess
import sys

import pytest
from conftest import BINARIES, ROOT, Server, spec, wait_for
from documents import missing_test
from test_programs import Sidecar

# What is no program of ours and may begin a command in a document.
OTHERS = "curl|systemctl|install|openssl|grpcurl|python3|apt-get|export|docker|kubectl|psql|promtool|journalctl|sqlite3"
COMMAND = re.compile(rf"(?:[A-Z_]+=\S+ )*(?:(?:\./|\.build/debug/)?(?:novitai|novitaid|novitai-sidecar|novita-sim)(?= [^(─]|$)|(?:\./)?(?:scripts|docs|Benchmarks|\.venv)/|{OTHERS})")

# Run by a test of their own.
ELSEWHERE = {
    "./scripts/run": "test_programs.py::test_scripts_run_shows_a_ready_machine_and_an_interrupt_leaves_nothing_behind",
    "./scripts/test": "scripts/test",
    "scripts/test": "scripts/test",
    "PYTHONPATH=. .venv/bin/python docs/first_call.py": "test_programs.py::test_the_readme_shows_the_program_that_runs",
    "python3 -m venv .venv && .venv/bin/pip install grpcio grpcio-tools": "scripts/test",
    ".venv/bin/python -m grpc_tools.protoc -Iproto --python_out=. --grpc_python_out=. proto/novitai/v1/*.proto":
        "test_programs.py::test_the_readme_shows_the_program_that_runs",
    "apt-get install golang-go golang-google-grpc-dev golang-goprotobuf-dev protobuf-compiler protoc-gen-go-1-3": "scripts/verify",
    "docs/first_call_go.sh": "scripts/verify",
    "scripts/deploy-prod.sh --mode process --env-file /etc/novitai/novitaid.env --prefix /opt/novitai --state /var/lib/novitai":
        "test_scripts.py::test_deploy_prod_deploys_goes_on_and_goes_back",
    "scripts/deploy-prod.sh --mode process --env-file /etc/novitai/novitaid.env --back":
        "test_scripts.py::test_deploy_prod_deploys_goes_on_and_goes_back",
    "scripts/upgrade.sh -- --mode process --env-file /etc/novitai/novitaid.env":
        "test_upgrade.py::test_a_server_takes_over_without_a_failed_call_and_the_one_before_takes_over_again",
    "export TLS_CERT_FILE=server.pem TLS_KEY_FILE=server.key": "test_tls.py::test_a_client_of_grpcio_checks_who_answers",
    "novitaid": "test_tls.py::test_a_client_of_grpcio_checks_who_answers",
    "NOVITAI_CA_FILE=ca.pem novitai server info --target localhost:50051":
        "test_tls.py::test_the_command_line_and_the_sidecar_reach_an_encrypted_server",
    "scripts/backup.sh --output /var/backups/novitai": "test_scripts.py::test_a_backup_is_restored_to_the_same_answers",
    "scripts/restore.sh --from /var/backups/novitai/novitai-backup-20261126_094500 --database /var/lib/novitai/novitai.db":
        "test_scripts.py::test_a_backup_is_restored_to_the_same_answers",
}
# Not run anywhere, and why.
NOT_RUN = {
    "install -m 0644 deploy/systemd/novitaid.socket deploy/systemd/*.service /etc/systemd/system/":
        "it changes the machine; systemd-analyze verifies the units",
    "systemctl daemon-reload": "the machine of the tests is not booted by systemd",
    "systemctl enable novitaid.socket novitaid.service novitai-sidecar.service": "the machine of the tests is not booted by systemd",
    "scripts/deploy-prod.sh --mode systemd": "the machine of the tests is not booted by systemd; the unit's sandbox is checked by systemd-analyze",
    "scripts/upgrade.sh --backups /var/backups/novitai -- --mode systemd": "the machine of the tests is not booted by systemd",
    "grpcurl -plaintext 127.0.0.1:50051 list": "Debian has no grpcurl; the reflection that it asks for is tested",
    """grpcurl -plaintext -d '{"id": "demo"}' 127.0.0.1:50051 novitai.v1.InstanceService/GetInstance""":
        "Debian has no grpcurl; the reflection that it asks for is tested",
}
# What is run here ends with 0, but for these.
STATUSES = {
    # The database has not been put back: there is nothing to activate.
    'novitai server activate DEPLOYMENT --reason "restored after the disk failed"': 1,
}


def documents():
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(document):
    """The commands of a document's blocks, each without its prompt and its comment, in order; a here-document is part of its command."""
    found = []
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", document.read_text(), re.S | re.M):
        if language == "yaml":
            found += re.findall(r"(?:run: |- )(scripts/\S.*)", block)
        if language not in ("", "sh", "bash"):
            continue
        lines = iter(block.splitlines())
        for line in lines:
            prompted = line.startswith("$ ")
            text = re.sub(r"\s+# .*$", "", line.removeprefix("$ ")).strip()
            if not prompted and not COMMAND.match(text):
                continue
            if here := re.search(r"<<'(\w+)'", text):
                while (line := next(lines)) != here[1]:
                    text += f"\n{line}"
                text += f"\n{line}"
            found.append(text)
    return found


SHOWN = [(document.name, command) for document in documents() for command in commands(document)]


def known(command):
    return command in ELSEWHERE or command in NOT_RUN


def test_the_table_names_what_is_shown_and_tests_that_are_there():
    shown = {command for _, command in SHOWN}
    assert len(shown) > 30, "the documents are not read as they are written"
    assert {*ELSEWHERE, *NOT_RUN} <= shown, {*ELSEWHERE, *NOT_RUN} - shown
    assert not [test for test in ELSEWHERE.values() if missing_test(test)]


@pytest.fixture
def place(start, connect, api, simulator, tmp_path):
    """A server and its sidecar as the documents take them for granted, with a machine, a job and a delivery that can be named."""
    server = start(Server(tmp_path, simulator, WEBHOOK_URL="http://127.0.0.1:1/", WEBHOOK_SECRET="a-long-random-text"))
    sidecar = start(Sidecar(tmp_path, server.address))
    client = connect(server)
    made = client.instances.CreateInstance(api.instance.CreateInstanceRequest(name="trainer", spec=spec(api)), timeout=10)
    client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60)
    delivery = wait_for(lambda: client.webhooks.ListDeliveries(api.webhook.ListDeliveriesRequest(), timeout=10).deliveries, 20, "a delivery")[0]
    ids = {"instances": made.instance.id, "jobs": made.job.id, "webhooks": delivery.id}
    return server, sidecar, ids


def test_what_is_shown_does_what_it_says(place, simulator, tmp_path):
    server, sidecar, ids = place
    (tmp_path / "programs").mkdir()
    for program in ("novitai", "novitaid"):
        (tmp_path / "programs" / program).symlink_to(BINARIES / program)
    (tmp_path / "programs" / "python3").symlink_to(sys.executable)
    environment = {
        "PATH": f"{tmp_path}/programs:{os.environ['PATH']}", "HOME": str(tmp_path), "NOVITAI_TARGET": server.address,
        "NOVITAI": str(BINARIES / "novitai"), "AUTH_TOKENS_FILE": str(tmp_path / "principals.json"), "RPC_LISTEN": server.address,
        "SIDECAR_LISTEN": sidecar.address, "SIDECAR_URL": f"http://{sidecar.address}",
    }
    ran, failed = 0, []
    for name, command in SHOWN:
        if known(command):
            continue
        text = command.replace(".build/debug/novitai", "novitai").replace("127.0.0.1:50051", server.address).replace("127.0.0.1:8080", sidecar.address)
        kind = re.match(r"novitai (\w+)", text)
        text = re.sub(r"\bID\b", ids.get(kind[1], "") if kind else "", text)
        text = re.sub(r"^scripts/health-check.sh", f"scripts/health-check.sh --url http://{sidecar.address}", text)
        # python3 by its own name: beside a link to it there is no virtual environment.
        text = re.sub(r"^python3\b", sys.executable, text)
        done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, timeout=60, cwd=ROOT, env=environment)
        ran += 1
        if done.returncode != STATUSES.get(command, 0):
            failed.append(f"{name}: {command}\n  ends with {done.returncode}: {done.stdout[-400:]}{done.stderr[-400:]}")
    assert not failed, "\n".join(failed)
    assert ran > 15
