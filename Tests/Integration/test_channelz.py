"""Channelz, asked with the standard stubs of grpcio-channelz: what a server says of itself and of its connections."""

import ipaddress
import socket
import time

import grpc
import pytest
from conftest import Server, wait_for
from grpc_channelz.v1 import channelz_pb2 as messages
from grpc_channelz.v1 import channelz_pb2_grpc as stubs
from grpc_health.v1 import health_pb2, health_pb2_grpc
from test_tracing import Collector


@pytest.fixture
def channelz(server):
    with grpc.insecure_channel(server.address) as channel:
        yield stubs.ChannelzStub(channel)


@pytest.fixture
def others(server):
    """Three more connections, each of which has made a call."""
    opened = [grpc.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)]) for _ in range(3)]
    for channel in opened:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    yield opened
    for channel in opened:
        channel.close()


def sockets(channelz, server_id, page):
    """The numbers of all sockets, read in pages as the standard says."""
    ids, start, pages = [], 0, 0
    while True:
        request = messages.GetServerSocketsRequest(server_id=server_id, start_socket_id=start, max_results=page)
        answer = channelz.GetServerSockets(request, timeout=10)
        assert answer.end or len(answer.socket_ref) == page
        ids += [reference.socket_id for reference in answer.socket_ref]
        pages += 1
        if answer.end:
            return ids, pages
        start = ids[-1] + 1


def test_the_server_its_socket_and_its_calls(channelz, server, others):
    (found,) = channelz.GetServers(messages.GetServersRequest(), timeout=10).server
    assert channelz.GetServers(messages.GetServersRequest(start_server_id=found.ref.server_id + 1), timeout=10) == messages.GetServersResponse(end=True)
    # The call that asks is counted when it has ended.
    assert found.data.calls_started >= 3 and found.data.calls_succeeded >= 3
    (listening,) = found.listen_socket
    place = channelz.GetSocket(messages.GetSocketRequest(socket_id=listening.socket_id), timeout=10).socket.local.tcpip_address
    assert f"{ipaddress.ip_address(place.ip_address)}:{place.port}" == server.address
    failed = found.data.calls_failed
    with pytest.raises(grpc.RpcError):
        channelz.GetChannel(messages.GetChannelRequest(channel_id=1), timeout=10)
    again = channelz.GetServer(messages.GetServerRequest(server_id=found.ref.server_id), timeout=10).server
    assert again.data.calls_failed == failed + 1 and again.data.calls_started >= found.data.calls_started + 2


def test_sockets_come_in_pages_and_say_what_they_did(channelz, server, others):
    server_id = channelz.GetServers(messages.GetServersRequest(), timeout=10).server[0].ref.server_id
    ids, pages = sockets(channelz, server_id, 2)
    assert len(ids) >= 4 and pages >= 2 and ids == sorted(set(ids))
    assert sockets(channelz, server_id, 0) == (ids, 1)
    found = [channelz.GetSocket(messages.GetSocketRequest(socket_id=number), timeout=10).socket for number in ids]
    assert all(socket.ref.socket_id == number for socket, number in zip(found, ids))
    assert all(f"127.0.0.1:{socket.local.tcpip_address.port}" == server.address for socket in found)
    assert len({socket.remote.tcpip_address.port for socket in found}) == len(found)
    done = [socket.data for socket in found if socket.data.streams_succeeded == 1 == socket.data.streams_started]
    assert len(done) >= 3
    for data in done:
        assert data.messages_received == 1 and data.messages_sent == 1 and data.streams_failed == 0
        for moment in (data.last_remote_stream_created_timestamp, data.last_message_received_timestamp, data.last_message_sent_timestamp):
            assert abs(moment.ToSeconds() - time.time()) < 60
        assert data.local_flow_control_window.value > 0 and data.remote_flow_control_window.value > 0
    assert not any(socket.HasField("security") for socket in found)


def test_what_is_not_there_is_not_found(channelz):
    for call in (
        lambda: channelz.GetServer(messages.GetServerRequest(server_id=99), timeout=10),
        lambda: channelz.GetServerSockets(messages.GetServerSocketsRequest(server_id=99), timeout=10),
        lambda: channelz.GetSocket(messages.GetSocketRequest(socket_id=1 << 40), timeout=10),
        lambda: channelz.GetSocket(messages.GetSocketRequest(socket_id=-1), timeout=10),
        lambda: channelz.GetChannel(messages.GetChannelRequest(channel_id=1), timeout=10),
        lambda: channelz.GetSubchannel(messages.GetSubchannelRequest(subchannel_id=1), timeout=10),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            call()
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    assert channelz.GetTopChannels(messages.GetTopChannelsRequest(), timeout=10) == messages.GetTopChannelsResponse(end=True)


def test_negative_numbers_name_their_field(channelz):
    for call, field in (
        (lambda: channelz.GetServers(messages.GetServersRequest(start_server_id=-1), timeout=10), "start_server_id"),
        (lambda: channelz.GetTopChannels(messages.GetTopChannelsRequest(max_results=-1), timeout=10), "max_results"),
        (lambda: channelz.GetServerSockets(messages.GetServerSocketsRequest(server_id=1, start_socket_id=-1), timeout=10), "start_socket_id"),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            call()
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT and field in refused.value.details()


def test_a_channel_of_ours_its_state_its_calls_and_its_socket(api, start, connect, simulator, tmp_path):
    """The server's way to the collector of its traces; this one is away at first."""
    with socket.socket() as reserved:
        reserved.bind(("localhost", 0))
        port = reserved.getsockname()[1]
    tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{port}", "OTEL_BSP_SCHEDULE_DELAY": "50"}
    server = start(Server(tmp_path, simulator, **tracing))
    with grpc.insecure_channel(server.address) as opened:
        channelz = stubs.ChannelzStub(opened)

        def channel():
            answer = channelz.GetTopChannels(messages.GetTopChannelsRequest(), timeout=10)
            assert answer.end
            (only,) = answer.channel
            return only

        states = messages.ChannelConnectivityState
        away = wait_for(lambda: channel().data.calls_failed and channel(), 20, "a call has failed")
        assert away.data.target == f"localhost:{port}" and away.data.calls_succeeded == 0 and not away.socket_ref
        assert away.data.state.state in (states.TRANSIENT_FAILURE, states.CONNECTING, states.IDLE)
        collector = Collector(port=port)
        try:
            there = wait_for(lambda: channel().data.calls_succeeded and channel(), 40, "a call has succeeded")
            assert there.ref == away.ref and there.data.state.state == states.READY and there.data.calls_failed >= away.data.calls_failed
            assert abs(there.data.last_call_started_timestamp.ToSeconds() - time.time()) < 60
            assert channelz.GetChannel(messages.GetChannelRequest(channel_id=there.ref.channel_id), timeout=10).channel.data.target == away.data.target
            after = messages.GetTopChannelsRequest(start_channel_id=there.ref.channel_id + 1)
            assert channelz.GetTopChannels(after, timeout=10) == messages.GetTopChannelsResponse(end=True)
            (reference,) = there.socket_ref
            found = channelz.GetSocket(messages.GetSocketRequest(socket_id=reference.socket_id), timeout=10).socket
            assert found.ref == reference and found.remote.tcpip_address.port == port
            assert found.data.streams_started >= found.data.streams_succeeded >= 1 and found.data.streams_failed == 0
            assert found.data.messages_sent >= found.data.messages_received >= 1
            assert found.data.HasField("last_local_stream_created_timestamp")
            assert not found.data.HasField("last_remote_stream_created_timestamp")
            # The server's own sockets are others.
            server_id = channelz.GetServers(messages.GetServersRequest(), timeout=10).server[0].ref.server_id
            assert reference.socket_id not in sockets(channelz, server_id, 0)[0]
        finally:
            collector.stop()
