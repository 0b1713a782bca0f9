"""The kustomize base: checked against Kubernetes' schemas, and then what only we know."""

import re

import kubernetes_validate
import pytest
import yaml
from conftest import ROOT

BASE = ROOT / "deploy" / "kubernetes" / "base"
# The newest that is still supported by everybody, and the newest that the schemas know.
VERSIONS = ("1.31", "1.37")
RESOURCES = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]


def documents(name):
    return list(yaml.safe_load_all((BASE / name).read_text()))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", RESOURCES)
def test_every_resource_fits_its_schema(name, version):
    for document in documents(name):
        kubernetes_validate.validate(document, version, strict=True)


def test_the_base_names_every_file_of_its_folder():
    assert {*RESOURCES, "kustomization.yaml"} == {path.name for path in BASE.iterdir()}


def test_the_pod_is_hardened_drains_in_time_and_is_probed():
    template = documents("statefulset.yaml")[0]["spec"]["template"]["spec"]
    containers = {container["name"]: container for container in template["containers"]}
    assert set(containers) == {"novitaid", "sidecar"}
    for container in containers.values():
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"] and security["capabilities"] == {"drop": ["ALL"]}
    assert template["securityContext"]["runAsUser"] == 1001 and template["securityContext"]["runAsNonRoot"]
    # At every start it would open the file with the key of secrets to the group, which the server refuses.
    assert template["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
    variables = {variable["name"]: variable.get("value") for variable in containers["novitaid"]["env"]}
    assert template["terminationGracePeriodSeconds"] > int(variables["SHUTDOWN_GRACE"])
    port = int(variables["RPC_LISTEN"].rpartition(":")[2])
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert containers["novitaid"][probe]["grpc"]["port"] == port
    assert re.fullmatch(r"0\.0\.0\.0:\d+", variables["RPC_LISTEN"]) and variables["AUTH_TOKENS_FILE"]
