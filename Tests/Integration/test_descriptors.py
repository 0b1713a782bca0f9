"""A server that has few descriptors waits for one, instead of failing or spinning."""

import resource
import signal
import socket
import subprocess
import time

import grpc
import interop_peers as peers
import pytest

LIMIT = 64
# Of one core, while everybody waits. A server that spins takes all of it.
BUSY_SHARE_MAX = 0.5


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def limited(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def start(soft, hard):
    process = subprocess.Popen(
        [str(peers.BINARIES / "InteropServer")], stdout=subprocess.PIPE, text=True, env=peers.ENVIRONMENT, preexec_fn=limited(soft, hard))
    return process, int(process.stdout.readline().rsplit(":", 1)[1])


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.wait(20)


def call(port, seconds):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        channel.unary_unary("/grpc.testing.TestService/EmptyCall")(b"", timeout=seconds, wait_for_ready=True)


@pytest.mark.parametrize("is_known", [True, False], ids=["known from the start", "lowered while it runs"])
def test_more_connections_than_descriptors_wait_without_work(is_known):
    """What is known bounds the connections; otherwise accepting fails, and is tried again from time to time."""
    process, port = start(*(LIMIT, LIMIT) if is_known else (4096, 4096))
    try:
        if not is_known:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(2 * LIMIT)]
        before, begun = processor_seconds(process.pid), time.monotonic()
        time.sleep(1)
        assert processor_seconds(process.pid) - before < BUSY_SHARE_MAX * (time.monotonic() - begun)
        for connection in crowd:
            connection.close()
        call(port, 20)
    finally:
        stop(process)


def test_the_soft_limit_is_raised():
    process, port = start(LIMIT, 4096)
    try:
        call(port, 20)
        with open(f"/proc/{process.pid}/limits") as file:
            line = next(line for line in file if line.startswith("Max open files"))
        assert line.split()[3:5] == ["4096", "4096"]
    finally:
        stop(process)
