"""Machines by template, by requirements and with volumes, through the real server to what the provider was asked for."""

import json
import os
import subprocess
import time
import urllib.request

import grpc
import pytest
from conftest import BINARIES, spec, wait_for


def novitai(server, *arguments):
    environment = {"PATH": os.environ["PATH"], "NOVITAI_TARGET": server.address}
    done = subprocess.run([BINARIES / "novitai", *arguments, "--output", "json"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def machine(simulator, instance):
    """As the provider has it."""
    request = urllib.request.Request(
        f"http://{simulator.address}/gpu-instance/openapi/v1/gpu/instance?instanceId={instance['upstream']['id']}",
        headers={"authorization": "Bearer any"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_a_template_and_requirements_become_a_machine(server, simulator):
    template = novitai(
        server, "templates", "create", "--name", "worker", "--image", "team/worker:1", "--port", "8080/http", "--env", "A=1", "--env", "B=2",
        "--disk", "80", "--command", "serve",
    )["template"]["id"]  # fmt: skip
    made = novitai(
        server, "instances", "create", "--template", template, "--min-vram", "24", "--env", "B=mine", "--command", "other", "--wait",
    )  # fmt: skip
    made = made.get("instance", made)
    assert made["spec"]["image"] == "team/worker:1" and made["spec"]["diskGb"] == 80 and len(made["spec"]["products"]) > 1
    # The cheapest that has so much memory.
    assert made["placement"]["productName"].endswith(" 24GB"), made["placement"]
    there = machine(simulator, made)
    variables = {entry["key"]: entry["value"] for entry in there["envs"]}
    assert (variables["A"], variables["B"], there["command"], there["imageUrl"]) == ("1", "mine", "other", "team/worker:1")
    assert [mapping["port"] for mapping in there["portMappings"]] == [8080]


def test_a_template_is_changed_and_keeps_what_is_not_given(server):
    made = novitai(server, "templates", "create", "--name", "worker", "--image", "team/worker:1", "--port", "8080/http", "--env", "A=1")
    template = made["template"]["id"]
    novitai(server, "templates", "update", template, "--name", "better", "--image", "team/worker:2", "--no-ports")
    shown = novitai(server, "templates", "get", template)
    assert (shown["name"], shown["image"], shown["environmentNames"]) == ("better", "team/worker:2", ["A"])
    assert not shown.get("ports")
    # The list is not the one from before, and the old name is free.
    assert "better" in [one["name"] for one in novitai(server, "templates", "list")]
    other = novitai(server, "templates", "create", "--name", "worker", "--image", "team/worker:1")["template"]["id"]
    assert other != template


def test_volumes_and_networks_are_mounted_and_decide_the_region(server, simulator):
    volume = novitai(server, "volumes", "create", "--name", "data", "--size", "20", "--region", "us-ca-6")["networkVolume"]["id"]
    network = novitai(server, "networks", "create", "--name", "ring", "--region", "us-ca-6")["network"]["id"]
    made = novitai(
        server, "instances", "create", "--product", "RTX 4090 24GB", "--image", "alpine:3", "--volume", f"{volume}=/data",
        "--network", network, "--wait",
    )  # fmt: skip
    made = made.get("instance", made)
    assert made["placement"]["regionId"] == "us-ca-6" and made["spec"]["volumes"] == [{"volumeId": volume, "mountPath": "/data"}]
    there = machine(simulator, made)
    assert [(mount["id"], mount["mountPath"]) for mount in there["volumeMounts"] if mount["type"] == "network"] == [(volume, "/data")]
    assert there["network"]["id"] == network
    # A new container keeps them.
    novitai(server, "instances", "update", made["id"], "--command", "other", "--wait")
    mounts = machine(simulator, made)["volumeMounts"]
    assert [mount["id"] for mount in mounts if mount["type"] == "network"] == [volume]


def test_a_repeated_request_is_answered_although_its_template_is_gone(api, client):
    created = client.catalog.CreateTemplate(api.catalog.CreateTemplateRequest(name="t", image="team/worker:1"), timeout=30)
    given = api.instance.InstanceSpec(template_id=created.template.id, products=["RTX 4090 24GB"], gpu_count=1)
    request = api.instance.CreateInstanceRequest(name="one", request_id="r", spec=given)
    made = client.instances.CreateInstance(request, timeout=10).instance
    client.catalog.DeleteTemplate(api.catalog.DeleteTemplateRequest(id=created.template.id), timeout=30)
    assert client.instances.CreateInstance(request, timeout=10).instance.id == made.id
    request.request_id = "other"
    request.name = "two"
    with pytest.raises(grpc.RpcError) as refused:
        client.instances.CreateInstance(request, timeout=10)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "template" in refused.value.details()


def later(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def test_a_create_waits_for_capacity_over_a_crash_and_ends_at_its_time_with_nothing_billed(server, simulator, api, connect):
    simulator.post("/_sim/stock", {"free": 0})
    wanted = ("--product", "RTX 4090 24GB", "--image", "alpine:3")
    plan = novitai(server, "instances", "plan", *wanted, "--wait-for-capacity-until", later(600))
    assert plan["wouldWait"] and all(candidate["verdict"] == "CANDIDATE_VERDICT_UNAVAILABLE" for candidate in plan["candidates"][:3])
    waiting = novitai(server, "instances", "create", *wanted, "--name", "one", "--wait-for-capacity-until", later(600))["instance"]
    brief = novitai(server, "instances", "create", *wanted, "--name", "two", "--wait-for-capacity-until", later(6))["instance"]
    for instance in (waiting, brief):
        assert (instance["state"], instance["stateReason"]) == ("INSTANCE_STATE_PENDING", "STATE_REASON_NO_CAPACITY")
        assert instance["placement"]["hourlyPrice"]["micros"] == "350000", "what it waits for counts under the ceilings"
    server.kill()
    server.start()
    client = connect(server)
    metrics = client.admin.GetMetrics(api.admin.GetMetricsRequest(), timeout=10).text
    assert "novitai_creates_waiting_for_capacity 2" in metrics
    get = lambda instance: client.instances.GetInstance(api.instance.GetInstanceRequest(id=instance["id"]), timeout=10)
    wait_for(lambda: get(brief).state == api.instance.INSTANCE_STATE_FAILED, 20, "the end of the shorter wait")
    assert get(brief).state_reason == api.instance.STATE_REASON_NO_CAPACITY
    assert get(waiting).state == api.instance.INSTANCE_STATE_PENDING
    novitai(server, "instances", "delete", "one", "--wait")
    assert get(waiting).state == api.instance.INSTANCE_STATE_DELETED
    assert simulator.ledger() == []


def test_a_wait_that_is_over_or_too_long_is_refused_by_its_field(api, client):
    for seconds in (-5, 8 * 86400):
        given = spec(api)
        given.wait_for_capacity_until.FromSeconds(int(time.time()) + seconds)
        with pytest.raises(grpc.RpcError) as refused:
            client.instances.CreateInstance(api.instance.CreateInstanceRequest(spec=given), timeout=10)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "spec.wait_for_capacity_until: must lie ahead, by at most 7 days" in refused.value.details()


def test_a_cpu_machine_by_requirements_through_its_life(server, simulator, api, client):
    made = novitai(server, "instances", "create", "--cpu", "--min-cpus", "4", "--min-memory", "8", "--image", "alpine:3", "--name", "c", "--wait")
    made = made.get("instance", made)
    assert made["spec"]["products"] == ["cpu.8c16g"] and made["spec"]["kind"] == "MACHINE_KIND_CPU" and "gpuCount" not in made["spec"]
    assert made["placement"]["hourlyPrice"]["micros"] == "90000" and made["placement"]["regionId"] == "us-ca-6"
    there = machine(simulator, made)
    assert (there["kind"], there["gpuNum"], there["cpuNum"], there["productId"]) == ("cpu", "0", "8", "cpu.8c16g")
    assert made.get("stateMessage", "") == ""
    for verb, state in [("stop", "STOPPED"), ("start", "RUNNING")]:
        now = novitai(server, "instances", verb, "c", "--wait")
        assert now.get("instance", now)["state"] == f"INSTANCE_STATE_{state}"
    with pytest.raises(grpc.RpcError) as refused:
        client.instances.UpdateInstance(api.instance.UpdateInstanceRequest(id="c", disk_gb=100), timeout=10)
    assert "disk_gb: a CPU machine has the disk of its product" in refused.value.details()
    products = client.catalog.ListProducts(api.catalog.ListProductsRequest(filter="kind = cpu"), timeout=10).products
    assert [product.id for product in products] == ["cpu.8c16g"] and products[0].kind == api.types.MACHINE_KIND_CPU
    novitai(server, "instances", "delete", "c", "--wait")
    assert [entry["released"] is not None for entry in simulator.ledger()] == [True]


@pytest.mark.parametrize(
    "field, fields",
    [
        ("spec.gpu_count", {"products": ["cpu.8c16g"], "gpu_count": 1}),
        ("spec.gpu_count", {"products": ["RTX 4090 24GB"], "gpu_count": 0}),
        ("spec.billing_mode", {"products": ["cpu.8c16g"], "gpu_count": 0, "billing_mode": 2}),
        ("spec.gpu_count", {"products": [], "gpu_count": 0, "requirements": {"min_cpu_count": 2}}),
    ],
)
def test_what_a_cpu_machine_cannot_be_is_refused_by_its_field(api, client, field, fields):
    requirements = fields.pop("requirements", None)
    given = spec(api, **{**fields, "disk_gb": 0})
    if requirements:
        given.requirements.CopyFrom(api.instance.ProductRequirements(**requirements))
    with pytest.raises(grpc.RpcError) as refused:
        client.instances.CreateInstance(api.instance.CreateInstanceRequest(spec=given), timeout=10)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT and f"{field}:" in refused.value.details()
