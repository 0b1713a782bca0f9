"""The production image, run as an orchestrator runs it: as 1001:1001, with a read-only root and no privileges.

scripts/build-image mounts the images and names the folders by NOVITAI_IMAGE and NOVITAI_SIMULATOR_IMAGE."""

import contextlib
import os
import pathlib
import shlex
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

IMAGE = pathlib.Path(os.environ["NOVITAI_IMAGE"])
SIMULATOR_IMAGE = pathlib.Path(os.environ["NOVITAI_SIMULATOR_IMAGE"])
STATE = "/var/lib/novitai"
USER = 1001
START_SECONDS = 30

# A container in a few lines: its own mounts, the image read-only at its root, a /proc, the kernel's random numbers, a writable state
# folder and temporary folders that nothing can be executed from; then no privilege is left.
CONTAINER = """
set -eu
mount --make-rprivate /
mount --bind {image} {root}
mount --bind {state} {root}{state_in_image}
mount -t tmpfs -o noexec,nosuid,size=100m tmpfs {root}/tmp
mount -t tmpfs -o nosuid,mode=755 tmpfs {root}/dev
for device in null zero urandom random; do touch {root}/dev/$device; mount --bind /dev/$device {root}/dev/$device; done
mount -t proc proc {root}/proc
mount -o remount,bind,ro {root}
exec chroot {root} /usr/bin/setpriv --reuid {user} --regid {user} --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \\
    /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin HOME={state_in_image} {variables} {command}
"""


class Container:
    def __init__(self, image, state, root, command, **variables):
        self.state = state
        self.log_file = state.parent / f"{state.name}.{pathlib.Path(command[0]).name}.log"
        self.script = CONTAINER.format(
            image=image, root=root, state=state, state_in_image=STATE, user=USER,
            variables=" ".join(shlex.quote(f"{name}={value}") for name, value in variables.items()), command=shlex.join(command),
        )
        self.process = None

    def run(self):
        return subprocess.run(["unshare", "--mount", "sh", "-c", self.script], capture_output=True, text=True, timeout=120)

    def start(self, port_file):
        """The process keeps its id from unshare to the program, so that a signal reaches the program itself."""
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(["unshare", "--mount", "sh", "-c", self.script], stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        path = self.state / port_file
        while True:
            with contextlib.suppress(FileNotFoundError, ValueError):
                self.port = int(path.read_text())
                return self
            assert self.process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.01)

    def log(self):
        return self.log_file.read_text(errors="replace")

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            return self.process.wait(60)
        return None


@pytest.fixture
def containers(tmp_path):
    """Makes containers; each sees the same state folder, as the services of one pod or one compose project may."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    os.chown(state, USER, USER)
    # The state is reached through folders that only root may enter.
    os.chmod(tmp_path, 0o755)
    made = []

    def make(command, image=IMAGE, **variables):
        root = tmp_path / f"root{len(made)}"
        root.mkdir()
        made.append(Container(image, state, root, command, **variables))
        return made[-1]

    yield make
    for container in reversed(made):
        container.end()


@pytest.fixture
def simulator(containers):
    command = ["/usr/local/bin/novita-sim", "--listen", "127.0.0.1:0", "--speed", "60", "--port-file", f"{STATE}/simulator.port"]
    return containers(command, image=SIMULATOR_IMAGE).start("simulator.port")


@pytest.fixture
def server(containers, simulator):
    return containers(
        ["/usr/local/bin/novitaid", "--port-file", f"{STATE}/server.port"], DATABASE_URL=f"sqlite:{STATE}/novitai.db", RPC_LISTEN="127.0.0.1:0",
        NOVITA_API_BASE_URL=f"http://127.0.0.1:{simulator.port}", INSTANCE_POLL_INTERVAL="1",
    ).start("server.port")


@pytest.fixture
def sidecar(containers, server):
    return containers(
        ["/usr/local/bin/novitai-sidecar", "--port-file", f"{STATE}/sidecar.port"], SIDECAR_LISTEN="127.0.0.1:0",
        NOVITAI_TARGET=f"127.0.0.1:{server.port}",
    ).start("sidecar.port")


def get(program, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{program.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def eventually(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
