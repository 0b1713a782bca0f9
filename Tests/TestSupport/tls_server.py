"""A TLS server on loopback that prints its port, then one line per request.

usage: tls_server.py CERTIFICATE KEY http1|http2|http2-refuse
http2-refuse answers every HTTP/2 stream with RST_STREAM REFUSED_STREAM, which invites the client to send again.
Ends at the end of its standard input.
"""
import os, socket, ssl, struct, sys, threading

certificate, key, mode = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.set_alpn_protocols(["http/1.1"] if mode == "http1" else ["h2"])


def say(line):
    print(line, flush=True)


def exactly(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def frame(kind, flags, stream_id, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream_id) + payload


def http1(stream):
    while True:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += exactly(stream, 1)
        say("request")
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def http2(stream):
    exactly(stream, 24)  # the preface
    stream.sendall(frame(4, 0, 0, b""))
    while True:
        header = exactly(stream, 9)
        length, kind, flags = int.from_bytes(header[:3], "big"), header[3], header[4]
        stream_id = int.from_bytes(header[5:], "big")
        exactly(stream, length)
        if kind == 4 and not flags & 1:
            stream.sendall(frame(4, 1, 0, b""))
        elif kind == 1 and mode == "http2-refuse":
            say("request")
            stream.sendall(frame(3, 0, stream_id, struct.pack(">I", 7)))
        elif kind == 1:
            say("request")
            stream.sendall(frame(1, 5, stream_id, b"\x88"))  # HPACK: ":status: 200"


def serve(connection):
    try:
        with context.wrap_socket(connection, server_side=True) as stream:
            (http1 if mode == "http1" else http2)(stream)
    except (OSError, EOFError):
        pass


listener = socket.create_server(("127.0.0.1", 0))
say(listener.getsockname()[1])


def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


threading.Thread(target=accept, daemon=True).start()
sys.stdin.read()
say("end")
os._exit(0)
