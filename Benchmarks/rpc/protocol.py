"""The messages and calls of the public protocol, from the .proto files by grpcio-tools."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

import grpc
from grpc_tools import protoc

from .processes import Failure

FILES = ("types", "job", "instance", "catalog")


class Protocol:
    """The generated modules, by the name of their file: `protocol.instance.GetInstanceRequest`."""

    def __init__(self, sources: Path, output: Path) -> None:
        _generate(sources, output, [f"novitai/v1/{name}.proto" for name in FILES])
        self.instance = importlib.import_module("novitai.v1.instance_pb2")
        self.catalog = importlib.import_module("novitai.v1.catalog_pb2")
        self.instance_service = importlib.import_module("novitai.v1.instance_pb2_grpc")
        self.catalog_service = importlib.import_module("novitai.v1.catalog_pb2_grpc")


class InteropProtocol:
    """The messages and calls of `grpc.testing.TestService`. Its package is grpcio's own name, so it is loaded from its file."""

    def __init__(self, sources: Path, output: Path) -> None:
        _generate(sources, output, ["grpc/testing/test.proto"])
        specification = importlib.util.spec_from_file_location("interop_test_pb2", output / "grpc" / "testing" / "test_pb2.py")
        self.messages = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(self.messages)


def _generate(sources: Path, output: Path, files: list[str]) -> None:
    output.mkdir(parents=True, exist_ok=True)
    well_known = Path(importlib.import_module("grpc_tools").__file__).parent / "_proto"
    arguments = ["protoc", f"-I{sources}", f"-I{well_known}", f"--python_out={output}", f"--grpc_python_out={output}", *files]
    if protoc.main(arguments) != 0:
        raise Failure("the .proto files do not compile")
    sys.path.insert(0, str(output))


def channel(address: str, certificate: Path | None = None) -> grpc.Channel:
    """`certificate`, where there is one, is the one that the server must show."""
    options = [("grpc.enable_http_proxy", 0)]
    if certificate is None:
        return grpc.insecure_channel(address, options=options)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(certificate.read_bytes()), options=options)
