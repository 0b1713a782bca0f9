"""Machines by template, by requirements and with volumes, through the real server to what the provider was asked for."""

import json
import os
import subprocess
import urllib.request

import grpc
import pytest
from conftest import BINARIES


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
