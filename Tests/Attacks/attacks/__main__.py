"""The command line: every attack, one after another, and a table."""

import argparse
import json
import sys
from pathlib import Path

from .catalogue import KNOWN
from .processes import exit_on_signals
from .report import table
from .scene import scene
from .trial import SLOWER_MAX, attack_once


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/attacks",
        description="Attacks a server of this repository, each attack from one process while an honest client makes 500 calls a second "
        "from another, and judges: no honest call fails, its 99th percentile stays below ten times the calm one, memory stays within "
        "20 KiB for each attacking connection and the named limits, and whoever breaks a rule is told so. Progress on standard error, "
        "the table on standard output; ends with 1 when an attack succeeds.",
        epilog="attacks: " + ", ".join(f"{attack.name} ({attack.what})" for attack in KNOWN.values()),
    )
    parser.add_argument("--seconds", type=float, default=30, help="length of each attack (default 30; from 30 on also until the "
                        "server's timers are over)")  # fmt: skip
    parser.add_argument("--only", type=lambda text: text.split(","), metavar="NAME,…", help="these attacks")
    parser.add_argument("--tls", action="store_true", help="those on a server with TLS, whose honest client has it too")
    parser.add_argument("--slower-max", type=float, default=SLOWER_MAX, help="how many times slower honest calls may become (default 10)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes all figures there")
    options = parser.parse_args()
    names = [name for name, attack in KNOWN.items() if attack.over_tls or not options.tls]
    options.only = options.only or names
    if unknown := set(options.only) - set(names):
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}{' over TLS' if options.tls else ''}")
    return options


def run(options):
    outcomes = []
    with scene() as place:
        for number, name in enumerate(options.only, 1):
            attack = KNOWN[name]
            print(f"{number}/{len(options.only)} {name}: {attack.what}", file=sys.stderr, flush=True)
            outcome = attack_once(place, attack, options.seconds)
            outcomes.append(outcome)
            problems = list(outcome.problems(options.slower_max))
            print("\n".join(f"    FAILED: {problem}" for problem in problems) or "    held", file=sys.stderr, flush=True)
    print(table(outcomes, options.slower_max))
    if options.json:
        figures = [
            {"attack": o.attack.name, "calm": o.calm, "honest": o.honest, "attacker": o.attacker, "calm_bytes": o.calm_bytes,
             "peak_bytes": o.peak_bytes, "after_bytes": o.after_bytes, "problems": list(o.problems(options.slower_max))}
            for o in outcomes
        ]  # fmt: skip
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 1 if any(list(outcome.problems(options.slower_max)) for outcome in outcomes) else 0


def main():
    exit_on_signals()
    try:
        return run(arguments())
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
