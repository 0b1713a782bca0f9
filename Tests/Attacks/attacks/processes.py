"""What the processes of a run have in common: they end with the one that started them, and they are measured."""

import contextlib
import ctypes
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys

PACKAGE_FOLDER = pathlib.Path(__file__).resolve().parents[1]
# Files that one process may have open: ten thousand connections and what else there is.
FILES = 20_000


def end_with_parent():
    """The kernel ends this process when its parent dies in a way that leaves no time to."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def exit_on_signals():
    """Makes SIGTERM and SIGHUP unwind this program as Ctrl-C does, so that all that it has started is ended."""

    def leave(number, _):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    # A shell that starts it in the background has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def trusting(certificate):
    """TLS as a client of the server with that certificate; None without one."""
    if not certificate:
        return None
    context = ssl.create_default_context(cafile=certificate)
    context.set_alpn_protocols(["h2"])
    return context


def resident_bytes(pid):
    """Memory of the process that is in the machine now."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def processor_seconds(pid):
    """That the process has used so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Child:
    """A module of this package as a process that prints one JSON object. In a session of its own: Ctrl-C reaches the caller alone."""

    def __init__(self, module, *arguments):
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE_FOLDER), "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"attacks.{module}", *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True,
        )  # fmt: skip

    @property
    def is_running(self):
        return self.process.poll() is None

    def result(self, seconds):
        output, errors = self.process.communicate(timeout=seconds)
        if self.process.returncode != 0:
            raise RuntimeError(f"{' '.join(self.process.args[2:4])} ended with {self.process.returncode}: {errors[-1500:]}")
        return json.loads(output)

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def running(module, *arguments):
    child = Child(module, *arguments)
    try:
        yield child
    finally:
        if child.is_running:
            child.kill()
