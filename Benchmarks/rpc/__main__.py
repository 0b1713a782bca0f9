"""The command line: a benchmark's name, then its options."""

from __future__ import annotations

import sys

from . import allocations, connections, streams, unary
from .processes import Failure, exit_on_signals

BENCHMARKS = {
    "rpc": unary.main,
    "streams": streams.main,
    "connections": connections.main,
    "allocations": allocations.main,
}


def main() -> int:
    exit_on_signals()
    name = sys.argv.pop(1)
    try:
        BENCHMARKS[name]()
    except Failure as failure:
        print(f"Benchmarks/run {name}: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
