"""A look at /status twenty times a second, from a process of its own, and how late that process itself is."""

from __future__ import annotations

import http.client
import json
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

PAUSE_SECONDS, MEMORY_SECONDS = 0.05, 5.0
_TIMEOUT_SECONDS = 60
_OK = 200

# The first third of a run fills what is kept on purpose: pages of SQLite, kernels of the runtime. From then on memory may not grow.
_EARLY, _LATE = (1 / 3, 1 / 2), (5 / 6, 1.0)


@dataclass(frozen=True)
class Seen:
    """Figures of a run: milliseconds of the answers, of the process's own lateness, memory by process early and late in bytes."""

    answers: int
    unanswered: int
    status_ms: tuple[float, float]
    late_ms: tuple[float, float]
    load: float
    memory: dict[str, tuple[float, float]]


def look(port: int, key: str, file: Path, over: Event) -> None:
    """Write a line of JSON a look until it is over."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    last_memory = 0.0
    with file.open("w") as lines:
        while not over.is_set():
            before = time.perf_counter()
            time.sleep(PAUSE_SECONDS)
            started = time.perf_counter()
            row: dict[str, Any] = {"late_ms": (started - before - PAUSE_SECONDS) * 1000}
            try:
                connection.request("GET", "/api/v1/status", headers={"X-API-Key": key})
                answer = connection.getresponse()
                body = answer.read()
                if answer.status == _OK:
                    row["ms"] = (time.perf_counter() - started) * 1000
                if answer.status == _OK and started - last_memory > MEMORY_SECONDS:
                    last_memory = started
                    row |= {"memory": json.loads(body)["memory"]["used_bytes"], "load": os.getloadavg()[0]}
            except (OSError, http.client.HTTPException):
                connection.close()  # it is opened again by the next request
            lines.write(json.dumps(row) + "\n")


def seen_in(file: Path) -> Seen:
    """The figures of a whole run."""
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    answered = [row["ms"] for row in rows if "ms" in row]
    samples = [row["memory"] for row in rows if "memory" in row]
    return Seen(
        answers=len(answered),
        unanswered=len(rows) - len(answered),
        status_ms=_middle_and_late(answered),
        late_ms=_middle_and_late([row["late_ms"] for row in rows]),
        load=statistics.median(row["load"] for row in rows if "load" in row),
        memory={name: (_median(samples, name, _EARLY), _median(samples, name, _LATE)) for name in samples[0]},
    )


def _middle_and_late(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def _median(samples: Sequence[dict[str, float]], name: str, part: tuple[float, float]) -> float:
    first, last = (int(len(samples) * edge) for edge in part)
    # A child that is being replaced has no memory.
    return statistics.median([each[name] for each in samples[first : max(last, first + 1)] if each[name]] or [0.0])
