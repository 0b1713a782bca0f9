"""Proof, before anything is measured, that a contestant does the work: the right answer, the token, the deadline."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import grpc

from .processes import Failure, Server
from .protocol import channel

if TYPE_CHECKING:
    from .contestants import Fixture
    from .load import Request

# A call without load takes microseconds; this allows for a first call and a busy machine.
CALL_SECONDS = 10
# What may differ between two answers about one instance, since novitaid asks the provider anew whenever it starts.
CHANGING_FIELDS = ("revision", "update_time")
# A deadline that has passed when the call arrives. C-core rounds what is above zero up to a millisecond; grpc-go reads zero as none.
PASSED_DEADLINES = ("0n", "1n")


def verify_grpc(server: Server, fixture: Fixture) -> int:
    """Returns the bytes of an answer's body, with the five-byte prefix of gRPC."""
    method = "/novitai.v1.InstanceService/GetInstance"
    right = {"authorization": f"Bearer {fixture.token}"}
    known = fixture.encoded_request()
    with channel(server.address, fixture.root) as connection:
        # Bytes in, bytes out: the length that was on the wire is wanted.
        call = connection.unary_unary(method)

        def answer(body: bytes, metadata: dict[str, str]) -> bytes:
            return call(body, metadata=tuple(metadata.items()), timeout=CALL_SECONDS, wait_for_ready=True)

        def expect(code: grpc.StatusCode, body: bytes, metadata: dict[str, str]) -> None:
            try:
                answer(body, metadata)
            except grpc.RpcError as error:
                if error.code() is not code:
                    raise Failure(f"expected {code}, got {error.code()}: {error.details()}") from error
            else:
                raise Failure(f"expected {code}, got an answer")

        reply = answer(known, right)
        _compare(reply, fixture)
        expect(grpc.StatusCode.UNAUTHENTICATED, known, {})
        expect(grpc.StatusCode.UNAUTHENTICATED, known, {"authorization": f"Bearer {fixture.token}x"})
        expect(grpc.StatusCode.NOT_FOUND, fixture.encoded_request("absent"), right)
    if not any(_status(server, fixture.grpc_request(), timeout) == 4 for timeout in PASSED_DEADLINES):
        raise Failure("a call whose deadline has passed does not end with DEADLINE_EXCEEDED")
    return 5 + len(reply)


def verify_file(server: Server, request: Request, content: bytes) -> int:
    """Returns the bytes of an answer's body."""
    result = subprocess.run(
        ["nghttp", f"--data={request.body}", f"{server.scheme}://{server.address}{request.path}"], capture_output=True, check=False
    )
    if result.stdout != content:
        raise Failure(f"nghttpd answered {len(result.stdout)} bytes instead of {len(content)}")
    return len(content)


def _compare(reply: bytes, fixture: Fixture) -> None:
    answered, expected = fixture.protocol.instance.Instance.FromString(reply), fixture.protocol.instance.Instance()
    expected.CopyFrom(fixture.instance)
    for instance in (answered, expected):
        for name in CHANGING_FIELDS:
            instance.ClearField(name)
        instance.upstream.ClearField("observed_at")
    if answered != expected:
        raise Failure(f"answers\n{answered}\ninstead of\n{expected}")


def _status(server: Server, request: Request, timeout: str) -> int:
    """The grpc-status of a call with this grpc-timeout, which grpcio would not send: it ends such a call by itself."""
    fields = [f"--header={name}: {value}" for name, value in {**request.fields, "grpc-timeout": timeout}.items()]
    url = f"{server.scheme}://{server.address}{request.path}"
    command = ["nghttp", "--verbose", "--null-out", f"--data={request.body}", *fields, url]
    output = subprocess.run(command, capture_output=True, text=True, timeout=CALL_SECONDS, check=False).stdout
    for line in output.splitlines():
        if "recv" in line and "grpc-status: " in line:
            return int(line.rpartition(" ")[2])
    raise Failure(f"no grpc-status in the answer:\n{output}")
