"""gRPC's interoperability cases with the client of grpc-swift 2 and our server. Long, for it is built first: part of scripts/verify."""

import compiled_peers
import interop_peers
import pytest

# All but `client_compressed_streaming`: a call of grpc-swift compresses all of its messages or none.
CASES = [
    "empty_unary", "large_unary", "client_compressed_unary", "server_compressed_unary", "client_streaming", "server_streaming",
    "server_compressed_streaming", "ping_pong", "empty_stream", "custom_metadata", "status_code_and_message", "special_status_message",
    "unimplemented_method", "unimplemented_service", "cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server",
    "pick_first_unary", "orca_per_rpc", "orca_oob", "rpc_soak", "channel_soak", "concurrent_large_unary",
]


@pytest.mark.timeout(3600)  # The first build takes minutes, on a busy machine many.
def test_grpc_swift_client_passes():
    peer = compiled_peers.SwiftPeer()
    with interop_peers.our_server() as port:
        assert peer.client(port, CASES) == dict.fromkeys(CASES, "ok")
