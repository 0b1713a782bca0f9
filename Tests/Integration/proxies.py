"""The proxies of Debian that speak gRPC, each with the configuration that docs/proxies.md recommends: it is read from there."""

import contextlib
import pathlib
import re
import subprocess
import time

import grpc
import interop_peers

DOCUMENT = interop_peers.ROOT / "docs" / "proxies.md"
NAMES = ["nginx", "haproxy", "nghttpx"]


def configuration(name):
    """The block of the document that is marked with this name."""
    found = re.search(rf"^```{name}\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"docs/proxies.md has no configuration of {name}"
    return found[1]


def command(name, folder, listen, server):
    """The command that runs the proxy of this name between two ports on loopback, as nobody special and in the foreground."""
    text = configuration(name).replace("50051", str(server)).replace("8443", str(listen))
    file = folder / f"{name}.conf"
    if name == "nginx":
        # What a distribution's main file has around the block of a server.
        paths = "".join(f"{kind}_temp_path {folder};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        text = f"daemon off;\npid {folder}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{text}}}\n"
    file.write_text(text)
    return {
        "nginx": ["/usr/sbin/nginx", "-e", "stderr", "-p", folder, "-c", file],
        "haproxy": ["/usr/sbin/haproxy", "-db", "-f", file],
        "nghttpx": ["/usr/sbin/nghttpx", f"--conf={file}"],
    }[name]


@contextlib.contextmanager
def running(name, folder, server):
    """Runs a proxy in front of a server's port, and yields the proxy's."""
    listen = interop_peers.free_port()
    log = pathlib.Path(folder) / f"{name}.log"
    with log.open("w") as output:
        process = subprocess.Popen(command(name, folder, listen, server), stdout=output, stderr=output, env=interop_peers.ENVIRONMENT)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{listen}") as channel:
            with contextlib.suppress(grpc.FutureTimeoutError):
                grpc.channel_ready_future(channel).result(20)
        assert process.poll() is None, log.read_text()
        yield listen
    finally:
        process.terminate()
        process.wait(10)
