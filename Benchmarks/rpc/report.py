"""The figures of a run: their spread over the rounds, as ratios to the reference, for people and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from .load import FixedRate, FullLoad

# A server that answers fewer of the due calls did not hold the rate, and its latency only tells how long the run was.
HELD = 0.99


@dataclass(frozen=True)
class Sample:
    """One contestant in one round."""

    idle_bytes: int
    loaded_bytes: int
    full: FullLoad
    fixed: FixedRate


@dataclass(frozen=True)
class Metric:
    name: str
    unit: str
    decimals: int
    value: Callable[[Sample], float]


METRICS = (
    Metric("requests per second, full load", "1/s", 0, lambda sample: sample.full.requests_per_second),
    Metric("CPU per request, full load", "us", 2, lambda sample: sample.full.cpu_seconds_per_request * 1e6),
    Metric("server core busy, full load", "%", 1, lambda sample: sample.full.busy * 100),
    Metric("p50 at the fixed rate", "us", 1, lambda sample: sample.fixed.p50_seconds * 1e6),
    Metric("p99 at the fixed rate", "us", 1, lambda sample: sample.fixed.p99_seconds * 1e6),
    Metric("CPU per request at the fixed rate", "us", 2, lambda sample: sample.fixed.cpu_seconds_per_request * 1e6),
    Metric("resident memory, idle", "MB", 1, lambda sample: sample.idle_bytes / 1e6),
    Metric("resident memory, most under load", "MB", 1, lambda sample: sample.loaded_bytes / 1e6),
)

Samples = dict[str, list[Sample]]


def spread(values: list[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def ratios(metric: Metric, samples: Samples, name: str, reference: str) -> dict[str, float]:
    """Each round's value over the reference's of the same round: a slow spell of the machine meets both."""
    pairs = zip(samples[name], samples[reference], strict=True)
    return spread([metric.value(sample) / metric.value(other) for sample, other in pairs])


def summary(samples: Samples, reference: str) -> list[dict[str, Any]]:
    return [
        {
            "metric": metric.name,
            "unit": metric.unit,
            "contestants": {
                name: {
                    **spread([metric.value(sample) for sample in rounds]),
                    f"over {reference}": ratios(metric, samples, name, reference),
                }
                for name, rounds in samples.items()
            },
        }
        for metric in METRICS
    ]


def table(samples: Samples, reference: str) -> str:
    lines = []
    for metric in METRICS:
        lines.append(f"\n{f'{metric.name} [{metric.unit}]':44}{'min':>10}{'median':>10}{'max':>10}   over {reference}: min, median, max")
        for name, rounds in samples.items():
            values = "".join(f"{value:10.{metric.decimals}f}" for value in spread([metric.value(sample) for sample in rounds]).values())
            over = "".join(f"{value:9.2f}" for value in ratios(metric, samples, name, reference).values())
            lines.append(f"  {name:42}{values}   {over}")
    return "\n".join(lines)


def headline(samples: Samples, reference: str) -> str:
    others = [name for name in samples if name != reference]
    parts = [f"{1 / ratios(METRICS[0], samples, name, reference)['median']:.2f} times {name}" for name in others]
    return f"{reference} serves, in requests per second on one core: {', '.join(parts)}" if parts else ""


def warnings(samples: Samples) -> list[str]:
    """What a reader must know before using the figures."""
    late = [f"{name} did not hold the fixed rate: its latency says nothing" for name, rounds in samples.items() if _late(rounds)]
    idle = [
        f"{name} did not fill its core under full load: the load generator or another program was the limit; compare CPU per request"
        for name, rounds in samples.items()
        if statistics.median(sample.full.busy for sample in rounds) < 0.9
    ]
    return late + idle


def _late(rounds: list[Sample]) -> bool:
    return any(sample.fixed.held < HELD for sample in rounds)


def as_json(samples: Samples, reference: str, conditions: dict[str, Any]) -> dict[str, Any]:
    return {
        "conditions": conditions,
        "reference": reference,
        "summary": summary(samples, reference),
        "rounds": {name: [asdict(sample) for sample in rounds] for name, rounds in samples.items()},
        "warnings": warnings(samples),
    }
