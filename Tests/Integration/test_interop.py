"""The interoperability cases of gRPC that need no cloud: our server with the clients of others, our client with their servers."""

import base64
import concurrent.futures
import contextlib
import socket
import struct
import time
import zlib

import compiled_peers
import grpc
import h2.config
import h2.connection
import h2.events
import interop_peers as peers
import pytest
from interop_grpcio import GrpcioClient

RUBY_CASES = [
    "empty_unary", "large_unary", "client_compressed_unary", "client_streaming", "client_compressed_streaming", "server_streaming",
    "ping_pong", "empty_stream", "timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response", "unimplemented_method",
    "unimplemented_service", "status_code_and_message", "custom_metadata",
]
# What Debian's server in Ruby can do: it knows neither compression nor load reports, and has few threads.
RUBY_SERVER_CASES = [
    "empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream", "timeout_on_sleeping_server",
    "cancel_after_begin", "cancel_after_first_response", "unimplemented_method", "unimplemented_service", "status_code_and_message",
    "custom_metadata", "rpc_soak", "channel_soak", "long_lived_channel",
]
# C-core's server does not tell its handlers whether a request came compressed.
GRPCIO_SERVER_CASES = [
    "empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream", "timeout_on_sleeping_server",
    "cancel_after_begin", "cancel_after_first_response", "unimplemented_method", "unimplemented_service", "status_code_and_message",
    "special_status_message", "custom_metadata", "server_compressed_unary", "server_compressed_streaming", "pick_first_unary",
    "orca_per_rpc", "rpc_soak", "long_lived_channel", "concurrent_large_unary",
]
ALL_CASES = sorted({*GRPCIO_SERVER_CASES, "client_compressed_unary", "client_compressed_streaming", "orca_oob", "channel_soak"})
# grpc-go 1.33 neither says which codings it takes nor lets a handler choose one.
GO_CASES = [case for case in ALL_CASES if not case.startswith("server_compressed")]
# C-core keeps the trailer with the load to itself.
CPP_CLIENT_CASES = GRPCIO_CLIENT_CASES = [case for case in ALL_CASES if case != "orca_per_rpc"]


@pytest.fixture(scope="module")
def security():
    """Who servers are over TLS; none without. test_interop_tls.py has its own."""
    return None


@pytest.fixture(scope="module")
def ruby_security():
    """The same for Ruby, which knows one authority alone."""
    return None


@pytest.fixture(scope="module")
def port(security):
    with peers.our_server(*(security.server_options if security else [])) as port:
        yield port


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    return peers.Messages(tmp_path_factory.mktemp("interop"))


@pytest.fixture(scope="module")
def compiled():
    """grpc-go and grpc C++, compiled side by side."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        go, cpp = pool.submit(compiled_peers.GoPeer), pool.submit(compiled_peers.CppPeer)
        return {"go": go.result(), "cpp": cpp.result()}


# ---- our server, their clients


@pytest.fixture(scope="module")
def ruby_verdicts(ruby_security):
    """All at once: most of a case is Ruby's start."""
    options = ruby_security.server_options if ruby_security else []
    with peers.our_server(*options) as port, concurrent.futures.ThreadPoolExecutor(3) as pool:
        return dict(zip(RUBY_CASES, pool.map(lambda case: peers.ruby_client(port, case, ruby_security), RUBY_CASES)))


@pytest.mark.parametrize("case", RUBY_CASES)
def test_ruby_client_passes(ruby_verdicts, case):
    verdict = ruby_verdicts[case]
    assert verdict.returncode == 0 and f"OK: {case}" in verdict.stdout, verdict.stdout + verdict.stderr


@pytest.mark.timeout(600)  # Compiling takes half a minute, on a busy machine several.
@pytest.mark.parametrize("name, cases", [("go", GO_CASES), ("cpp", CPP_CLIENT_CASES)])
def test_compiled_client_passes(compiled, port, security, name, cases):
    assert compiled[name].client(port, cases, security) == dict.fromkeys(cases, "ok")


@pytest.mark.parametrize("case", GRPCIO_CLIENT_CASES)
def test_grpcio_client_passes(messages, port, security, case):
    with GrpcioClient(messages, port, security) as client:
        getattr(client, case)()


@pytest.fixture(scope="module")
def grpcio(port, messages):
    with peers.open_channel(port) as channel:
        yield messages.services.TestServiceStub(channel)


@pytest.mark.parametrize("coding", [grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_grpcio_large_unary_in_every_coding(grpcio, messages, coding):
    request = messages.types.SimpleRequest(
        response_size=314159, payload=messages.types.Payload(body=bytes(271828)), response_compressed=messages.types.BoolValue(value=True),
        expect_compressed=messages.types.BoolValue(value=coding != grpc.Compression.NoCompression))
    assert grpcio.UnaryCall(request, compression=coding, timeout=10).payload.body == bytes(314159)


def test_grpcio_unknown_response_type_is_invalid(grpcio, messages):
    with pytest.raises(grpc.RpcError) as error:
        grpcio.UnaryCall(messages.types.SimpleRequest(response_type=7), timeout=10)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_grpcio_intervals_add_up(grpcio, messages):
    parameters = [messages.types.ResponseParameters(size=1, interval_us=30_000)] * 3
    begun = time.monotonic()
    assert len(list(grpcio.StreamingOutputCall(messages.types.StreamingOutputCallRequest(response_parameters=parameters), timeout=10))) == 3
    assert time.monotonic() - begun >= 0.09


def raw_call(port, method, request):
    """By frames, for what no client shows: the messages with their flags, and the trailers."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as connection:
        state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        state.initiate_connection()
        state.increment_flow_control_window(1 << 20)
        state.send_headers(1, [
            (":method", "POST"), (":scheme", "http"), (":path", f"/grpc.testing.TestService/{method}"), (":authority", "test"),
            ("content-type", "application/grpc"), ("te", "trailers"), ("grpc-accept-encoding", "identity,gzip")])
        state.increment_flow_control_window(1 << 20, 1)
        encoded = request.SerializeToString()
        state.send_data(1, struct.pack(">BI", 0, len(encoded)) + encoded, end_stream=True)
        connection.sendall(state.data_to_send())
        body, trailers = b"", None
        while trailers is None:
            for event in state.receive_data(connection.recv(65536)):
                if isinstance(event, h2.events.DataReceived):
                    body += event.data
                elif isinstance(event, h2.events.TrailersReceived):
                    trailers = dict(event.headers)
    received = []
    while body:
        flag, length = struct.unpack(">BI", body[:5])
        message = body[5:5 + length]
        received.append((flag, zlib.decompress(message, 31) if flag else message))
        body = body[5 + length:]
    return received, trailers


def test_flags_on_the_wire(port, messages):
    """server_compressed_unary and server_compressed_streaming."""
    types = messages.types
    for compressed in (True, False):
        request = types.SimpleRequest(response_size=314159, response_compressed=types.BoolValue(value=compressed))
        ((flag, response),), _ = raw_call(port, "UnaryCall", request)
        assert flag == compressed and types.SimpleResponse.FromString(response).payload.body == bytes(314159)
    parameters = [
        types.ResponseParameters(size=31415, compressed=types.BoolValue(value=True)),
        types.ResponseParameters(size=92653, compressed=types.BoolValue(value=False)),
    ]
    received, _ = raw_call(port, "StreamingOutputCall", types.StreamingOutputCallRequest(response_parameters=parameters))
    assert [flag for flag, _ in received] == [1, 0]
    assert [len(types.StreamingOutputCallResponse.FromString(m).payload.body) for _, m in received] == [31415, 92653]


def test_load_report_on_the_wire(port, messages):
    """orca_per_rpc. C-core keeps this trailer to itself."""
    report = messages.types.TestOrcaReport(
        cpu_utilization=0.821, memory_utilization=0.5847, request_cost={"cost": 3456.32}, utilization={"util": 0.30499})
    _, trailers = raw_call(port, "UnaryCall", messages.types.SimpleRequest(orca_per_query_report=report))
    encoded = trailers["endpoint-load-metrics-bin"]
    load = messages.load.OrcaLoadReport.FromString(base64.b64decode(encoded + "=" * (-len(encoded) % 4)))
    assert (load.cpu_utilization, load.mem_utilization) == (0.821, 0.5847)
    assert dict(load.request_cost) == {"cost": 3456.32} and dict(load.utilization) == {"util": 0.30499}


# ---- our client, their servers


def test_our_client_passes_with_our_server(port, security):
    # All thousand large calls at once, of which a debug build makes other servers wait for a tenth.
    calls = peers.CONCURRENT_CALLS if security else 1000
    assert peers.our_client(port, *ALL_CASES, identity=security, concurrent_calls=calls) == dict.fromkeys(ALL_CASES, "ok")


def test_our_client_passes_with_the_ruby_server(ruby_security):
    with peers.ruby_server(ruby_security) as port:
        verdicts = peers.our_client(port, *RUBY_SERVER_CASES, identity=ruby_security)
    assert verdicts == dict.fromkeys(RUBY_SERVER_CASES, "ok")


def test_our_client_passes_with_a_grpcio_server(messages, security):
    with peers.grpcio_server(messages, security) as port:
        verdicts = peers.our_client(port, *GRPCIO_SERVER_CASES, identity=security)
    assert verdicts == dict.fromkeys(GRPCIO_SERVER_CASES, "ok")


@pytest.mark.parametrize("name, cases", [("go", GO_CASES), ("cpp", ALL_CASES)])
def test_our_client_passes_with_a_compiled_server(compiled, security, name, cases):
    with compiled[name].server(security) as port:
        assert peers.our_client(port, *cases, identity=security) == dict.fromkeys(cases, "ok")


@pytest.mark.parametrize("case", ["goaway", "rst_after_header", "rst_during_data", "rst_after_data", "ping", "max_streams"])
def test_our_client_with_a_server_that_misbehaves(messages, case):
    with peers.MisbehavingServer(messages, case) as server:
        assert peers.our_client(server.port, case) == {case: "ok"}
        if case == "goaway":
            assert (server.connections, server.calls) == (2, 2), "the second call on a connection of its own"
        if case == "ping":
            assert server.pings_sent == server.pings_answered > 10
        if case == "max_streams":
            assert server.most_streams == 1 and server.calls == 11
