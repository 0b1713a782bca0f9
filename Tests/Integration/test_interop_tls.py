"""The cases of test_interop.py over TLS."""

import interop_peers as peers
import pytest
from certificates import Authority
from test_interop import (  # noqa: F401  (fixtures and tests)
    compiled, messages, port, ruby_verdicts, test_compiled_client_passes, test_grpcio_client_passes,
    test_our_client_passes_with_a_compiled_server, test_our_client_passes_with_a_grpcio_server, test_our_client_passes_with_our_server,
    test_our_client_passes_with_the_ruby_server, test_ruby_client_passes,
)  # fmt: skip


@pytest.fixture(scope="module")
def security(tmp_path_factory):
    """A server at an address of its certificate."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    return peers.Identity(*authority.sign("interop", "IP:127.0.0.1", "serverAuth"), authority.path)


@pytest.fixture(scope="module")
def ruby_security(tmp_path_factory):
    return peers.ruby_identity(tmp_path_factory.mktemp("ruby"))
