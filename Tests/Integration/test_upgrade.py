"""One server takes over from another, under load: no call fails, none waits long, and no watcher misses a change."""

import base64
import copy
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

import grpc
import pytest
from conftest import AS_USERS, BINARIES, START_SECONDS, Program, Server, spec, wait_for

# Calls a second, from this many clients with a connection each.
RATE, CLIENTS = 500, 5
# A call that takes longer was not held back by the hand-over but by something else, and would not be called a pause.
SLOWEST_SECONDS = 5


class Load:
    """Calls at a steady rate, some of which change something; each answer's status and time are kept."""

    def __init__(self, api, connect, program, instance):
        self.api, self.instance = api, instance
        self.failed, self.times, self.made = [], [], []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(connect(program, *AS_USERS), number)) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self, client, number):
        begun, calls = time.monotonic(), 0
        while not self.over.is_set():
            due = begun + calls * CLIENTS / RATE
            if due > time.monotonic():
                self.over.wait(due - time.monotonic())
            calls += 1
            at = time.monotonic()
            try:
                self.call(client, number, calls)
            except grpc.RpcError as error:
                self.failed.append((at, error.code(), error.details()))
            self.times.append(time.monotonic() - at)

    def call(self, client, number, calls):
        if calls % 100 == 1:
            name = f"load-{number}-{calls}"
            client.instances.CreateInstance(
                self.api.instance.CreateInstanceRequest(spec=spec(self.api), name=name, request_id=name), timeout=20)
            self.made.append(name)
        elif calls % 10 == 0:
            client.instances.ListInstances(self.api.instance.ListInstancesRequest(page_size=10), timeout=20)
        else:
            client.instances.GetInstance(self.api.instance.GetInstanceRequest(id=self.instance), timeout=20)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(30)


class Watcher:
    """Follows every change, and goes on after its token when the server sends it away."""

    def __init__(self, api, client, token=None):
        self.api, self.client, self.token = api, client, token
        self.revisions, self.resumed, self.errors = [], 0, []
        self.over = threading.Event()
        self.call = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over.is_set():
            request = self.api.instance.WatchInstancesRequest(resume_token=self.token, every_change=True)
            self.call = self.client.instances.WatchInstances(request)
            try:
                for response in self.call:
                    if self.token is not None:
                        self.revisions += [event.revision for event in response.events]
                    if response.HasField("resume_token"):
                        self.token = response.resume_token
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.UNAVAILABLE:
                    self.resumed += 1
                elif not self.over.is_set():
                    self.errors.append((error.code(), error.details()))
                    return

    def stop(self):
        self.over.set()
        self.call.cancel()
        self.thread.join(30)


class Under:
    """A load and two watchers on a server, from before its successors come until after."""

    def __init__(self, api, connect, program):
        client = connect(program)
        self.api, self.client = api, client
        first = client.instances.CreateInstance(api.instance.CreateInstanceRequest(spec=spec(api), name="first", request_id="first"))
        self.watchers = [Watcher(api, connect(program, *AS_USERS)) for _ in range(2)]
        wait_for(lambda: all(watcher.token for watcher in self.watchers), 30, "the snapshots")
        self.begin = copy.deepcopy(self.watchers[0].token)
        self.load = Load(api, connect, program, first.instance.id)

    def calls(self):
        return len(self.load.times)

    def more(self, count):
        before = self.calls()
        wait_for(lambda: self.calls() >= before + count, 60, f"{count} more calls")

    def judge(self, handovers):
        self.load.stop()
        last = self.client.instances.ListInstances(self.api.instance.ListInstancesRequest(page_size=1000)).instances
        assert not self.load.failed, self.load.failed[:5]
        assert max(self.load.times) < SLOWEST_SECONDS, f"{max(self.load.times):.2f} s"
        # Every accepted create is there, once.
        assert sorted(i.name for i in last if i.name.startswith("load-")) == sorted(self.load.made) and self.load.made
        # What the log has, told by a watcher that was not sent away.
        newest = max(i.revision for i in last)
        whole = Watcher(self.api, self.client, self.begin)
        everybody = [whole, *self.watchers]
        wait_for(lambda: all(w.revisions and w.revisions[-1] >= newest for w in everybody), 30, "the watchers have seen all")
        for watcher in everybody:
            watcher.stop()
        # What came after the last look is not compared.
        seen = [[revision for revision in w.revisions if self.begin.revision < revision <= newest] for w in everybody]
        assert seen[1] == seen[0] and seen[2] == seen[0] and len(set(seen[0])) == len(seen[0])
        assert all(w.resumed == handovers and not w.errors for w in self.watchers), [(w.resumed, w.errors) for w in self.watchers]
        times = sorted(self.load.times)
        print(f"{len(times)} calls, median {times[len(times) // 2] * 1000:.1f} ms, longest {times[-1] * 1000:.0f} ms")


# Creates that the load makes are wishes for machines.
PLENTY = {"MAX_INSTANCES": "1000", "MAX_HOURLY_SPEND": "1000"}


def successor(before, number, binaries=BINARIES, **environment):
    """The next server on the same database, told to take over."""
    after = copy.copy(before)
    after.process, after.port = None, None
    after.port_file, after.log_file = before.folder / f"novitaid-{number}.port", before.folder / f"novitaid-{number}.log"
    after.environment = {**before.environment, **environment}
    after.arguments = [str(binaries / "novitaid"), "--take-over", "--port-file", str(after.port_file)]
    return after


@pytest.mark.timeout(300)
def test_a_server_takes_over_without_a_failed_call_and_the_one_before_takes_over_again(start, simulator, tmp_path, api, connect):
    before = start(Server(tmp_path, simulator, **PLENTY))
    under = Under(api, connect, before)
    under.more(RATE)
    # A build of the release before, where there is one; else the same again.
    previous = pathlib.Path(os.environ.get("NOVITAI_PREVIOUS_BIN_DIR", BINARIES))
    for number, binaries in enumerate([BINARIES, previous]):
        after = start(successor(before, number, binaries))
        assert after.port == before.port
        assert before.process.wait(START_SECONDS) == 0, before.log()[-2000:]
        assert "handing over" in before.log()
        under.more(RATE)
        before = after
    under.judge(handovers=2)


class Passed(Program):
    """A server with a socket that somebody else holds, as systemd does for a socket unit: descriptor 3, LISTEN_FDS and LISTEN_PID."""

    def __init__(self, before, number, listener):
        self.__dict__.update(successor(before, number).__dict__)
        self.arguments.remove("--take-over")
        self.listener = listener

    def start(self):
        self.port_file.unlink(missing_ok=True)
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", f'exec 3<&{self.listener.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "bash", *self.arguments],
                env=self.environment, cwd=self.folder, stdout=log, stderr=log, pass_fds=[self.listener.fileno()])
        self.port = wait_for(self._read_port, START_SECONDS, "novitaid writes its port")
        return self


@pytest.mark.timeout(300)
def test_a_restart_with_a_socket_that_systemd_holds_fails_no_call(start, simulator, tmp_path, api, connect):
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        base = Server(tmp_path, simulator, **PLENTY)
        base.environment["RPC_LISTEN"] = address
        before = start(Passed(base, 0, listener))
        assert before.address == address
        under = Under(api, connect, before)
        under.more(RATE)
        for number in (1, 2):
            assert before.stop() == 0, before.log()[-2000:]
            before = start(Passed(base, number, listener))
            under.more(RATE)
        under.judge(handovers=2)


def test_systemd_itself_passes_the_socket(tmp_path, simulator, api):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    base = Server(tmp_path, simulator)
    with open(base.log_file, "wb") as log:
        process = subprocess.Popen(
            ["systemd-socket-activate", "--listen", address, *[f"--setenv={name}={value}" for name, value in {**base.environment, "RPC_LISTEN": address}.items()],
             str(BINARIES / "novitaid")], cwd=tmp_path, stdout=log, stderr=log)
    try:
        wait_for(lambda: "Listening on" in base.log(), 10, "the socket")
        client = api.connect(address)
        assert client.admin.GetServerInfo(api.admin.GetServerInfoRequest(), timeout=30, wait_for_ready=True).deployment_id
        client.close()
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0, base.log()[-2000:]


def test_a_successor_that_is_wrong_leaves_the_server_as_it_was(server, client, api):
    deployment = client.admin.GetServerInfo(api.admin.GetServerInfoRequest()).deployment_id

    def refused(**environment):
        after = successor(server, 9, **environment)
        return subprocess.run(after.arguments, env=after.environment, cwd=after.folder, capture_output=True, text=True, timeout=60)

    assert refused(MAX_INSTANCES="many").returncode == 78
    elsewhere = refused(RPC_LISTEN="127.0.0.1:1")
    assert elsewhere.returncode == 78 and "RPC_LISTEN" in elsewhere.stderr
    neighbour = refused(RPC_LISTEN=f"127.0.0.2:{server.port}")
    assert neighbour.returncode == 78 and "RPC_LISTEN" in neighbour.stderr
    # It would find out only when nobody serves any more.
    without_key = refused(SECRETS_KEY=base64.b64encode(os.urandom(32)).decode())
    assert without_key.returncode == 78 and "SECRETS_KEY" in without_key.stderr, without_key.stderr
    # Not told to take over.
    after = successor(server, 9)
    after.arguments.remove("--take-over")
    assert subprocess.run(after.arguments, env=after.environment, cwd=after.folder, capture_output=True, timeout=60).returncode == 75
    assert server.process.poll() is None and "handing over" not in server.log()
    assert client.admin.GetServerInfo(api.admin.GetServerInfoRequest()).deployment_id == deployment


def test_a_successor_waits_for_no_word_that_does_not_come(simulator, tmp_path):
    after = successor(Server(tmp_path, simulator), 1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "novitai.db.handover"))
        silent.listen(1)
        ended = subprocess.run(after.arguments, env=after.environment, cwd=after.folder, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 75 and "cannot take over" in ended.stderr, ended.stderr


def test_to_take_over_from_nobody_is_to_start(start, simulator, tmp_path):
    first = start(successor(Server(tmp_path, simulator), 1))
    assert first.stop() == 0
    again = start(successor(first, 2))
    assert again.stop() == 0


def test_who_is_told_to_end_refuses_connections_while_it_drains(client, server):
    """The socket that is kept for a successor must not make callers of a server that ends wait for nobody."""
    hold = threading.Event()

    def requests():
        yield b"\x3a\x00"  # list_services
        hold.wait()

    # A call that goes on by itself.
    stream = client.channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")(requests())
    assert next(stream)
    server.send(signal.SIGTERM)

    def refused():
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
        except ConnectionRefusedError:
            return True

    wait_for(refused, 10, "refused")
    assert server.process.poll() is None
    hold.set()
    stream.cancel()
    assert server.process.wait(30) == 0
