"""What people say about the fleet as a whole, and what is written down of it: freeze, queues, comparison, audit, a database put back."""

import shutil

from conftest import Server, Simulator, spec, wait_for

import grpc
import pytest


def reason(error, api):
    return [word for word in ("FROZEN", "OBSERVING") if word.encode() in dict(error.trailing_metadata())["grpc-status-details-bin"]]


def create(api, client, name):
    return client.instances.CreateInstance(api.instance.CreateInstanceRequest(name=name, spec=spec(api)), timeout=10)


def test_a_frozen_fleet_creates_nothing_and_goes_on_when_it_is_let_go(api, client):
    frozen = client.admin.SetFreeze(api.admin.SetFreezeRequest(frozen=True, reason="a look", request_id="f1"), timeout=10)
    assert frozen.control.freeze.reason == "a look"
    with pytest.raises(grpc.RpcError) as refused:
        create(api, client, "one")
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION and reason(refused.value, api) == ["FROZEN"]
    assert client.admin.GetHealth(api.admin.GetHealthRequest(), timeout=10).control.freeze.actor
    client.admin.SetFreeze(api.admin.SetFreezeRequest(frozen=False), timeout=10)
    job = create(api, client, "one").job
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    events = client.admin.ListAuditEvents(api.admin.ListAuditEventsRequest(), timeout=10).events
    assert [event.action for event in events] == ["CreateInstance", "SetFreeze", "SetFreeze"]


def test_a_cancelled_create_leaves_no_machine_and_can_be_tried_again(api, client, simulator):
    made = create(api, client, "one")
    client.jobs.CancelJob(api.job.CancelJobRequest(id=made.job.id), timeout=10)
    ended = client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60)
    assert ended.state == api.job.JOB_STATE_CANCELLED
    i = api.instance
    wait_for(
        lambda: client.instances.GetInstance(i.GetInstanceRequest(id=made.instance.id), timeout=5).state == i.INSTANCE_STATE_DELETED,
        30, "the instance to be gone",
    )
    assert all(machine["released"] for machine in simulator.ledger())
    again = client.jobs.RetryJob(api.job.RetryJobRequest(id=made.job.id), timeout=10).job
    assert again.retry_of == made.job.id and again.instance_id == made.instance.id
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=again.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    assert len([machine for machine in simulator.ledger() if not machine["released"]]) == 1


def test_a_comparison_shows_what_is_not_ours_and_a_dry_run_writes_nothing(api, start, connect, tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    simulator = start(Simulator(folder, arguments=["--instances", "2"]))
    client = connect(start(Server(folder, simulator)))
    before = client.admin.GetServerInfo(api.admin.GetServerInfoRequest(), timeout=10).revision
    report = client.admin.ReconcileInstances(api.admin.ReconcileInstancesRequest(dry_run=True), timeout=20)
    assert report.foreign_count == 2 and len(report.foreign) == 2 and not report.applied
    assert client.admin.GetServerInfo(api.admin.GetServerInfoRequest(), timeout=10).revision == before
    assert all(not machine["released"] for machine in simulator.ledger())


def test_a_database_that_is_put_back_changes_nothing_until_it_is_activated(api, start, connect, simulator, tmp_path):
    folder = tmp_path / "restored"
    folder.mkdir()
    server = start(Server(folder, simulator))
    client = connect(server)
    early = create(api, client, "early")
    client.jobs.WaitJob(api.job.WaitJobRequest(id=early.job.id), timeout=60)
    server.stop()
    database = next(folder.glob("**/*.db"))
    shutil.copy(database, tmp_path / "backup.db")

    server = start(Server(folder, simulator))
    client = connect(server)
    late = create(api, client, "late")
    client.jobs.WaitJob(api.job.WaitJobRequest(id=late.job.id), timeout=60)
    history = client.admin.GetServerInfo(api.admin.GetServerInfoRequest(), timeout=10).history_id
    server.stop()
    shutil.copy(tmp_path / "backup.db", database)

    server = start(Server(folder, simulator))
    client = connect(server)
    info = client.admin.GetServerInfo(api.admin.GetServerInfoRequest(), timeout=10)
    assert info.history_id != history
    with pytest.raises(grpc.RpcError) as refused:
        client.instances.DeleteInstance(api.instance.DeleteInstanceRequest(id=early.instance.id), timeout=10)
    assert reason(refused.value, api) == ["OBSERVING"]
    report = client.admin.ReconcileInstances(api.admin.ReconcileInstancesRequest(), timeout=20)
    assert [d.instance_id for d in report.differences] == [late.instance.id] and not report.applied
    client.admin.ActivateDeployment(
        api.admin.ActivateDeploymentRequest(deployment_id=info.deployment_id, reason="the other is gone"), timeout=10
    )
    client.admin.ReconcileInstances(api.admin.ReconcileInstancesRequest(), timeout=20)
    found = client.instances.GetInstance(api.instance.GetInstanceRequest(id=late.instance.id), timeout=10)
    assert found.state_reason == api.instance.STATE_REASON_ORPHANED and found.placement.hourly_price.micros > 0
    assert all(not machine["released"] for machine in simulator.ledger())
