"""The figures of a run: their spread over the rounds, as ratios to the reference, for people and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

@dataclass(frozen=True)
class Metric:
    """A figure of a sample, which is what one contestant did in one round; each benchmark has a class of samples of its own."""

    name: str
    unit: str
    decimals: int
    value: Callable[[Any], float]


Metrics = Sequence[Metric]
Samples = dict[str, list[Any]]


def spread(values: list[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def ratios(metric: Metric, samples: Samples, name: str, reference: str) -> dict[str, float]:
    """Each round's value over the reference's of the same round: a slow spell of the machine meets both."""
    pairs = zip(samples[name], samples[reference], strict=True)
    return spread([metric.value(sample) / metric.value(other) for sample, other in pairs])


def summary(metrics: Metrics, samples: Samples, reference: str) -> list[dict[str, Any]]:
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
        for metric in metrics
    ]


def table(metrics: Metrics, samples: Samples, reference: str) -> str:
    lines = []
    for metric in metrics:
        lines.append(f"\n{f'{metric.name} [{metric.unit}]':44}{'min':>10}{'median':>10}{'max':>10}   over {reference}: min, median, max")
        for name, rounds in samples.items():
            values = "".join(f"{value:10.{metric.decimals}f}" for value in spread([metric.value(sample) for sample in rounds]).values())
            over = "".join(f"{value:9.2f}" for value in ratios(metric, samples, name, reference).values())
            lines.append(f"  {name:42}{values}   {over}")
    return "\n".join(lines)


def times_the_others(metric: Metric, samples: Samples, reference: str) -> str:
    """How many times each other contestant's figure the reference's is, as the median of the rounds."""
    others = [name for name in samples if name != reference]
    return ", ".join(f"{1 / ratios(metric, samples, name, reference)['median']:.2f} times {name}" for name in others)


def as_json(metrics: Metrics, samples: Samples, reference: str, conditions: dict[str, Any]) -> dict[str, Any]:
    return {
        "conditions": conditions,
        "reference": reference,
        "summary": summary(metrics, samples, reference),
        "rounds": {name: [asdict(sample) for sample in rounds] for name, rounds in samples.items()},
    }
