"""The compose files: merged and checked against the schema by docker-compose, and then what only we know."""

import copy
import functools
import json
import os
import re
import subprocess

import pytest
from conftest import BINARIES, ROOT

BASE, DEVELOPMENT, PRODUCTION = "compose.yaml", "compose.override.yaml", "compose.prod.yaml"
# What deploy-dev.sh and deploy-prod.sh hand in.
GIVEN = {"SECRETS_DIR": "/secrets", "NOVITA_API_KEY": "sk_canary"}


def compose(*files, **variables):
    options = [option for file in files for option in ("-f", f"compose/{file}")]
    return subprocess.run(
        ["docker-compose", "--project-directory", ".", *options, "config"], cwd=ROOT, capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables},
    )


def rendered(*files, **variables):
    return copy.deepcopy(_rendered(files, tuple(sorted(variables.items()))))


@functools.cache
def _rendered(files, variables):
    done = compose(*files, **dict(variables))
    assert done.returncode == 0, done.stderr
    # A YAML reader without a YAML library: Debian's docker-compose brings its own.
    read = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout, default=str)"
    text = subprocess.run(["/usr/bin/python3", "-c", read], input=done.stdout, capture_output=True, text=True, check=True).stdout
    return json.loads(text)["services"]


OURS = ("novitaid", "sidecar", "novita-sim", "demo")


def seconds(text):
    minutes, rest = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", text).groups()
    return int(minutes or 0) * 60 + int(rest or 0)


def health(service):
    check = service["healthcheck"]
    return tuple(seconds(check[name]) for name in ("interval", "timeout")) + (check["retries"], seconds(check["start_period"]))


def resources(service):
    given = service["deploy"]["resources"]
    return tuple((given[kind]["memory"], float(given[kind]["cpus"])) for kind in ("limits", "reservations"))


def test_the_base_needs_no_variable_and_no_secret():
    services = rendered(BASE)
    assert set(services) == {*OURS, "prometheus", "grafana"}
    environment = services["novitaid"]["environment"]
    assert environment["NOVITA_API_BASE_URL"] == "http://127.0.0.1:8090" and "NOVITA_API_KEY" not in environment
    assert not any("/run/novitai" in str(volume) for service in services.values() for volume in service.get("volumes", []))


def test_a_key_in_the_environment_does_not_bring_the_base_to_the_provider():
    environment = rendered(BASE, NOVITA_API_KEY="sk_canary", NOVITA_API_BASE_URL="https://api.novita.ai")["novitaid"]["environment"]
    assert environment["NOVITA_API_BASE_URL"] == "http://127.0.0.1:8090" and "sk_canary" not in str(environment)


@pytest.mark.parametrize("files", [(BASE,), (BASE, DEVELOPMENT), (BASE, PRODUCTION)], ids=["base", "development", "production"])
def test_every_program_is_hardened_and_has_a_place_in_one_network(files):
    services = rendered(*files, **GIVEN)
    for name in OURS:
        service = services[name]
        assert service["security_opt"] == ["no-new-privileges:true"] and service["cap_drop"] == ["ALL"], name
        assert all("noexec" in mount and "nosuid" in mount for mount in service["tmpfs"]), name
        assert {mount.split(":")[0] for mount in service["tmpfs"]} == {"/tmp", "/var/tmp"}
        assert service["read_only"] is (files[-1] != DEVELOPMENT or name != "novitaid")
        assert service["user"] != "0:0" and service["user"] != "root"
        if name != "novitaid":
            assert service["network_mode"] == "service:novitaid" and "ports" not in service
    # What is published is published on this machine, unless somebody says otherwise.
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports), ports


def test_grpc_is_published_only_with_tokens():
    assert not any(":50051" in port for port in rendered(BASE)["novitaid"]["ports"])
    for file in (DEVELOPMENT, PRODUCTION):
        server = rendered(BASE, file, **GIVEN)["novitaid"]
        assert "127.0.0.1:50051:50051/tcp" in server["ports"]
        assert server["environment"]["AUTH_TOKENS_FILE"] == "/run/novitai/tokens.json"


def test_secrets_are_mounted_as_folders_and_each_program_sees_its_own():
    """A file that is mounted by itself stays what it was when it is replaced: a revoked token would stay good."""
    for file in (DEVELOPMENT, PRODUCTION):
        services = rendered(BASE, file, **GIVEN)
        for name, folder in (("novitaid", "/secrets/server"), ("sidecar", "/secrets/sidecar")):
            mount = {"type": "bind", "source": folder, "target": "/run/novitai", "read_only": True}
            assert mount in services[name]["volumes"], services[name]["volumes"]
            assert "secrets" not in services[name]


def test_the_numbers_of_each_environment():
    base, development = rendered(BASE)["novitaid"], rendered(BASE, DEVELOPMENT, **GIVEN)["novitaid"]
    production = rendered(BASE, PRODUCTION, **GIVEN)
    server = production["novitaid"]
    assert health(base) == (30, 10, 3, 40) and health(server) == (15, 5, 5, 60) and health(production["sidecar"]) == (15, 5, 5, 60)
    assert resources(base) == (("1G", 1.0), ("512M", 0.5))
    assert resources(development) == (("2G", 2.0), ("256M", 0.25))
    assert resources(server) == (("512M", 0.5), ("256M", 0.25))
    assert (base["restart"], development["restart"], server["restart"]) == ("unless-stopped", "no", "always")
    assert base["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert server["logging"] == {
        "driver": "json-file", "options": {"max-size": "50m", "max-file": "5", "labels": "service,environment"}}
    assert server["labels"] == {"service": "novitaid", "environment": "production"}
    assert (base["environment"]["LOG_LEVEL"], development["environment"]["LOG_LEVEL"]) == ("", "debug")
    assert server["environment"]["LOG_LEVEL"] == "info" and server["environment"]["LOG_FORMAT"] == "json"


def test_a_stop_waits_longer_than_the_server_drains():
    for files in ((BASE,), (BASE, PRODUCTION)):
        server = rendered(*files, **GIVEN)["novitaid"]
        assert seconds(server["stop_grace_period"]) > int(server["environment"]["SHUTDOWN_GRACE"])


def test_production_is_the_production_stage_with_a_pinned_tag_and_without_the_simulator():
    services = rendered(BASE, PRODUCTION, IMAGE_TAG="1.2.3", **GIVEN)
    server = services["novitaid"]
    assert server["build"]["target"] == "production" and server["image"] == "novitai:1.2.3"
    assert server["environment"]["NOVITA_API_BASE_URL"] == "https://api.novita.ai" and server["environment"]["NOVITA_API_KEY"] == "sk_canary"
    assert services["novita-sim"]["profiles"] == services["demo"]["profiles"] == ["simulator"]
    # The base's pace is the simulator's.
    assert server["environment"]["INSTANCE_POLL_INTERVAL"] == server["environment"]["UPSTREAM_REQUESTS_PER_MINUTE"] == ""


@pytest.mark.parametrize("missing", sorted(GIVEN))
def test_production_says_which_variable_is_missing(missing):
    done = compose(BASE, PRODUCTION, **{name: value for name, value in GIVEN.items() if name != missing})
    assert done.returncode != 0 and missing in done.stderr


def test_development_mounts_the_sources_and_builds_them_again():
    server = rendered(BASE, DEVELOPMENT, **GIVEN)["novitaid"]
    assert server["build"]["target"] == "development"
    assert f"{ROOT}:/src:rw" in server["volumes"]


def test_observability_is_a_profile_and_reads_files_that_are_there():
    services = rendered(BASE)
    for name in ("prometheus", "grafana"):
        assert services[name]["profiles"] == ["observability"]
        for volume in services[name]["volumes"]:
            source = volume.split(":")[0]
            assert not source.startswith("/") or os.path.exists(source), source


def test_every_setting_of_the_server_can_be_given():
    """A setting that somebody writes into .env must not get lost on its way into the container."""
    done = subprocess.run([BINARIES / "novitaid", "config", "check"], capture_output=True, text=True, cwd="/", env={"NOVITA_API_KEY": "sk_x"})
    settings = set(re.findall(r"^([A-Z_]+)=", done.stdout, re.M))
    passed = set(rendered(BASE, PRODUCTION, **GIVEN)["novitaid"]["environment"])
    assert settings and settings <= passed, settings - passed
