"""The attacking process.

    python -m attacks.attacker NAME ADDRESS PORT PAUSE SECONDS TOKEN INSTANCE [CERTIFICATE]

Carries out one attack after a pause and prints what became of its connections, as one JSON object.
"""

import json
import resource
import sys
import time

from .attack import Target
from .catalogue import KNOWN
from .processes import FILES, end_with_parent, trusting


def main(name, host, port, pause, seconds, token, instance, certificate=None):
    end_with_parent()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    attack = KNOWN[name]
    target = Target((host, int(port)), token, instance, trusting(certificate if attack.shakes_hands else None))
    time.sleep(float(pause))
    print(json.dumps({"seconds": float(seconds), **attack.run(target, float(seconds))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
