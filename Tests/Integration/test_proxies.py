"""Through the proxies of Debian, configured as docs/proxies.md says: clients of three implementations, and a watch of the real server."""

import random
import threading

import grpc
import interop_peers as peers
import proxies
import pytest
import test_interop
from conftest import spec, wait_for
from test_interop import compiled, messages  # noqa: F401  (fixtures)
from test_programs import novitai


@pytest.fixture(scope="module")
def port():
    with peers.our_server() as port:
        yield port


@pytest.fixture(scope="module", params=proxies.NAMES)
def proxy(request, port, tmp_path_factory):
    with proxies.running(request.param, tmp_path_factory.mktemp(request.param), port) as listen:
        yield request.param, listen


def bearable(name, cases):
    """Haproxy 2.6 now and then stands still, or cuts responses off, with a hundred large messages at once, whoever is at its two ends."""
    return [case for case in cases if (name, case) != ("haproxy", "concurrent_large_unary")]


def test_our_client_passes_through_it(proxy):
    """Unary and the three kinds of streams, trailers-only, deadlines, cancellation, large messages, compression, many at once."""
    name, port = proxy
    cases = bearable(name, test_interop.ALL_CASES)
    assert peers.our_client(port, *cases) == dict.fromkeys(cases, "ok")


@pytest.mark.timeout(600)  # As in test_interop: it may be this one that compiles.
@pytest.mark.parametrize("peer, all_cases", [("go", test_interop.GO_CASES), ("cpp", test_interop.CPP_CLIENT_CASES)])
def test_compiled_client_passes_through_it(proxy, compiled, peer, all_cases):  # noqa: F811
    name, port = proxy
    cases = bearable(name, all_cases)
    assert compiled[peer].client(port, cases) == dict.fromkeys(cases, "ok")


def test_much_metadata_goes_through_it(proxy, messages):  # noqa: F811
    """Both ways as much as our errors with all their details have, and more than most that callers send."""
    _, port = proxy
    text, binary = "m" * 6000, random.Random(1).randbytes(4000)
    metadata = (("x-grpc-test-echo-initial", text), ("x-grpc-test-echo-trailing-bin", binary))
    with peers.open_channel(port) as channel:
        service = messages.services.TestServiceStub(channel)
        _, call = service.UnaryCall.with_call(messages.types.SimpleRequest(), metadata=metadata, timeout=20)
        assert dict(call.initial_metadata())["x-grpc-test-echo-initial"] == text
        assert dict(call.trailing_metadata())["x-grpc-test-echo-trailing-bin"] == binary
        status = messages.types.EchoStatus(code=9, message="ü" * 300)
        with pytest.raises(grpc.RpcError) as error:
            service.UnaryCall(messages.types.SimpleRequest(response_status=status), metadata=metadata[1:], timeout=20)
        assert (error.value.code(), error.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, status.message)


@pytest.fixture(params=proxies.NAMES)
def behind(request, server, tmp_path):
    """The real server's address, and that of a proxy in front of it."""
    with proxies.running(request.param, tmp_path, server.port) as listen:
        yield server, f"127.0.0.1:{listen}"


def running_calls(client, api):
    text = client.admin.GetMetrics(api.admin.GetMetricsRequest(), timeout=10).text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith("novitai_rpc_calls "))


def test_a_watch_through_a_proxy(behind, api, connect):
    """Every change comes at once; a cancelled watch is over at the server too; a drain ends it with a status that says to come back."""
    server, address = behind
    direct = connect(server)
    channel = grpc.insecure_channel(address)
    services = {name: stub(channel) for name, stub in api.services.items()}
    watch = services["instances"].WatchInstances(api.instance.WatchInstancesRequest())
    assert next(watch).snapshot_complete
    made = services["instances"].CreateInstance(api.instance.CreateInstanceRequest(name="seen", spec=spec(api)), timeout=10).instance
    seen = [event.instance.id for event in next(watch).events]
    assert seen == [made.id]
    before = running_calls(direct, api)
    watch.cancel()
    wait_for(lambda: running_calls(direct, api) < before, 10, "the watch's end at the server")
    assert novitai(address, "instances", "get", "seen").returncode == 0

    again = services["instances"].WatchInstances(api.instance.WatchInstancesRequest())
    assert next(again).events[0].instance.id == made.id
    ended = threading.Thread(target=server.stop)
    ended.start()
    with pytest.raises(grpc.RpcError) as error:
        for _ in again:
            pass
    ended.join()
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    channel.close()
