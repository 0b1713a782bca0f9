"""gRPC's interoperability cases with grpc-swift 2, its client and its server. Long, for it is built first: part of scripts/verify."""

import compiled_peers
import interop_peers
import pytest
from certificates import Authority

# All but `client_compressed_streaming`: a call of grpc-swift compresses all of its messages or none.
CASES = [
    "empty_unary", "large_unary", "client_compressed_unary", "server_compressed_unary", "client_streaming", "server_streaming",
    "server_compressed_streaming", "ping_pong", "empty_stream", "custom_metadata", "status_code_and_message", "special_status_message",
    "unimplemented_method", "unimplemented_service", "cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server",
    "pick_first_unary", "orca_per_rpc", "orca_oob", "rpc_soak", "channel_soak", "concurrent_large_unary",
]
# All but `client_compressed_streaming`: a handler sees the coding of its call, but not which messages came in it;
# and `server_compressed_unary` and `server_compressed_streaming`: all responses have the first coding that we list, `identity`.
SERVER_CASES = [
    "empty_unary", "large_unary", "client_compressed_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
    "custom_metadata", "status_code_and_message", "special_status_message", "unimplemented_method", "unimplemented_service",
    "cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server", "pick_first_unary", "orca_per_rpc", "orca_oob",
    "rpc_soak", "channel_soak", "long_lived_channel", "concurrent_large_unary",
]


@pytest.mark.timeout(3600)  # The first build takes minutes, on a busy machine many.
def test_grpc_swift_client_passes():
    peer = compiled_peers.SwiftPeer()
    with interop_peers.our_server() as port:
        assert peer.client(port, CASES) == dict.fromkeys(CASES, "ok")


@pytest.mark.timeout(3600)  # As above.
@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_our_client_passes_with_the_grpc_swift_server(tmp_path, is_secure):
    peer, identity = compiled_peers.SwiftPeer(), None
    if is_secure:
        authority = Authority(tmp_path)
        identity = interop_peers.Identity(*authority.sign("interop", "IP:127.0.0.1", "serverAuth"), authority.path)
    with peer.server(identity) as port:
        assert interop_peers.our_client(port, *SERVER_CASES, identity=identity) == dict.fromkeys(SERVER_CASES, "ok")
