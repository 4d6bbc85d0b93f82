"""Counters, gauges and sums of seconds, as Prometheus reads them (text format 0.0.4)."""

from __future__ import annotations

from collections import defaultdict

PREFIX = "img_enhance_"

HELP = {
    "requests_total": ("counter", "Requests by method and status."),
    "request_seconds_total": ("counter", "Time taken by requests, by method."),
    "jobs": ("gauge", "Jobs by state."),
    "queued_seconds": ("gauge", "Estimated work that waits."),
    "stored_bytes": ("gauge", "Bytes of photos and results."),
    "jobs_ended_total": ("counter", "Jobs that ended, by state."),
    "queue_wait_seconds_sum": ("counter", "Time between acceptance and start, all jobs together."),
    "queue_wait_seconds_count": ("counter", "Jobs that were started."),
    "step_seconds_sum": ("counter", "Time spent in steps."),
    "step_seconds_count": ("counter", "Steps that ran."),
    "worker_restarts_total": ("counter", "Children replaced."),
    "worker_overweight_total": ("counter", "Children ended because of their memory."),
    "memory_bytes": ("gauge", "Anonymous memory of each process."),
    "uptime_seconds": ("gauge", "Time since the service started."),
}

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Numbers by name and labels; nothing is ever removed, so labels must be few."""

    def __init__(self) -> None:
        self._values: dict[str, dict[Labels, float]] = defaultdict(lambda: defaultdict(float))

    def count(self, name: str, by: float = 1.0, **labels: str) -> None:
        """Add to a number."""
        self._values[name][tuple(sorted(labels.items()))] += by

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a number."""
        self._values[name][tuple(sorted(labels.items()))] = value

    def text(self) -> str:
        """All of them."""
        lines = []
        for name, (kind, help) in HELP.items():
            lines += [f"# HELP {PREFIX}{name} {help}", f"# TYPE {PREFIX}{name} {kind}"]
            for labels, value in sorted(self._values[name].items()):
                inside = ",".join(f'{key}="{text}"' for key, text in labels)
                lines.append(f"{PREFIX}{name}{{{inside}}} {value:g}" if inside else f"{PREFIX}{name} {value:g}")
        return "\n".join(lines) + "\n"
