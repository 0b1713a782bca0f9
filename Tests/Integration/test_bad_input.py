"""Bad input gets the right status and a detail that names the field; nothing is created, nothing crashes."""

import grpc
import pytest
from conftest import Server, spec
from google.rpc import error_details_pb2
from grpc_status import rpc_status


def refusal(call, request, **options):
    try:
        call(request, timeout=10, **options)
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call was accepted")


def details(error):
    status = rpc_status.from_call(error)
    assert status is not None, f"no details with {error}"
    found = {}
    for detail in status.details:
        for kind in (
            error_details_pb2.ErrorInfo,
            error_details_pb2.BadRequest,
            error_details_pb2.QuotaFailure,
            error_details_pb2.ResourceInfo,
            error_details_pb2.PreconditionFailure,
        ):
            if detail.Is(kind.DESCRIPTOR):
                found[kind.__name__] = kind.FromString(detail.value)
        if detail.type_url.endswith("novitai.v1.ErrorEffect"):
            found["ErrorEffect"] = detail.value
    assert found["ErrorInfo"].domain == "novitai" and found["ErrorInfo"].reason
    assert "ErrorEffect" in found
    return found


def fields(error):
    return {violation.field for violation in details(error)["BadRequest"].field_violations}


SPECS = [
    ("an unknown product", {"products": ["RTX 9999"]}, "spec.products[0]"),
    ("no product", {"products": []}, "spec.products"),
    ("no GPU", {"gpu_count": 0}, "spec.gpu_count"),
    ("nine GPUs", {"gpu_count": 9}, "spec.gpu_count"),
    ("a disk below the least", {"disk_gb": 5}, "spec.disk_gb"),
    ("a disk beyond the product's", {"disk_gb": 6144}, "spec.disk_gb"),
    ("an image without a name", {"image": ""}, "spec.image"),
    ("an image with a NUL", {"image": "a\0b"}, "spec.image"),
    ("an unknown region", {"regions": ["moon-1"]}, "spec.regions[0]"),
]


@pytest.mark.parametrize("given, field", [(given, field) for _, given, field in SPECS], ids=[name for name, _, _ in SPECS])
def test_a_bad_specification_is_refused_and_the_field_named(api, client, simulator, given, field):
    for validate_only in (True, False):
        request = api.instance.CreateInstanceRequest(name="bad", spec=spec(api, **given), validate_only=validate_only)
        error = refusal(client.instances.CreateInstance, request)
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
        assert field in fields(error), fields(error)
    assert client.instances.ListInstances(api.instance.ListInstancesRequest(), timeout=5).instances == []
    assert simulator.ledger() == []


@pytest.mark.parametrize("port", [0, 2222, 65536])
def test_a_bad_port_is_refused(api, client, port):
    bad = spec(api, ports=[api.instance.PortSpec(port=port)])
    error = refusal(client.instances.CreateInstance, api.instance.CreateInstanceRequest(name="bad", spec=bad))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "spec.ports[0].port" in fields(error)


def test_every_violation_is_reported_at_once(api, client):
    bad = spec(api, gpu_count=9, image="", disk_gb=5)
    error = refusal(client.instances.CreateInstance, api.instance.CreateInstanceRequest(name="Bad Name", spec=bad))
    assert {"name", "spec.gpu_count", "spec.image", "spec.disk_gb"} <= fields(error)


def test_a_taken_name_is_refused(api, client):
    request = api.instance.CreateInstanceRequest(name="taken", spec=spec(api))
    client.instances.CreateInstance(request, timeout=10)
    error = refusal(client.instances.CreateInstance, request)
    assert error.code() == grpc.StatusCode.ALREADY_EXISTS
    assert details(error)["ResourceInfo"].resource_name == "taken"


def test_a_request_id_with_another_payload_is_refused(api, client):
    client.instances.CreateInstance(api.instance.CreateInstanceRequest(request_id="r1", name="one", spec=spec(api)), timeout=10)
    other = api.instance.CreateInstanceRequest(request_id="r1", name="two", spec=spec(api))
    error = refusal(client.instances.CreateInstance, other)
    assert "request_id" in fields(error)


@pytest.mark.parametrize("method", ["GetInstance", "StartInstance", "StopInstance", "RestartInstance", "DeleteInstance"])
def test_an_unknown_id_is_not_found(api, client, method):
    request = getattr(api.instance, f"{method}Request")(id="i-nonesuch")
    error = refusal(getattr(client.instances, method), request)
    assert error.code() == grpc.StatusCode.NOT_FOUND
    assert details(error)["ResourceInfo"].resource_name == "i-nonesuch"


def test_a_page_token_of_another_query_is_refused(api, client):
    for n in range(3):
        client.instances.CreateInstance(api.instance.CreateInstanceRequest(name=f"page-{n}", spec=spec(api)), timeout=10)
    first = client.instances.ListInstances(api.instance.ListInstancesRequest(page_size=2), timeout=5)
    assert len(first.instances) == 2 and first.next_page_token
    rest = client.instances.ListInstances(api.instance.ListInstancesRequest(page_size=2, page_token=first.next_page_token), timeout=5)
    assert len({instance.id for page in (first, rest) for instance in page.instances}) == 3 and not rest.next_page_token
    other = api.instance.ListInstancesRequest(page_size=2, page_token=first.next_page_token, filter="name = page-1")
    error = refusal(client.instances.ListInstances, other)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "page_token" in fields(error)


@pytest.mark.parametrize("request_fields, field", [({"page_size": -1}, "page_size"), ({"filter": "color = red"}, "filter"),
                                                   ({"order_by": "weight"}, "order_by"), ({"page_token": "x"}, "page_token")])
def test_a_bad_list_request_is_refused(api, client, request_fields, field):
    error = refusal(client.instances.ListInstances, api.instance.ListInstancesRequest(**request_fields))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert field in fields(error)


def raw(client, method):
    return client.channel.unary_unary(f"/novitai.v1.InstanceService/{method}", lambda data: data, lambda data: data)


def test_a_message_of_five_megabytes_is_refused(client):
    error = refusal(raw(client, "CreateInstance"), b"\x1a\x80\x80\xc0\x02" + b"x" * (5 << 20))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_invalid_utf8_is_refused(client):
    error = refusal(raw(client, "GetInstance"), b"\x0a\x02\xff\xfe")
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_bytes_that_are_no_message_are_refused(client):
    assert refusal(raw(client, "GetInstance"), b"\x0a\xff").code() == grpc.StatusCode.INTERNAL


def test_the_hundred_and_first_instance_is_refused_with_ceiling_and_use(api, client, simulator):
    simulator.post("/_sim/stock", {"free": 1000})
    for n in range(100):
        client.instances.CreateInstance(api.instance.CreateInstanceRequest(name=f"many-{n}", spec=spec(api)), timeout=10)
    error = refusal(client.instances.CreateInstance, api.instance.CreateInstanceRequest(name="many-100", spec=spec(api)))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    violation = details(error)["QuotaFailure"].violations[0]
    assert violation.subject == "MAX_INSTANCES"
    assert "100" in violation.description


def test_the_hourly_spend_is_a_ceiling(api, start, connect, tmp_path, simulator):
    client = connect(start(Server(tmp_path, simulator, MAX_HOURLY_SPEND="1")))
    client.instances.CreateInstance(api.instance.CreateInstanceRequest(name="fits", spec=spec(api, gpu_count=2)), timeout=10)
    error = refusal(client.instances.CreateInstance, api.instance.CreateInstanceRequest(name="over", spec=spec(api, gpu_count=2)))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details(error)["QuotaFailure"].violations[0].subject == "MAX_HOURLY_SPEND"


def test_after_all_of_it_the_server_still_serves(api, client):
    for data in (b"", b"\x00", b"\xff" * 100, b"\x0a\x05abc"):
        try:
            raw(client, "CreateInstance")(data, timeout=10)
        except grpc.RpcError as error:
            assert error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL), error
    assert client.admin.GetServerInfo(api.admin.GetServerInfoRequest(), timeout=5).version
