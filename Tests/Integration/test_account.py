"""What the account keeps at the provider, through the real programs: command line, server, simulator."""

import json
import os
import subprocess

import grpc
import pytest
from conftest import BINARIES, wait_for
from grpc_status import rpc_status


def novitai(server, *arguments, **environment):
    return subprocess.run(
        [BINARIES / "novitai", *arguments], capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"], "NOVITAI_TARGET": server.address, **environment},
    )


def shown(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


MAKE = {
    "templates": ["--name", "worker", "--image", "team/worker:1", "--port", "8080/http", "--env", "KEY=canary-value"],
    "volumes": ["--name", "data", "--size", "20", "--region", "us-ca-6"],
    "networks": ["--name", "ring", "--region", "us-ca-6"],
    "prewarms": ["--image", "team/worker:1", "--region", "us-ca-6"],
    "credentials": ["--name", "ghcr.io", "--username", "me"],
}


@pytest.mark.parametrize("noun", MAKE)
def test_the_command_line_makes_lists_and_deletes(server, noun):
    secret = {"NOVITAI_REGISTRY_PASSWORD": "canary-value"}
    made = shown(novitai(server, noun, "create", *MAKE[noun], "--output", "json", **secret))
    thing = next(value for value in made.values() if isinstance(value, dict))

    def repeated():
        done = novitai(server, noun, "create", *MAKE[noun], "--output", "json", **secret)
        # The provider's lists lag; until the thing shows, it is not made again.
        return None if "does not show yet" in done.stderr else done

    again = shown(wait_for(repeated, 30, "what was made shows"))
    assert again["existed"] and thing["id"] in json.dumps(again)
    listed = novitai(server, noun, "list", "--fresh")
    assert thing["id"] in listed.stdout and "canary-value" not in listed.stdout + json.dumps(made)
    assert novitai(server, noun, "delete", thing["id"]).returncode == 0
    assert thing["id"] not in novitai(server, noun, "list", "--fresh").stdout
    assert "canary-value" not in server.log()


def test_a_volume_grows_and_a_shrinking_is_refused(server):
    made = shown(novitai(server, "volumes", "create", *MAKE["volumes"], "--output", "json"))["networkVolume"]
    assert "40 GB" in novitai(server, "volumes", "update", made["id"], "--size", "40").stdout
    refused = novitai(server, "volumes", "update", made["id"], "--size", "30")
    assert refused.returncode == 1 and "size_gb" in refused.stderr


def test_a_lost_reply_makes_one_volume(api, client, simulator):
    simulator.arm("/networkstorage/create", "drop_after")
    request = api.catalog.CreateNetworkVolumeRequest(name="data", size_gb=20, region_id="us-ca-6", request_id="once")
    made = client.catalog.CreateNetworkVolume(request, timeout=60)
    assert client.catalog.CreateNetworkVolume(request, timeout=60).network_volume.id == made.network_volume.id
    assert len(client.catalog.ListNetworkVolumes(api.catalog.ListNetworkVolumesRequest(fresh=True), timeout=30).network_volumes) == 1


def test_a_refusal_of_the_provider_is_no_unknown_outcome(api, client, simulator):
    request = api.catalog.CreateNetworkVolumeRequest(name="data", size_gb=20, region_id="eu-de-1")
    with pytest.raises(grpc.RpcError) as caught:
        client.catalog.CreateNetworkVolume(request, timeout=60)
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    details = rpc_status.from_call(caught.value).details
    effects = [api.types.ErrorEffect.FromString(any.value) for any in details if any.type_url.endswith("ErrorEffect")]
    assert [effect.effect for effect in effects] == [api.types.EFFECT_NONE]


def test_the_balance_is_a_metric_and_a_finding(server, client, api):
    text = wait_for(
        lambda: "novitai_upstream_balance_usd 100000" in client.admin.GetMetrics(api.admin.GetMetricsRequest(), timeout=30).text,
        30, "the balance is read")
    assert text
    wait_for(
        lambda: any(
            check.name == "balance" and "left" in check.detail
            for check in client.admin.GetHealth(api.admin.GetHealthRequest(), timeout=30).checks
        ),
        30, "the balance is found healthy")


def test_what_is_kept_of_the_providers_lists_is_shown_and_forgotten(api, server, client, simulator):
    def caches(*arguments):
        reply = shown(novitai(server, "server", *(arguments or ["caches"]), "--output", "json"))
        return {cache["name"]: cache for cache in reply["caches"]}

    def asked():
        return sum(entry["path"].endswith("/templates") for entry in simulator.get("/_sim/requests")["requests"])

    client.catalog.CreateTemplate(api.catalog.CreateTemplateRequest(name="kept", image="team/worker:1"), timeout=10)
    for _ in range(3):
        listed = client.catalog.ListTemplates(api.catalog.ListTemplatesRequest(), timeout=10).templates
    before, calls = caches()["templates"], asked()
    assert before["entryCount"] == len(listed) and int(before["hitCount"]) >= 2 and before["fetchTime"] < before["expireTime"]
    assert caches("clear-cache", "templates", "--validate-only")["templates"] == before
    assert set(caches("clear-cache", "templates")["templates"]) <= {"name", "hitCount", "fetchCount"}
    client.catalog.ListTemplates(api.catalog.ListTemplatesRequest(), timeout=10)
    assert asked() == calls + 1
    refused = novitai(server, "server", "clear-cache", "colours")
    assert refused.returncode == 1 and "name" in refused.stderr, refused
    assert len(caches("clear-cache")) == 6
