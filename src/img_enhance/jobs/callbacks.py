"""Whom to tell of the end of a job: kept beside the job, due from the transaction in which it ends until it was told or given up."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence

from img_enhance.jobs.rows import Callback, Job

# After each attempt that failed, in seconds: about 16 hours together.
PAUSES = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800)
# Pauses are longer by up to this share, each job's by another: a receiver that comes back is not met by all at once.
_SPREAD = 0.2

_FINAL = ("done", "failed", "cancelled")


def ask_for(database: sqlite3.Connection, jobs: Sequence[Job], url: str, signer: str) -> None:
    """Note where to tell of these jobs; those that have ended already are due."""
    for job in jobs:
        ended = job.state if job.state in _FINAL else None
        values = (job.id, job.quota, url, signer, ended, job.created if ended else None)
        database.execute("INSERT INTO callbacks (job, quota, url, signer, state, due) VALUES (?, ?, ?, ?, ?, ?)", values)


def ended(database: sqlite3.Connection, id: str, state: str, now: float) -> None:
    """A job has ended so: that is to be told from now on, if anybody asked for it."""
    database.execute("UPDATE callbacks SET state = ?, due = ? WHERE job = ?", (state, now, id))


def due(database: sqlite3.Connection, *, now: float, busy: Collection[str], most_each: int) -> tuple[Callback, ...]:
    """At most so many of each quota, without the `busy` ones: every quota's first before anybody's second, new ones before those that
    failed.
    """
    rows = database.execute(
        "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY quota ORDER BY attempts, due) AS place FROM callbacks "
        "WHERE due <= ? AND job NOT IN (SELECT value FROM json_each(?))) WHERE place <= ? ORDER BY place, due",
        (now, json.dumps(list(busy)), most_each),
    )
    return tuple(callback_of(row) for row in rows)


def attempted(database: sqlite3.Connection, callback: Callback, *, now: float, answer: str, taken: bool, again: bool) -> bool:
    """Note how an attempt went; whether there will be another."""
    pause = pause_after(callback) if again else None
    database.execute(
        "UPDATE callbacks SET attempts = attempts + 1, answer = ?, due = ?, taken = ? WHERE job = ?",
        (answer, None if pause is None else now + pause, now if taken else None, callback.job),
    )
    return pause is not None


def pause_after(callback: Callback) -> float | None:
    """For how long to leave the receiver alone after an attempt that failed; None when it was the last one."""
    if callback.attempts >= len(PAUSES):
        return None
    share = int(callback.job[:4], 16) / 0xFFFF
    return PAUSES[callback.attempts] * (1 + _SPREAD * share)


def callback_of(row: sqlite3.Row) -> Callback:
    """The callback in a row."""
    return Callback(**{name: row[name] for name in Callback.__dataclass_fields__})
