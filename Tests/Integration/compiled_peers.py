"""The peers of the interoperability tests that are compiled: grpc-go and grpc C++, with Debian's libraries, and grpc-swift from SwiftPM."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess

import interop_peers

PROTOS = interop_peers.ROOT / "Tests" / "Protos"
PROTO_FILES = ["grpc/testing/test.proto", "xds/data/orca/v3/orca_load_report.proto", "xds/service/orca/v3/orca.proto"]
SOURCES = pathlib.Path(__file__).resolve().parent / "peers"
# What is compiled once is kept as long as nothing that it was made of changes.
CACHE = interop_peers.ROOT / ".build" / "peers"


class Peer:
    """A program that serves and calls `grpc.testing.TestService`: see its `main`."""

    # The folder of its sources, and the Debian package that decides about the rest; none where the sources name it.
    name, package = "", None

    def __init__(self):
        digest = hashlib.sha256()
        sources = [path for path in (SOURCES / self.name).rglob("*") if path.is_file()]
        for path in sorted([*sources, *(PROTOS / name for name in PROTO_FILES)]):
            digest.update(path.read_bytes())
        if self.package:
            digest.update(subprocess.run(["dpkg-query", "--show", self.package], capture_output=True, check=True).stdout)
        self.folder = CACHE / f"{self.name}-{digest.hexdigest()[:16]}"
        self.program = self.folder / "peer"
        CACHE.mkdir(parents=True, exist_ok=True)
        # Several files of tests want the same peer, in processes of their own.
        with (CACHE / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.make()

    def make(self):
        if not self.program.exists():
            for old in CACHE.glob(f"{self.name}-????????????????"):
                shutil.rmtree(old)
            self.folder.mkdir(parents=True)
            self.compile()

    def compile(self):
        raise NotImplementedError

    def run(self, command, **options):
        done = subprocess.run(command, capture_output=True, text=True, **options)
        assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stderr[-4000:]}"

    @contextlib.contextmanager
    def server(self, identity=None):
        files = [identity.certificate, identity.key] if identity else []
        process = subprocess.Popen([self.program, "server", *files], stdout=subprocess.PIPE, text=True, env=interop_peers.ENVIRONMENT)
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()
            process.wait()

    def client(self, port, cases, identity=None):
        """The verdict of each case, over TLS with a server of this identity."""
        authority = [identity.authority] if identity else []
        return interop_peers.verdicts([self.program, "client", str(port), ",".join(cases), *authority], cases)


class GoPeer(Peer):
    name, package = "go", "golang-google-grpc-dev"

    def compile(self):
        package = self.folder / "src" / "peer"
        shutil.copytree(SOURCES / self.name, package)
        for file in PROTO_FILES:
            imports = "Mxds/data/orca/v3/orca_load_report.proto=peer/xds/data/orca/v3"
            self.run(["protoc", f"-I{PROTOS}", f"--go_out=plugins=grpc,{imports}:{package}", file])
        go = {
            "GOPATH": f"{self.folder}:/usr/share/gocode", "GO111MODULE": "off", "GOFLAGS": "", "GOCACHE": str(CACHE / "go-cache"),
            "CGO_ENABLED": "0",
        }
        self.run(["go", "build", "-o", self.program, "."], cwd=package, env={**os.environ, **go})


class CppPeer(Peer):
    name, package = "cpp", "libgrpc++-dev"

    def compile(self):
        self.run(["protoc", f"-I{PROTOS}", f"--cpp_out={self.folder}", f"--grpc_out={self.folder}",
                  f"--plugin=protoc-gen-grpc={shutil.which('grpc_cpp_plugin')}", *PROTO_FILES])
        messages = [self.folder / file.replace(".proto", ".pb.cc") for file in PROTO_FILES]
        libraries = ["-lgrpc++", "-lgrpc", "-lgpr", "-lprotobuf", "-labsl_synchronization"]
        sources = [SOURCES / self.name / "all.cpp", *messages]
        self.run(["g++", "-std=c++17", "-O0", f"-I{self.folder}", *sources, "-o", self.program, *libraries])


class SwiftPeer(Peer):
    """Its client has no TLS. The generator of its messages is a program of swift-protobuf, one of the packages that it is built on."""

    name = "swift"

    def compile(self):
        package = self.folder / "package"
        shutil.copytree(SOURCES / self.name, package)
        # Where the benchmarks build their peers, and as they do: the packages are the same, and take minutes.
        scratch = interop_peers.ROOT / "Benchmarks" / ".build" / "rpc" / "swift" / ".build"
        options = (interop_peers.ROOT / "scripts" / "release-options").read_text().split()
        build = ["swift", "build", "--package-path", package, "--scratch-path", scratch, *options]
        binaries = pathlib.Path(subprocess.run([*build, "--show-bin-path"], capture_output=True, text=True, check=True).stdout.strip())
        self.run([*build, "--product", "protoc-gen-swift"])
        self.run(["protoc", f"-I{PROTOS}", f"--plugin={binaries / 'protoc-gen-swift'}", f"--swift_out={package / 'Sources' / 'peer'}",
                  "--swift_opt=FileNaming=PathToUnderscores", *PROTO_FILES])
        self.run([*build, "--product", "peer"])
        shutil.copy(binaries / "peer", self.program)
