"""What all benchmarks share: their options, the conditions of a run, and the turns that contestants take."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from . import report


class Named(Protocol):
    name: str


def arguments(parser: argparse.ArgumentParser, names: Sequence[str]) -> argparse.Namespace:
    """Adds the options that every benchmark has, parses, and refuses what cannot be."""
    parser.add_argument("--rounds", type=int, default=5, help="how often each contestant has its turn (default 5)")
    parser.add_argument("--seconds", type=float, default=3, help="time of each measurement (default 3)")
    parser.add_argument("--server-core", type=int, default=0, help="processor of the server (default 0)")
    parser.add_argument("--load-core", type=int, default=1, help="processor of the load generator (default 1)")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(names), metavar="NAME,…", help=f"of {', '.join(names)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes all figures of all rounds there")
    options = parser.parse_args()
    if unknown := set(options.only) - set(names):
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be positive")
    available = os.sched_getaffinity(0)
    if options.server_core == options.load_core or not {options.server_core, options.load_core} <= available:
        parser.error(f"--server-core and --load-core must be two of the processors {sorted(available)}")
    return options


def conditions(options: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """Prints and returns what a reader must know about the machine and the run."""
    models = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    facts = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "processor": models[0] if models else platform.machine(),
        "processors": os.cpu_count(),
        "kernel": platform.release(),
        "load_average_before": os.getloadavg()[0],
        "rounds": options.rounds,
        "seconds": options.seconds,
        **more,
    }
    print("\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in facts.items()), flush=True)
    return facts


def take_turns(contestants: Iterable[Named], rounds: int, turn: Callable[[Any], Any], line: Callable[[Any], str]) -> report.Samples:
    """A B C A B C …, so that a slow spell of the machine meets all. `line` tells a sample while the run goes on."""
    contestants = list(contestants)
    samples: report.Samples = {contestant.name: [] for contestant in contestants}
    for number in range(1, rounds + 1):
        for contestant in contestants:
            sample = turn(contestant)
            samples[contestant.name].append(sample)
            print(f"round {number} of {rounds}  {contestant.name:10} {line(sample)}", flush=True)
    return samples


def write_json(options: argparse.Namespace, content: dict[str, Any]) -> None:
    if options.json:
        options.json.write_text(json.dumps(content, indent=2) + "\n")
