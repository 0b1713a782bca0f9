"""A receiver of Novitai's webhooks: verifies each delivery, refuses what was changed or replayed, and prints the events.

    WEBHOOK_SECRET=… python3 webhook_receiver.py 8099
"""

import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time

# A delivery may be signed this many seconds before or after the receiver's clock.
TOLERANCE = 300
# Deliveries and events that are remembered, more than come within the tolerance. A receiver that must not act twice after a restart of its
# own keeps the ids of events where it keeps what it does for them.
REMEMBERED = 100_000
# Bytes of a body; deliveries are about 1 KiB.
BODY_MAX = 64 * 1024


class Refused(Exception):
    """The delivery is not from whom it says, or not from now, or was here before."""


def verify(body, signature, secret, now=None):
    """The signature that fits. Raises Refused unless the body was signed with the secret, at about this time."""
    fields = [part.partition("=") for part in signature.split(",")]
    times = [value for name, _, value in fields if name == "t"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or len(times[0]) > 16:
        raise Refused("no time")
    if abs((time.time() if now is None else now) - int(times[0]) / 1000) > TOLERANCE:
        raise Refused("too old or from the future")
    key_id = hashlib.sha256(secret.encode()).hexdigest()[:8]
    wanted = hmac.new(secret.encode(), times[0].encode() + b"." + body, hashlib.sha256).hexdigest()
    # While keys are replaced there is a signature under each.
    if not any(name == key_id and hmac.compare_digest(value.encode(), wanted.encode()) for name, _, value in fields):
        raise Refused("not signed with this secret")
    return wanted


class Memory:
    """What was here before. Each delivery is signed anew: the same signature once more is a recording that somebody plays. The same
    event under a new signature is a delivery whose answer got lost: it was taken, and is not taken twice."""

    def __init__(self):
        self.lock = threading.Lock()
        self.signatures, self.events = {}, {}

    def is_new(self, event_id, signature):
        """Whether the event is to be taken. Raises Refused for a replay."""
        with self.lock:
            if not self.add(self.signatures, signature):
                raise Refused("replayed")
            return self.add(self.events, event_id)

    def forget(self, event_id):
        with self.lock:
            self.events.pop(event_id, None)

    @staticmethod
    def add(known, key):
        if key in known:
            return False
        known[key] = True
        while len(known) > REMEMBERED:
            del known[next(iter(known))]
        return True


def handler(secret, take, memory):
    class Receiver(http.server.BaseHTTPRequestHandler):
        # Seconds that a sender may take.
        timeout = 10

        def do_POST(self):
            length = self.headers.get("content-length", "")
            if not length.isascii() or not length.isdigit() or not 0 < int(length) <= BODY_MAX:
                return self.answer(413)
            body = self.rfile.read(int(length))
            try:
                signature = verify(body, self.headers.get("novitai-signature", ""), secret)
                event = json.loads(body)
                # The id that was signed, not the one in the header.
                if memory.is_new(event["id"], signature):
                    try:
                        take(event)
                    except Exception:
                        # It comes again, under another signature.
                        memory.forget(event["id"])
                        return self.answer(500)
            except Refused:
                return self.answer(401)
            self.answer(204)

        def answer(self, status):
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    return Receiver


if __name__ == "__main__":
    receiver = handler(os.environ["WEBHOOK_SECRET"], lambda event: print(json.dumps(event), flush=True), Memory())
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), receiver).serve_forever()
