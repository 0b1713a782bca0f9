"""The attacking process.

    python -m attacks.attacker NAME ADDRESS PORT PAUSE SECONDS TOKEN INSTANCE

Carries out one attack after a pause and prints what became of its connections, as one JSON object.
"""

import json
import resource
import sys
import time

from . import catalogue
from .attack import Target
from .processes import FILES, end_with_parent


def main(name, host, port, pause, seconds, token, instance):
    end_with_parent()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    attack = next(attack for attack in catalogue.ATTACKS + catalogue.TLS_ATTACKS if attack.name == name)
    time.sleep(float(pause))
    print(json.dumps({"seconds": float(seconds), **attack.run(Target((host, int(port)), token, instance), float(seconds))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
