"""The ways into a machine and how busy it is, as real clients and the command line see them."""

import hashlib
import json
import os
import subprocess

import grpc
import pytest
from conftest import BINARIES, Server, spec

METRICS = "/openapi/v1/metrics/gpu/instance"


def running(api, client, name="one", **options):
    made = client.instances.CreateInstance(api.instance.CreateInstanceRequest(name=name, spec=spec(api)), timeout=10, **options)
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60, **options).state == api.job.JOB_STATE_SUCCEEDED
    return made.instance.id


def novitai(server, *arguments):
    environment = {"PATH": os.environ["PATH"], "NOVITAI_TARGET": server.address}
    return subprocess.run([BINARIES / "novitai", *arguments], env=environment, capture_output=True, text=True, timeout=60)


def test_the_ways_into_a_machine_are_shown_audited_and_kept_nowhere(api, client, server):
    instance = running(api, client)
    access = client.instances.GetInstanceAccess(api.instance.GetInstanceAccessRequest(id="one"), timeout=10)
    assert access.instance_id == instance and access.ssh_command.startswith("ssh -p ") and len(access.ssh_password) == 16
    assert [endpoint.port for endpoint in access.endpoints] == [8080]
    machine = client.instances.GetInstance(api.instance.GetInstanceRequest(id="one"), timeout=5).upstream.id
    for url in (access.system_log_url, access.instance_log_url):
        assert url.startswith("https://logs.") and machine in url
    named = novitai(server, "instances", "access", "one")
    assert named.returncode == 0 and access.system_log_url in named.stdout and access.instance_log_url in named.stdout, named.stderr
    shown = novitai(server, "instances", "ssh", "one")
    assert shown.returncode == 0 and access.ssh_command in shown.stdout and access.ssh_password in shown.stdout, shown.stderr
    events = client.admin.ListAuditEvents(api.admin.ListAuditEventsRequest(), timeout=10).events
    assert [event.instance_id for event in events if event.action == "GetInstanceAccess"] == [instance] * 3
    metrics = client.admin.GetMetrics(api.admin.GetMetricsRequest(), timeout=10).text
    kept = metrics + server.log() + str(events) + server.database.read_bytes().decode(errors="replace")
    for wal in server.folder.glob("*.db-wal"):
        kept += wal.read_bytes().decode(errors="replace")
    assert access.ssh_password not in kept and access.instance_log_url not in kept


def test_passwords_are_for_operators_of_the_tenant(api, start, connect, simulator, tmp_path):
    principals = [("ann", "a", "operator"), ("eve", "a", "viewer"), ("bob", "b", "admin")]
    tokens = [
        {"id": name, "tenant": tenant, "role": role, "sha256": hashlib.sha256(f"token-of-{name}".encode()).hexdigest()}
        for name, tenant, role in principals
    ]
    (tmp_path / "tokens.json").write_text(json.dumps({"tokens": tokens}))
    client = connect(start(Server(tmp_path, simulator, AUTH_TOKENS_FILE=str(tmp_path / "tokens.json"))))
    ann, eve, bob = ({"metadata": [("authorization", f"Bearer token-of-{name}")]} for name, _, _ in principals)
    instance = running(api, client, **ann)
    ask = api.instance.GetInstanceAccessRequest(id=instance)
    assert client.instances.GetInstanceAccess(ask, timeout=10, **ann).ssh_password
    for options, code in ((eve, grpc.StatusCode.PERMISSION_DENIED), (bob, grpc.StatusCode.NOT_FOUND)):
        with pytest.raises(grpc.RpcError) as refused:
            client.instances.GetInstanceAccess(ask, timeout=10, **options)
        assert refused.value.code() == code
    assert client.instances.GetInstanceMetrics(api.instance.GetInstanceMetricsRequest(id=instance), timeout=10, **eve).instance_id == instance


def test_metrics_are_read_once_for_many_and_say_how_old_they_are(api, client, server, simulator):
    instance = running(api, client)
    machine = next(machine for machine in simulator.ledger() if not machine["released"])["id"]
    # The simulator's clock runs ahead of ours: its points are asked for by its own time.
    now = simulator.get("/_sim/clock")["now_ms"] // 1000
    request = api.instance.GetInstanceMetricsRequest(id="one")
    request.start_time.seconds, request.end_time.seconds, request.interval.seconds = now - 600, now, 30
    before = len([entry for entry in simulator.get("/_sim/requests")["requests"] if entry["path"] == METRICS])
    calls = [client.instances.GetInstanceMetrics.future(request, timeout=20) for _ in range(20)]
    replies = [call.result() for call in calls]
    asked = len([entry for entry in simulator.get("/_sim/requests")["requests"] if entry["path"] == METRICS]) - before
    assert asked == 1, "twenty who ask at once are one question to the provider"
    first = replies[0]
    assert first.instance_id == instance and machine and first.freshness.fetched_at.seconds > 0
    assert all(reply == first for reply in replies)
    assert first.interval.seconds == 30 and (first.end_time.seconds - first.start_time.seconds) in (600, 615)
    assert first.gpu.average and first.cpu.points and all(0 <= point.percent <= 100 for point in first.gpu.average)
    shown = novitai(server, "instances", "metrics", "one", "--minutes", "60")
    assert shown.returncode == 0, shown.stderr


def test_what_cannot_be_looked_into_says_why(api, client):
    i = api.instance
    for call, request in (
        (client.instances.GetInstanceAccess, i.GetInstanceAccessRequest(id="nothing")),
        (client.instances.GetInstanceMetrics, i.GetInstanceMetricsRequest(id="nothing")),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            call(request, timeout=10)
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    running(api, client)
    backwards = i.GetInstanceMetricsRequest(id="one")
    backwards.start_time.seconds, backwards.end_time.seconds = 2000, 1000
    crowded = i.GetInstanceMetricsRequest(id="one")
    crowded.span.seconds, crowded.interval.seconds = 30 * 86_400, 15
    for request, field in ((backwards, "start_time"), (crowded, "interval")):
        with pytest.raises(grpc.RpcError) as refused:
            client.instances.GetInstanceMetrics(request, timeout=10)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT and field in str(refused.value)
