"""Other ways to pay for a machine, through the real server: months once for each request, whatever happens to the call."""

import os
import signal
import subprocess

import grpc
import pytest
from conftest import BINARIES, Server, spec, wait_for

TERMS = "/gpu-instance/openapi/v1/gpu/instance/"
MONTH = 220_000_000


def run(api, client, name="one", **fields):
    made = client.instances.CreateInstance(api.instance.CreateInstanceRequest(name=name, spec=spec(api, **fields)), timeout=10)
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    return made.instance.id


def buy(api, client, instance, micros=MONTH, request_id="", **fields):
    request = api.instance.ChangeInstanceBillingRequest(id=instance, request_id=request_id, months=1, **fields)
    request.max_price.micros = micros
    return client.instances.ChangeInstanceBilling(request, timeout=10)


def end(api, client, job):
    return client.jobs.WaitJob(api.job.WaitJobRequest(id=job.id), timeout=90)


def paid(simulator):
    """Months, by what they cost beyond the hours."""
    return round(sum(machine["amount_micro_usd"] for machine in simulator.ledger()) / MONTH)


def asked(simulator):
    counts = simulator.get("/_sim/requests?limit=0")["counts"]
    return sum(entry["count"] for entry in counts if entry["path"].endswith(("transToMonthlyInstance", "renewInstance")))


def test_a_month_is_paid_once_although_its_reply_is_lost_and_the_request_repeated(api, client, simulator):
    instance = run(api, client)
    simulator.arm(TERMS + "transToMonthlyInstance", "drop_after")
    first = buy(api, client, instance, request_id="m1")
    assert end(api, client, first.job).state == api.job.JOB_STATE_SUCCEEDED
    again = buy(api, client, instance, request_id="m1")
    assert again.job.id == first.job.id and paid(simulator) == 1 and asked(simulator) == 1
    now = client.instances.GetInstance(api.instance.GetInstanceRequest(id=instance), timeout=10)
    assert now.billing.HasField("paid_until_time") and now.state == api.instance.INSTANCE_STATE_RUNNING
    assert end(api, client, buy(api, client, instance, request_id="m2").job).state == api.job.JOB_STATE_SUCCEEDED
    later = client.instances.GetInstance(api.instance.GetInstanceRequest(id=instance), timeout=10)
    assert later.billing.paid_until_time.seconds - now.billing.paid_until_time.seconds == 30 * 86_400
    assert paid(simulator) == 2 and asked(simulator) == 2


def test_a_server_that_is_killed_while_it_asks_for_months_asks_no_second_time(api, start, connect, simulator, tmp_path):
    server = start(Server(tmp_path, simulator, SETTLE_WINDOW="60"))
    client = connect(server)
    instance = run(api, client)
    simulator.arm(TERMS + "transToMonthlyInstance", "delay", delay_ms=20_000)
    job = buy(api, client, instance).job
    wait_for(lambda: asked(simulator) == 1, 20, "the call to be under way")
    server.send(signal.SIGKILL)
    server.process.wait()
    client = connect(start(Server(tmp_path, simulator, SETTLE_WINDOW="60")))
    assert end(api, client, job).state == api.job.JOB_STATE_SUCCEEDED
    assert paid(simulator) == 1 and asked(simulator) == 1


def test_nothing_is_paid_without_a_sum_that_covers_it(api, client, simulator):
    instance = run(api, client)
    spot = run(api, client, "spot", billing_mode=api.types.BILLING_MODE_SPOT)
    for one, micros, code, text in (
        (instance, MONTH - 1, grpc.StatusCode.INVALID_ARGUMENT, "max_price"),
        (instance, 0, grpc.StatusCode.INVALID_ARGUMENT, "max_price"),
        (spot, MONTH, grpc.StatusCode.FAILED_PRECONDITION, "spot"),
        ("nothing", MONTH, grpc.StatusCode.NOT_FOUND, "nothing"),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            buy(api, client, one, micros)
        assert refused.value.code() == code and text in str(refused.value), refused.value
    buy(api, client, instance, validate_only=True)
    assert asked(simulator) == 0
    client.admin.SetFreeze(api.admin.SetFreezeRequest(frozen=True, reason="a look"), timeout=10)
    with pytest.raises(grpc.RpcError) as refused:
        buy(api, client, instance)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION and asked(simulator) == 0


def test_the_command_line_changes_how_a_machine_is_paid_for(api, server, client, simulator):
    instance = run(api, client)
    environment = {"PATH": os.environ["PATH"], "NOVITAI_TARGET": server.address}

    def novitai(*arguments):
        command = [BINARIES / "novitai", "instances", "billing", instance, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    refused = novitai("--months", "1", "--max-price", "1", "--validate-only")
    assert refused.returncode == 1 and "220.00 USD" in refused.stderr, refused.stderr
    for arguments in (["--months", "1", "--max-price", "220"], ["--auto-renew", "3"], ["--auto-migrate", "on", "--with-system-disk"]):
        done = novitai(*arguments, "--wait")
        assert done.returncode == 0, done.stderr
    billing = client.instances.GetInstance(api.instance.GetInstanceRequest(id=instance), timeout=10).billing
    assert billing.auto_renew.months == 3 and billing.auto_migration.enabled and billing.auto_migration.include_system_disk
    assert paid(simulator) == 1
