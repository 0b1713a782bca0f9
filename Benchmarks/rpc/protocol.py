"""The messages and calls of the public protocol, from the .proto files by grpcio-tools."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import grpc
from grpc_tools import protoc

from .processes import Failure

FILES = ("types", "job", "instance", "catalog")


class Protocol:
    """The generated modules, by the name of their file: `protocol.instance.GetInstanceRequest`."""

    def __init__(self, sources: Path, output: Path) -> None:
        output.mkdir(parents=True, exist_ok=True)
        files = [f"novitai/v1/{name}.proto" for name in FILES]
        well_known = Path(importlib.import_module("grpc_tools").__file__).parent / "_proto"
        arguments = ["protoc", f"-I{sources}", f"-I{well_known}", f"--python_out={output}", f"--grpc_python_out={output}", *files]
        if protoc.main(arguments) != 0:
            raise Failure("the .proto files do not compile")
        sys.path.insert(0, str(output))
        self.instance = _module("instance_pb2")
        self.catalog = _module("catalog_pb2")
        self.instance_service = _module("instance_pb2_grpc")
        self.catalog_service = _module("catalog_pb2_grpc")


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"novitai.v1.{name}")


def channel(address: str) -> grpc.Channel:
    return grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
