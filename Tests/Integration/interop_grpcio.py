"""gRPC's interoperability cases (grpc/grpc `doc/interop-test-descriptions.md`) with the client of grpcio, C-core 1.85."""

import contextlib
import os
import queue
import time

import grpc
import interop_peers
import pytest

# Bytes of the large calls.
REQUEST_SIZE, RESPONSE_SIZE = 271_828, 314_159
# A call that takes longer has failed; one of a soak has less time, and one of very many at once more.
CALL_SECONDS, SOAK_SECONDS, CONCURRENT_SECONDS = 20, 5, 60
SOAK_CALLS = 20
INITIAL = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
TRAILING = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")


@contextlib.contextmanager
def expect(code, details=None):
    """The call inside must end with this status."""
    with pytest.raises(grpc.RpcError) as error:
        yield
    assert error.value.code() == code and details in (None, error.value.details()), error.value


def expect_metadata(call):
    """What the server was asked to send back has come, in its place and once."""
    for given, (name, value) in [(call.initial_metadata(), INITIAL), (call.trailing_metadata(), TRAILING)]:
        assert [found for key, found in given if key == name] == [value], given


class GrpcioClient:
    """One channel; each case is a method of its name.

    Not here is `orca_per_rpc`: C-core keeps the trailer with the load to itself. Nor does grpcio say whether a response came compressed, so
    that of the cases in which the server compresses only the sizes are to be seen; test_interop has the flags as they are on the wire.
    """

    def __init__(self, messages, port, identity=None):
        self.messages, self.types, self.port, self.identity = messages, messages.types, port, identity
        self.channel = interop_peers.open_channel(port, identity)
        self.service = messages.services.TestServiceStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    # ---- messages, and calls of which there are many

    def zeros(self, size):
        return self.types.Payload(body=bytes(size))

    def flag(self, value):
        return self.types.BoolValue(value=value)

    def large(self, **fields):
        return self.types.SimpleRequest(response_size=RESPONSE_SIZE, payload=self.zeros(REQUEST_SIZE), **fields)

    def expect_large(self, response):
        assert response.payload == self.zeros(RESPONSE_SIZE), f"{len(response.payload.body)} bytes"

    def sized(self, size, *responses):
        return self.types.StreamingOutputCallRequest(
            payload=self.zeros(size), response_parameters=[self.types.ResponseParameters(size=response) for response in responses])

    @contextlib.contextmanager
    def duplex(self, **options):
        """Yields a function that sends a request, and the call; there are no more requests after that."""
        requests = queue.SimpleQueue()
        call = self.service.FullDuplexCall(iter(requests.get, None), **{"timeout": CALL_SECONDS, **options})
        try:
            yield requests.put, call
        finally:
            # Whatever has become of the call: a thread of grpcio waits for the next request.
            requests.put(None)

    def bounce(self, send, call, size, response_size):
        send(self.sized(size, response_size))
        assert next(call).payload == self.zeros(response_size)

    # ---- calls as they should be

    def empty_unary(self):
        assert self.service.EmptyCall(self.types.Empty(), timeout=CALL_SECONDS).ByteSize() == 0

    def large_unary(self, seconds=CALL_SECONDS):
        self.expect_large(self.service.UnaryCall(self.large(), timeout=seconds))

    def client_streaming(self):
        requests = [self.types.StreamingInputCallRequest(payload=self.zeros(size)) for size in (27182, 8, 1828, 45904)]
        assert self.service.StreamingInputCall(iter(requests), timeout=CALL_SECONDS).aggregated_payload_size == 74922

    def server_streaming(self):
        sizes = [31415, 9, 2653, 58979]
        responses = self.service.StreamingOutputCall(self.sized(0, *sizes), timeout=CALL_SECONDS)
        assert [response.payload for response in responses] == [self.zeros(size) for size in sizes]

    def ping_pong(self):
        with self.duplex() as (send, call):
            for size, response_size in [(27182, 31415), (8, 9), (1828, 2653), (45904, 58979)]:
                self.bounce(send, call, size, response_size)
        assert list(call) == []

    def empty_stream(self):
        assert list(self.service.FullDuplexCall(iter(()), timeout=CALL_SECONDS)) == []

    def pick_first_unary(self):
        request = self.types.SimpleRequest(fill_server_id=True)
        servers = {self.service.UnaryCall(request, timeout=CALL_SECONDS).server_id for _ in range(100)}
        assert len(servers) == 1 and "" not in servers

    # ---- who compresses what

    def client_compressed_unary(self):
        def call(expected, compression):
            request = self.large(expect_compressed=self.flag(expected))
            return self.service.UnaryCall(request, compression=compression, timeout=CALL_SECONDS)

        with expect(grpc.StatusCode.INVALID_ARGUMENT):
            call(True, grpc.Compression.NoCompression)
        self.expect_large(call(True, grpc.Compression.Gzip))
        self.expect_large(call(False, grpc.Compression.NoCompression))

    def client_compressed_streaming(self):
        """A call of grpcio has one coding, and no flag for the message that is to go as it is: its writes have none (`_EMPTY_FLAGS`).

        But C-core leaves a message alone that no coding makes shorter. So where the case wants zeros uncompressed these are random bytes:
        to the server that is all the same, one call with messages of either kind. (`future` would not do: it forgets the coding.)
        """
        def message(body, expected):
            return self.types.StreamingInputCallRequest(payload=self.types.Payload(body=body), expect_compressed=self.flag(expected))

        def total(*requests):
            call = self.service.StreamingInputCall(iter(requests), compression=grpc.Compression.Gzip, timeout=CALL_SECONDS)
            return call.aggregated_payload_size

        with expect(grpc.StatusCode.INVALID_ARGUMENT):
            total(message(os.urandom(27182), True))
        assert total(message(bytes(27182), True), message(os.urandom(45904), False)) == 73086

    def server_compressed_unary(self):
        for compressed in (True, False):
            request = self.large(response_compressed=self.flag(compressed))
            self.expect_large(self.service.UnaryCall(request, timeout=CALL_SECONDS))

    def server_compressed_streaming(self):
        wanted = [(31415, True), (92653, False)]
        request = self.sized(0, *(size for size, _ in wanted))
        for parameters, (_, compressed) in zip(request.response_parameters, wanted):
            parameters.compressed.value = compressed
        responses = self.service.StreamingOutputCall(request, timeout=CALL_SECONDS)
        assert [response.payload for response in responses] == [self.zeros(size) for size, _ in wanted]

    # ---- statuses, metadata, and calls that do not come to their end

    def custom_metadata(self):
        response, unary = self.service.UnaryCall.with_call(self.large(), metadata=(INITIAL, TRAILING), timeout=CALL_SECONDS)
        self.expect_large(response)
        expect_metadata(unary)
        with self.duplex(metadata=(INITIAL, TRAILING)) as (send, duplex):
            self.bounce(send, duplex, REQUEST_SIZE, RESPONSE_SIZE)
        assert list(duplex) == []
        expect_metadata(duplex)

    def expect_echoed_status(self, text):
        status = self.types.EchoStatus(code=2, message=text)
        with expect(grpc.StatusCode.UNKNOWN, text):
            self.service.UnaryCall(self.types.SimpleRequest(response_status=status), timeout=CALL_SECONDS)
        return status

    def status_code_and_message(self):
        text = "test status message"
        request = self.types.StreamingOutputCallRequest(response_status=self.expect_echoed_status(text))
        with expect(grpc.StatusCode.UNKNOWN, text):
            next(self.service.FullDuplexCall(iter([request]), timeout=CALL_SECONDS))

    def special_status_message(self):
        self.expect_echoed_status("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n")

    def expect_unimplemented(self, path):
        call = self.channel.unary_unary(
            path, request_serializer=self.types.Empty.SerializeToString, response_deserializer=self.types.Empty.FromString)
        with expect(grpc.StatusCode.UNIMPLEMENTED):
            call(self.types.Empty(), timeout=CALL_SECONDS)

    def unimplemented_method(self):
        self.expect_unimplemented("/grpc.testing.TestService/UnimplementedCall")

    def unimplemented_service(self):
        self.expect_unimplemented("/grpc.testing.UnimplementedService/UnimplementedCall")

    def cancel_after_begin(self):
        requests = queue.SimpleQueue()
        call = self.service.StreamingInputCall.future(iter(requests.get, None), timeout=CALL_SECONDS)
        call.cancel()
        requests.put(None)
        assert call.cancelled() and call.code() == grpc.StatusCode.CANCELLED

    def cancel_after_first_response(self):
        with self.duplex() as (send, call):
            self.bounce(send, call, 27182, 31415)
            call.cancel()
        with expect(grpc.StatusCode.CANCELLED):
            next(call)

    def timeout_on_sleeping_server(self):
        # Else the time would be over before there is a connection, and the server would hear nothing of the call.
        grpc.channel_ready_future(self.channel).result(CALL_SECONDS)
        with self.duplex(timeout=0.001) as (send, call):
            send(self.sized(27182))
            with expect(grpc.StatusCode.DEADLINE_EXCEEDED):
                next(call)

    # ---- what servers say of their load, and many calls

    def orca_oob(self):
        loads = self.messages.load_services.OpenRcaServiceStub(self.channel)
        reports = loads.StreamCoreMetrics(self.messages.load_types.OrcaLoadReportRequest(), timeout=CALL_SECONDS)
        with self.duplex() as (send, call):
            for cpu, memory, utilization in [(0.8210, 0.5847, 0.30499), (0.29309, 0.2, 0.2039)]:
                request = self.sized(0, 1)
                request.orca_oob_report.MergeFrom(self.types.TestOrcaReport(
                    cpu_utilization=cpu, memory_utilization=memory, utilization={"util": utilization}))
                send(request)
                assert next(call).payload == self.zeros(1)
                # Reads up to it: the report that was on its way before may come first.
                assert self.messages.load_report(request.orca_oob_report) in reports
        reports.cancel()
        assert list(call) == []

    def rpc_soak(self):
        for _ in range(SOAK_CALLS):
            self.large_unary(SOAK_SECONDS)

    def channel_soak(self):
        for _ in range(SOAK_CALLS):
            with GrpcioClient(self.messages, self.port, self.identity) as other:
                other.large_unary(SOAK_SECONDS)

    def long_lived_channel(self, pauses=2, seconds=1.5):
        for _ in range(pauses):
            self.large_unary()
            time.sleep(seconds)
        self.large_unary()

    def concurrent_large_unary(self, count=1000):
        request = self.large()
        calls = [self.service.UnaryCall.future(request, timeout=CONCURRENT_SECONDS) for _ in range(count)]
        for call in calls:
            self.expect_large(call.result())
