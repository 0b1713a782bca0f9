"""Server processes: started on one core, measured, and ended whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

# A server that has not opened its port by then has failed.
START_SECONDS = 30
# A server that has not ended by then, once asked to, is killed.
STOP_SECONDS = 10
# Where the program's own path stands in a command that `pinned` made.
PROGRAM = 6


class Failure(Exception):
    """The benchmark cannot go on; the text says why."""


class Server:
    """A running server process, and what the kernel knows about it."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, scheme: str) -> None:
        self.process = process
        self.port = port
        self.scheme = scheme

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """Processor time of all its threads, ended ones too, in nanosecond steps: the clock of clock_getcpuclockid(3)."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def memory(self) -> int:
        """Resident bytes now."""
        return self._status("VmRSS")

    def peak_memory(self) -> int:
        """Most resident bytes since the start."""
        return self._status("VmHWM")

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise Failure(f"process {self.process.pid} has no {name}")


def pinned(command: Sequence[object], core: int) -> list[str]:
    """`command` on processor `core`; the kernel ends it when this program dies in a way that leaves no time to."""
    return ["setpriv", "--pdeathsig", "KILL", "taskset", "--cpu-list", str(core), *map(str, command)]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    port: int,
    core: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
    scheme: str = "http",
) -> Iterator[Server]:
    """Runs `command`, which is to listen on `port`, on processor `core` until the block is left.

    It is in a session of its own, so that Ctrl-C reaches this program only, which then ends it in order.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            pinned(command, core),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    try:
        _wait_until_listening(process, port, log)
        yield Server(process, port, scheme)
    finally:
        _stop(process)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise Failure(f"{process.args[PROGRAM]} ended with status {process.returncode}: {log.read_text(errors='replace')[-2000:]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise Failure(f"{process.args[PROGRAM]} does not listen after {START_SECONDS} s: {log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def exit_on_signals() -> None:
    """Makes SIGTERM and SIGHUP unwind this program as Ctrl-C does, so that every server is ended."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
