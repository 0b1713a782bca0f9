"""The table of all attacks."""

COLUMNS = (
    "attack", "honest calls", "failed", "p99 calm", "p99 attacked", "ratio", "client late", "memory calm", "attacked", "after",
    "connections", "open", "a connection", "ended by", "verdict",
)  # fmt: skip


def _counts(counts):
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda pair: -pair[1]))


def _mib(count):
    return f"{count / (1 << 20):.1f} MiB"


def row(outcome, slower_max):
    done = outcome.attacker
    return (
        outcome.attack.name,
        outcome.honest["made"],
        outcome.honest["failed"],
        f"{outcome.calm['p99_ms']:.2f} ms",
        f"{outcome.honest['p99_ms']:.2f} ms",
        f"{outcome.slower:.1f}",
        f"{outcome.honest['late_ms']:.2f} ms",
        _mib(outcome.calm_bytes),
        _mib(outcome.peak_bytes),
        _mib(outcome.after_bytes),
        done["connections"],
        done["peak_open"],
        f"{outcome.bytes_per_connection / 1024:.1f} KiB" if done["peak_open"] >= 100 else "-",
        _counts(done["endings"]) + (f"; {_counts(done['answers'])}" if done["answers"] else ""),
        "; ".join(outcome.problems(slower_max)) or "held",
    )


def table(outcomes, slower_max):
    rows = [COLUMNS, *(tuple(map(str, row(outcome, slower_max))) for outcome in outcomes)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(COLUMNS))]
    lines = [" | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in rows]
    lines.insert(1, "-|-".join("-" * width for width in widths))
    notes = [f"{outcome.attack.name}: {outcome.attack.pace}; memory beside 20 KiB a connection: {outcome.attack.memory >> 20} MiB "
             f"({outcome.attack.limits})" for outcome in outcomes]  # fmt: skip
    return "\n".join([*lines, "", *notes])
