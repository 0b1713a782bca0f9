"""What machines are to have done to them without a call, as it is said by real clients."""

import os
import subprocess
import time

from conftest import BINARIES, Server, spec, wait_for

import grpc
import pytest


def create(api, client, name, **policies):
    request = api.instance.CreateInstanceRequest(name=name, spec=spec(api))
    for field, value in policies.items():
        target = getattr(request.policies, field)
        if isinstance(value, bool):
            setattr(request.policies, field, value)
        else:
            target.seconds = value
    return client.instances.CreateInstance(request, timeout=10)


def command(server, *arguments):
    return subprocess.run(
        [BINARIES / "novitai", "--target", server.address, *arguments], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=30
    )


def test_what_a_policy_will_do_next_is_shown_and_a_touch_moves_it(api, client):
    made = create(api, client, "leased", lease=3600, max_lifetime=86400)
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    before = time.time()
    reply = client.instances.TouchInstance(api.instance.TouchInstanceRequest(id="leased"), timeout=5)
    assert reply.next_action.kind == api.instance.NEXT_ACTION_KIND_STOP and reply.next_action.cause == "LEASE_LAPSED"
    assert abs(reply.next_action.time.seconds - before - 3600) < 5 and abs(reply.touch_time.seconds - before) < 5
    shown = client.instances.GetInstance(api.instance.GetInstanceRequest(id="leased"), timeout=5)
    assert shown.policies.lease.seconds == 3600 and shown.policies.never_idle_stop


def test_a_machine_whose_time_is_over_is_deleted_with_its_cause(api, client, simulator):
    made = create(api, client, "short")
    with pytest.raises(grpc.RpcError) as refused:
        create(api, client, "past", delete_at=1_000_000_000)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "policies.delete_at" in refused.value.details()
    ending = create(api, client, "ending", delete_at=int(time.time()) + 5)
    watched = client.instances.WatchInstances(api.instance.WatchInstancesRequest(), timeout=60)
    messages = set()
    for response in watched:
        for event in response.events:
            if event.instance.id == ending.instance.id:
                messages.add(event.instance.state_message)
                if event.instance.state == api.instance.INSTANCE_STATE_DELETED:
                    watched.cancel()
                    break
        else:
            continue
        break
    assert any("delete because of SCHEDULE" in message for message in messages), messages
    events = client.admin.ListAuditEvents(api.admin.ListAuditEventsRequest(), timeout=10).events
    assert [event.cause for event in events if event.action == "DeleteMachine"] == ["SCHEDULE"]
    others = [machine for machine in simulator.ledger() if not machine["released"]]
    assert len(others) == 1 and made.instance.id in others[0]["name"]


def test_a_stopped_machine_is_started_at_its_time(api, client, server):
    made = create(api, client, "morning")
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    stopped = command(server, "instances", "stop", "morning", "--wait")
    assert stopped.returncode == 0, stopped.stderr
    moment = int(time.time()) + 4
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
    assert command(server, "instances", "update", "morning", "--start-at", "2001-01-31T18:00:00Z").returncode == 1
    set_ = command(server, "instances", "update", "morning", "--start-at", at)
    assert set_.returncode == 0, set_.stderr
    get = api.instance.GetInstanceRequest(id="morning")
    action = client.instances.GetInstance(get, timeout=5).next_action
    assert (action.kind, action.cause, action.time.seconds) == (api.instance.NEXT_ACTION_KIND_START, "SCHEDULE", moment)
    wait_for(lambda: client.instances.GetInstance(get, timeout=5).state == api.instance.INSTANCE_STATE_RUNNING, 60, "the start")
    shown = client.instances.GetInstance(get, timeout=5)
    assert time.time() >= moment and not shown.HasField("next_action")
    jobs = client.jobs.ListJobs(api.job.ListJobsRequest(filter="type = START_INSTANCE"), timeout=5).jobs
    assert [(job.cause, job.state) for job in jobs] == [("SCHEDULE", api.job.JOB_STATE_SUCCEEDED)]
    events = client.admin.ListAuditEvents(api.admin.ListAuditEventsRequest(), timeout=10).events
    assert [event.cause for event in events if event.action == "StartMachine"] == ["SCHEDULE"]


def test_policies_are_changed_by_name_and_ended(api, client, server):
    made = create(api, client, "changing", lease=3600, max_lifetime=86400)
    request = api.instance.UpdateInstanceRequest(id="changing", policies_fields=["lease", "spot_recovery"])
    request.policies.spot_recovery = api.instance.SPOT_RECOVERY_REPLACE
    changed = client.instances.UpdateInstance(request, timeout=5).instance.policies
    assert not changed.HasField("lease") and changed.max_lifetime.seconds == 86400
    assert changed.spot_recovery == api.instance.SPOT_RECOVERY_REPLACE
    with pytest.raises(grpc.RpcError) as refused:
        client.instances.UpdateInstance(api.instance.UpdateInstanceRequest(id="changing", policies_fields=["colour"]), timeout=5)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "policies_fields[0]" in refused.value.details()
    ended = command(server, "instances", "update", made.instance.id, "--lease", "30m", "--end-policy", "max_lifetime")
    assert ended.returncode == 0, ended.stderr
    shown = client.instances.GetInstance(api.instance.GetInstanceRequest(id="changing"), timeout=5).policies
    assert shown.lease.seconds == 1800 and not shown.HasField("max_lifetime")


def test_a_spot_machine_that_is_announced_to_be_taken_is_replaced_before(api, client, simulator):
    request = api.instance.CreateInstanceRequest(name="spot", spec=spec(api))
    request.spec.billing_mode = api.types.BILLING_MODE_SPOT
    request.policies.spot_recovery = api.instance.SPOT_RECOVERY_REPLACE
    made = client.instances.CreateInstance(request, timeout=10)
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    get = api.instance.GetInstanceRequest(id="spot")
    first = client.instances.GetInstance(get, timeout=5).upstream.id
    simulator.post(f"/_sim/spot/{first}/notify", {})
    wait_for(lambda: client.instances.GetInstance(get, timeout=5).upstream.id != first, 90, "another machine to take its place")
    shown = client.instances.GetInstance(get, timeout=5)
    assert shown.state == api.instance.INSTANCE_STATE_RUNNING and len(shown.recovery_times) == 1
    wait_for(lambda: [m["id"] for m in simulator.ledger() if not m["released"]] == [shown.upstream.id], 90, "the first machine to be gone")


def test_a_stopped_machine_is_moved_and_runs(api, client, simulator):
    made = create(api, client, "moving")
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    with pytest.raises(grpc.RpcError) as refused:
        client.instances.MigrateInstance(api.instance.MigrateInstanceRequest(id="moving"), timeout=5)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    stop = client.instances.StopInstance(api.instance.StopInstanceRequest(id="moving"), timeout=5)
    client.jobs.WaitJob(api.job.WaitJobRequest(id=stop.job.id), timeout=60)
    moved = client.instances.MigrateInstance(api.instance.MigrateInstanceRequest(id="moving", request_id="m"), timeout=5)
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=moved.job.id), timeout=90).state == api.job.JOB_STATE_SUCCEEDED
    assert client.instances.GetInstance(api.instance.GetInstanceRequest(id="moving"), timeout=5).state == api.instance.INSTANCE_STATE_RUNNING
    assert len(simulator.ledger()) == 1
    again = client.instances.MigrateInstance(api.instance.MigrateInstanceRequest(id="moving", request_id="m"), timeout=5)
    assert again.job.id == moved.job.id


def test_a_disk_is_saved_as_an_image(api, client, server):
    made = create(api, client, "saved")
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    ended = command(server, "instances", "save-image", "saved", "--image", "registry.example/saved:1", "--wait")
    assert ended.returncode == 0, ended.stderr
    jobs = client.jobs.ListJobs(api.job.ListJobsRequest(filter="type = SAVE_IMAGE"), timeout=5).jobs
    assert [job.progress for job in jobs] == ["saved as registry.example/saved:1"]
    with pytest.raises(grpc.RpcError) as refused:
        client.instances.SaveInstanceImage(api.instance.SaveInstanceImageRequest(id="saved"), timeout=5)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "image" in refused.value.details()


def test_a_save_that_is_cancelled_is_broken_off_at_the_provider(api, client, server, simulator):
    made = create(api, client, "kept")
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    simulator.post("/_sim/clock", {"speed": 1})
    save = api.instance.SaveInstanceImageRequest(id="kept", image="registry.example/saved:1")
    job = client.instances.SaveInstanceImage(save, timeout=5).job.id
    wait_for(
        lambda: client.jobs.GetJob(api.job.GetJobRequest(id=job), timeout=5).progress == "the provider saves the image", 30,
        "the provider to have begun",
    )  # fmt: skip
    ended = command(server, "jobs", "cancel", job)
    assert ended.returncode == 0, ended.stderr
    cancelled = client.jobs.GetJob(api.job.GetJobRequest(id=job), timeout=5)
    assert cancelled.state == api.job.JOB_STATE_CANCELLED
    assert cancelled.error_message.endswith("the provider has taken the request to break off its job"), cancelled.error_message
    asked = [entry for entry in simulator.get("/_sim/requests")["requests"] if entry["path"].endswith("/job/break")]
    assert len(asked) == 1
    # A second save begins at once: the first one is over at the provider too.
    simulator.post("/_sim/clock", {"speed": 60})
    again = client.instances.SaveInstanceImage(save, timeout=5).job.id
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=again), timeout=60).state == api.job.JOB_STATE_SUCCEEDED


def test_the_default_of_the_server_and_the_command_line(api, start, connect, simulator, tmp_path):
    server = start(Server(tmp_path, simulator, AUTO_STOP_ENABLED="true", AUTO_STOP_IDLE_MINUTES="5", AUTO_STOP_PERCENT="15"))
    client = connect(server)
    plain = create(api, client, "plain").instance.policies
    assert plain.idle_stop.seconds == 300 and plain.idle_percent == 15
    touched = create(api, client, "touched", never_idle_percent=True).instance.policies
    assert touched.idle_stop.seconds == 300 and touched.idle_percent == 0 and touched.never_idle_percent
    never = create(api, client, "never", never_idle_stop=True).instance.policies
    assert not never.HasField("idle_stop") and never.idle_percent == 0
    create_cli = ["instances", "create", "--name", "cli", "--product", "RTX 4090 24GB", "--image", "registry.example/worker:1", "--lease", "30m"]
    ended = command(server, *create_cli, "--delete-at", "2999-01-31T18:00:00Z")
    assert ended.returncode == 1 and "policies.delete_at" in ended.stderr
    ended = command(server, *create_cli, "--idle-stop", "10m", "--idle-percent", "101")
    assert ended.returncode == 1 and "policies.idle_percent" in ended.stderr
    ended = command(server, *create_cli, "--idle-stop", "10m", "--idle-percent", "30")
    assert ended.returncode == 0, ended.stderr
    shown = client.instances.GetInstance(api.instance.GetInstanceRequest(id="cli"), timeout=5).policies
    assert shown.lease.seconds == 1800 and shown.idle_stop.seconds == 600 and shown.idle_percent == 30
    wait_for(lambda: "STOP at" in command(server, "instances", "touch", "plain").stdout, 60, "the machine to run")
