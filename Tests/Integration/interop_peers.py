"""Both ends of `grpc.testing.TestService`: our test programs, Debian's C-core in Ruby, grpcio, and servers that misbehave."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import typing
from concurrent import futures

import grpc
import h2.config
import h2.connection
import h2.events
import h2.settings
import hyperframe.frame
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("NOVITAI_BIN_DIR", ROOT / ".build" / "debug"))
# A program of a proxied environment would not find a server on loopback.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
# A case that takes longer has failed, and a client that takes longer for all of its cases, which other tests run beside.
CASE_SECONDS, CLIENT_SECONDS = 60, 150
# Of our client, which is a debug build: a call takes it a hundredth of a second.
CONCURRENT_CALLS = 100


class Identity(typing.NamedTuple):
    """What a server shows over TLS, and whom its clients trust: files in PEM."""

    certificate: str
    key: str
    authority: str
    # What the certificate says that the server is called; none where it names the address.
    name: str | None = None

    @property
    def server_options(self):
        return ["--certificate", self.certificate, "--key", self.key]

    @property
    def client_options(self):
        override = [f"--server_host_override={self.name}"] if self.name else []
        return ["--use_tls=true", f"--ca_file={self.authority}", *override]

    def server_credentials(self):
        return grpc.ssl_server_credentials([(pathlib.Path(self.key).read_bytes(), pathlib.Path(self.certificate).read_bytes())])


def open_channel(port, identity=None):
    """A channel of grpcio, over TLS to a server of this identity."""
    # Channels of one process share their connections otherwise.
    options = [("grpc.use_local_subchannel_pool", 1)]
    if not identity:
        return grpc.insecure_channel(f"127.0.0.1:{port}", options)
    if identity.name:
        options.append(("grpc.ssl_target_name_override", identity.name))
    credentials = grpc.ssl_channel_credentials(pathlib.Path(identity.authority).read_bytes())
    return grpc.secure_channel(f"127.0.0.1:{port}", credentials, options)


def ruby_folder():
    found = subprocess.run(["dpkg", "-L", "ruby-grpc"], capture_output=True, text=True, check=True).stdout.split("\n")
    return pathlib.Path(next(line for line in found if line.endswith("/pb/test/client.rb"))).parent


def ruby_identity(folder):
    """The one whose authority is the only one that Ruby's client can be told to trust, and that Ruby's server shows."""
    data = ruby_folder().parents[1] / "spec" / "testdata"
    # Debian installs the key readable by everybody, which no server of ours takes.
    key = folder / "server1.key"
    shutil.copy(data / "server1.key", key)
    key.chmod(0o600)
    return Identity(str(data / "server1.pem"), str(key), str(data / "ca.pem"), "foo.test.google.fr")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def our_server(*options):
    """Runs InteropServer and yields its port. It must drain and end in the regular way."""
    process = subprocess.Popen([str(BINARIES / "InteropServer"), *options], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    try:
        yield int(process.stdout.readline().rsplit(":", 1)[1])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def our_client(port, *cases, identity=None, concurrent_calls=CONCURRENT_CALLS):
    """Runs InteropClient; the verdict of each case."""
    options = [f"--server_port={port}", "--test_case=" + ",".join(cases), f"--concurrent_calls={concurrent_calls}"]
    return verdicts([str(BINARIES / "InteropClient"), *options, *(identity.client_options if identity else [])], cases)


def verdicts(command, cases):
    """Runs a client that prints `OK: CASE` or `FAILED: CASE: why` for each case."""
    process = subprocess.run(command, capture_output=True, text=True, timeout=CLIENT_SECONDS, env=ENVIRONMENT)
    found = {name: "no verdict: " + process.stderr[-500:] for name in cases}
    for line in process.stdout.splitlines():
        word, _, rest = line.partition(": ")
        name, _, why = rest.partition(": ")
        found[name] = "ok" if word == "OK" else why
    return found


def ruby_client(port, case, identity=None):
    security = ["--use_tls=true", "--use_test_ca=true", f"--server_host_override={identity.name}"] if identity else ["--use_tls=false"]
    return subprocess.run(
        ["ruby", str(ruby_folder() / "client.rb"), "--server_host=127.0.0.1", f"--server_port={port}", f"--test_case={case}", *security],
        capture_output=True, text=True, timeout=CASE_SECONDS, env=ENVIRONMENT)


@contextlib.contextmanager
def ruby_server(identity=None):
    """Debian's interoperability server, on loopback only: as it is it listens everywhere."""
    port = free_port()
    load = 'f = ARGV.shift; eval(File.read(f).sub("0.0.0.0", "127.0.0.1"), TOPLEVEL_BINDING, f)'
    security = ["--use_tls", "true"] if identity else []
    process = subprocess.Popen(
        ["ruby", "-e", load, str(ruby_folder() / "server.rb"), "--port", str(port), *security], env=ENVIRONMENT, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        with open_channel(port, identity) as channel:
            grpc.channel_ready_future(channel).result(30)
        yield port
    finally:
        process.kill()
        process.wait()


class Messages:
    """Python's own code for the test protos."""

    def __init__(self, folder):
        protos = ROOT / "Tests" / "Protos"
        # Mapped to a folder of another name: `grpc` is that of the library.
        status = protoc.main(
            ["protoc", f"-Iinterop={protos / 'grpc' / 'testing'}", f"--python_out={folder}", f"--grpc_python_out={folder}",
             "interop/test.proto"])
        assert status == 0, "protoc could not compile the test protos"
        status = protoc.main(
            ["protoc", f"-I{protos}", f"--python_out={folder}", f"--grpc_python_out={folder}", "xds/data/orca/v3/orca_load_report.proto",
             "xds/service/orca/v3/orca.proto"])
        assert status == 0, "protoc could not compile the load reports"
        sys.path.insert(0, str(folder))
        from interop import test_pb2, test_pb2_grpc
        from xds.data.orca.v3 import orca_load_report_pb2
        from xds.service.orca.v3 import orca_pb2, orca_pb2_grpc

        self.types, self.services, self.load = test_pb2, test_pb2_grpc, orca_load_report_pb2
        self.load_types, self.load_services = orca_pb2, orca_pb2_grpc

    def load_report(self, report):
        """What a server makes of a `TestOrcaReport`."""
        return self.load.OrcaLoadReport(
            cpu_utilization=report.cpu_utilization, mem_utilization=report.memory_utilization, request_cost=report.request_cost,
            utilization=report.utilization)


@contextlib.contextmanager
def grpcio_server(messages, identity=None):
    """A server of C-core 1.85, written for the cases of the tests."""
    types = messages.types

    def metadata(context):
        given = dict(context.invocation_metadata())
        if "x-grpc-test-echo-initial" in given:
            context.send_initial_metadata((("x-grpc-test-echo-initial", given["x-grpc-test-echo-initial"]),))
        if "x-grpc-test-echo-trailing-bin" in given:
            context.set_trailing_metadata((("x-grpc-test-echo-trailing-bin", given["x-grpc-test-echo-trailing-bin"]),))

    def check(status, context):
        if status.code:
            context.abort(next(code for code in grpc.StatusCode if code.value[0] == status.code), status.message)

    class Service(messages.services.TestServiceServicer):
        def EmptyCall(self, request, context):
            return types.Empty()

        def UnaryCall(self, request, context):
            metadata(context)
            check(request.response_status, context)
            if request.response_compressed.value:
                context.set_compression(grpc.Compression.Gzip)
            if request.HasField("orca_per_query_report"):
                load = messages.load_report(request.orca_per_query_report)
                context.set_trailing_metadata((("endpoint-load-metrics-bin", load.SerializeToString()),))
            return types.SimpleResponse(payload=types.Payload(body=bytes(request.response_size)), server_id="one")

        def StreamingOutputCall(self, request, context):
            context.set_compression(grpc.Compression.Gzip)
            yield from self.answer(request, context)

        def StreamingInputCall(self, requests, context):
            return types.StreamingInputCallResponse(aggregated_payload_size=sum(len(request.payload.body) for request in requests))

        def FullDuplexCall(self, requests, context):
            metadata(context)
            for request in requests:
                yield from self.answer(request, context)

        def answer(self, request, context):
            check(request.response_status, context)
            for parameters in request.response_parameters:
                if not parameters.compressed.value:
                    context.disable_next_message_compression()
                yield types.StreamingOutputCallResponse(payload=types.Payload(body=bytes(parameters.size)))

    server = grpc.server(futures.ThreadPoolExecutor(16))
    messages.services.add_TestServiceServicer_to_server(Service(), server)
    address = "127.0.0.1:0"
    port = server.add_secure_port(address, identity.server_credentials()) if identity else server.add_insecure_port(address)
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


class MisbehavingServer:
    """Does what the negative HTTP/2 cases ask for (grpc/grpc `doc/negative-http2-interop-test-descriptions.md`)."""

    BODY = bytes(314_159)

    def __init__(self, messages, case):
        response = messages.types.SimpleResponse(payload=messages.types.Payload(body=self.BODY)).SerializeToString()
        self.response = b"\0" + len(response).to_bytes(4, "big") + response
        self.case = case
        self.connections = 0
        self.calls = 0
        self.most_streams = 0
        self.pings_sent = 0
        self.pings_answered = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        if self.case == "max_streams":
            state.local_settings = h2.settings.Settings(
                client=False, initial_values={h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1})
        state.initiate_connection()
        connection.sendall(state.data_to_send())
        rests, open_streams = {}, set()
        with contextlib.suppress(OSError), connection:
            while data := connection.recv(65536):
                for event in state.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        open_streams.add(event.stream_id)
                        self.most_streams = max(self.most_streams, len(open_streams))
                    elif isinstance(event, h2.events.DataReceived):
                        state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, h2.events.PingAckReceived):
                        self.pings_answered += 1
                    elif isinstance(event, h2.events.StreamEnded):
                        self.calls += 1
                        rests[event.stream_id] = self.begin(state, event.stream_id)
                for stream in list(rests):
                    rests[stream] = self.send(state, stream, rests[stream])
                    if not rests[stream]:
                        del rests[stream]
                        open_streams.discard(stream)
                        self.end(state, connection, stream)
                connection.sendall(state.data_to_send())

    def begin(self, state, stream):
        """Sends the headers. Returns the bytes that are to follow."""
        self.ping(state)
        state.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        self.ping(state)
        return {"rst_after_header": b"", "rst_during_data": self.response[:20_000]}.get(self.case, self.response)

    def send(self, state, stream, rest):
        """Sends what the windows take. Returns what is left."""
        while rest and (room := min(state.local_flow_control_window(stream), state.max_outbound_frame_size)):
            state.send_data(stream, rest[:room])
            self.ping(state)
            rest = rest[room:]
        return rest

    def end(self, state, connection, stream):
        if self.case.startswith("rst_"):
            return state.reset_stream(stream, 0)
        state.send_headers(stream, [("grpc-status", "0")], end_stream=True)
        self.ping(state)
        if self.case == "goaway" and self.calls == 1:
            # Not by h2, for which the connection would be over at once.
            connection.sendall(state.data_to_send() + hyperframe.frame.GoAwayFrame(0, last_stream_id=stream).serialize())

    def ping(self, state):
        if self.case == "ping":
            state.ping(b"question")
            self.pings_sent += 1
