"""Who comes next: the quota that had least of the workers, as a fair scheduler of processes does it, so that nobody waits for all of
another's jobs.

Each quota has a `turn`, the seconds of work that it was given, and a job that waits has its quota's turn and the work of it that comes
before.
"""

from __future__ import annotations

import math
import sqlite3

from img_enhance.jobs.rows import Waiting

# The least that a job counts: reading, starting and answering cost everybody something.
_LEAST_SECONDS = 0.1

# No job is told to wait longer; one that seems to be was told before the clock was set back.
_LONGEST_WAIT_SECONDS = 60.0

# Jobs that wait, each with its turn: the work that its quota has had, and what that has waiting before it. Short work of a quota comes
# before its long work, but long work only steps back by as much as it takes.
_WAITING = """
WITH waiting AS (
    SELECT jobs.rowid AS number, jobs.*, created + estimated_seconds AS due, coalesce(shares.turn, 0) + total(estimated_seconds) OVER (
        PARTITION BY jobs.quota ORDER BY created + estimated_seconds, jobs.rowid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS turn
    FROM jobs LEFT JOIN shares USING (quota) WHERE state = 'queued'
)
"""
_IN_TURN = "turn, due, number"


def in_turn(database: sqlite3.Connection) -> tuple[Waiting, ...]:
    """All jobs that wait, the next one first."""
    rows = database.execute(f"{_WAITING} SELECT id, kind, estimated_seconds FROM waiting ORDER BY {_IN_TURN}")  # noqa: S608 - texts of this module
    return tuple(Waiting(*row) for row in rows)


def next_one(database: sqlite3.Connection, *, short_seconds: float, now: float) -> sqlite3.Row | None:
    """`id`, `quota` and `estimated_seconds` of the next job that may begin, among those estimated below `short_seconds`."""
    row: sqlite3.Row | None = database.execute(
        f"{_WAITING} SELECT id, quota, estimated_seconds FROM waiting WHERE (not_before <= ? OR not_before > ?) "  # noqa: S608
        f"AND estimated_seconds < ? ORDER BY {_IN_TURN} LIMIT 1",
        (now, now + _LONGEST_WAIT_SECONDS, short_seconds),
    ).fetchone()
    return row


def line_up(database: sqlite3.Connection, quota: str) -> None:
    """Let a quota without unfinished jobs begin where the others are: what it did not use before is gone."""
    had = "turn - (SELECT total(estimated_seconds) FROM jobs WHERE jobs.quota = shares.quota AND state = 'running')"
    busy = "quota IN (SELECT quota FROM jobs WHERE state IN ('queued', 'running'))"
    least = database.execute(f"SELECT min({had}) FROM shares WHERE {busy}").fetchone()[0] or 0.0  # noqa: S608 - texts of this module
    database.execute("INSERT INTO shares VALUES (?, ?) ON CONFLICT (quota) DO UPDATE SET turn = max(turn, excluded.turn)", (quota, least))


def charge(database: sqlite3.Connection, quota: str, seconds: float) -> None:
    """Count work that a quota gets, or, less than 0, gives back."""
    database.execute(
        "INSERT INTO shares VALUES (?, ?) ON CONFLICT (quota) DO UPDATE SET turn = turn + excluded.turn",
        (quota, math.copysign(max(abs(seconds), _LEAST_SECONDS), seconds)),
    )


def unfinished(database: sqlite3.Connection, quota: str) -> int:
    """How many jobs of a quota wait or run."""
    row = database.execute("SELECT count(*) FROM jobs WHERE quota = ? AND state IN ('queued', 'running')", (quota,)).fetchone()
    return int(row[0])


def forget_idle(database: sqlite3.Connection) -> None:
    """Drop the turns of quotas that have nothing to do."""
    database.execute("DELETE FROM shares WHERE quota NOT IN (SELECT quota FROM jobs WHERE state IN ('queued', 'running'))")
