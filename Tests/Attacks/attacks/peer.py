"""One HTTP/2 connection to the server, without any rule of its own: it sends what it is told, and notes what it is told."""

import collections
import os
import select
import socket
import ssl
import struct
import time

import hpack

from . import frames

# An attacked server may be slow to take what we send, but not dead.
STALL_SECONDS = 20


class Peer:
    """What happened is in `resets` (by code), `statuses` (of calls), `goaway`, and `is_closed`."""

    def __init__(self, address, tls=None, source=None, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            # The port is chosen when it is known where to: far more of them are free then.
            self.socket.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
            self.socket.bind((source, 0))
        self.socket.settimeout(STALL_SECONDS)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.setblocking(False)
        self.began = time.monotonic()
        self.goaway = self.closed_by = self.ended_at = None
        self.has_settings = False
        self.resets, self.statuses = collections.Counter(), collections.Counter()
        self.sent_bytes = self.streams = 0
        self.connection_window, self.windows = 65_535, {}
        self._initial_window = 65_535
        self._input = bytearray()
        self._header_block = b""
        self._decoder = hpack.Decoder()
        self._decoder.max_allowed_table_size = 65_536

    @property
    def is_closed(self):
        return self.closed_by is not None

    @property
    def ending(self):
        """How the server ended the connection: the code of its GOAWAY, `closed` without one, or `open`."""
        if self.goaway is not None:
            return frames.error_name(self.goaway[0])
        return "closed" if self.is_closed else "open"

    def close(self):
        self.socket.close()

    # Sending

    def send(self, content):
        """Sends all of it while it also reads. False when the connection has ended before."""
        content = memoryview(content)
        deadline = time.monotonic() + STALL_SECONDS
        while content and not self.is_closed:
            try:
                count = self.socket.send(content[:262_144])
                self.sent_bytes += count
                content = content[count:]
                deadline = time.monotonic() + STALL_SECONDS
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                if time.monotonic() > deadline:
                    raise TimeoutError("the server takes nothing more") from None
                self._await(select.POLLIN | select.POLLOUT, 0.1)
            except OSError as error:
                self._read()
                self._ended(type(error).__name__)
            self._read()
        return not self.is_closed

    def try_send(self, content, beneath_tls=False):
        """Sends what the socket takes at once and reads nothing; the number of bytes taken."""
        try:
            count = os.write(self.socket.fileno(), content) if beneath_tls else self.socket.send(content)
            self.sent_bytes += count
            return count
        except (BlockingIOError, ssl.SSLWantWriteError):
            return 0
        except OSError as error:
            self._ended(type(error).__name__)
            return 0

    def greet(self, *entries, preface=frames.PREFACE):
        return self.send(preface + frames.settings(*entries))

    def next_stream(self):
        self.streams += 1
        return 2 * self.streams - 1

    def send_data(self, stream, content, end=False):
        """As much DATA as `content` takes, within the windows that the server gives."""
        content = memoryview(content)
        window = lambda: min(self.connection_window, self.windows.get(stream, self._initial_window))  # noqa: E731
        while not self.is_closed:
            count = min(len(content), frames.FRAME_MAX, window())
            if content and count == 0:
                if not self.wait(lambda: window() > 0, 2):
                    return False
                continue
            self.connection_window -= count
            self.windows[stream] = self.windows.get(stream, self._initial_window) - count
            is_last = count == len(content)
            self.send(frames.data(stream, bytes(content[:count]), end=end and is_last))
            content = content[count:]
            if is_last:
                return not self.is_closed
        return False

    # Receiving

    def wait(self, condition, seconds):
        """Reads until the condition holds, the connection ends, or the time is over; whether the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition() and not self.is_closed:
            rest = deadline - time.monotonic()
            if rest <= 0:
                break
            self.pump(min(rest, 0.25))
        return condition()

    def wait_for_end(self, seconds):
        return self.wait(lambda: self.is_closed, seconds)

    def pump(self, seconds=0.0):
        """Reads what comes within the time."""
        if self.is_closed:
            return
        if seconds and not (isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()):
            self._await(select.POLLIN, seconds)
        self._read()

    def _await(self, events, seconds):
        poll = select.poll()  # Where `select` has no room for the thousandth file.
        poll.register(self.socket, events)
        poll.poll(1000 * seconds)

    def _read(self):
        while not self.is_closed:
            try:
                chunk = self.socket.recv(262_144)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError as error:
                return self._ended(type(error).__name__)
            if not chunk:
                return self._ended("end")
            self._input += chunk
            self._take_frames()

    def _ended(self, how):
        if self.closed_by is None:
            self.closed_by, self.ended_at = how, time.monotonic()

    def _take_frames(self):
        start = 0
        while len(self._input) - start >= 9:
            length = int.from_bytes(self._input[start : start + 3], "big")
            if len(self._input) - start < 9 + length:
                break
            kind, flags, stream = struct.unpack_from(">BBI", self._input, start + 3)
            self._take(kind, flags, stream, bytes(self._input[start + 9 : start + 9 + length]))
            start += 9 + length
        del self._input[:start]

    def _take(self, kind, flags, stream, payload):
        if kind == frames.GOAWAY:
            self.goaway = (struct.unpack_from(">I", payload, 4)[0], payload[8:].decode(errors="replace"))
        elif kind == frames.RST_STREAM:
            self.resets[frames.error_name(struct.unpack(">I", payload)[0])] += 1
            self.windows.pop(stream, None)
        elif kind == frames.WINDOW_UPDATE:
            increment = struct.unpack(">I", payload)[0]
            if stream == 0:
                self.connection_window += increment
            elif stream in self.windows:
                self.windows[stream] += increment
        elif kind == frames.SETTINGS and not flags & frames.ACK:
            self.has_settings = True
            for offset in range(0, len(payload), 6):
                name, value = struct.unpack_from(">HI", payload, offset)
                if name == frames.INITIAL_WINDOW_SIZE:
                    self._initial_window = value
        elif kind in (frames.HEADERS, frames.CONTINUATION):
            self._header_block += payload
            if flags & frames.END_HEADERS:
                whole, self._header_block = self._header_block, b""
                for name, value in self._decoder.decode(whole):
                    if name == "grpc-status":
                        self.statuses[int(value)] += 1
