"""What each caller has sent on each day (UTC): counted where jobs are accepted, in the same transaction, so that neither a kill nor a
race loses any of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from img_enhance.jobs.refusals import DailyQuotaReached
from img_enhance.jobs.rows import Daily, Job, Used

DAY_SECONDS = 86_400
_ADVICE = "the next day begins at 00:00 UTC"


def day_of(now: float) -> int:
    """The number of a day since 1970."""
    return int(now // DAY_SECONDS)


def next_day(now: float) -> float:
    """When the next day begins."""
    return float((day_of(now) + 1) * DAY_SECONDS)


def used_by(database: sqlite3.Connection, quota: str, day: int) -> Used:
    """What a quota has used on a day."""
    row = database.execute("SELECT jobs, pixels FROM days WHERE quota = ? AND day = ?", (quota, day)).fetchone()
    return Used(0, 0) if row is None else Used(row["jobs"], row["pixels"])


def check_day(used: Used, new: Used, daily: Daily) -> None:
    """Pass if `new` may be added to what was used.

    Raises: DailyQuotaReached.
    """
    if daily.jobs is not None and used.jobs + new.jobs > daily.jobs:
        more = f", and here are {new.jobs}" if new.jobs > 1 else ""
        raise DailyQuotaReached(f"your key has used {used.jobs} of its {daily.jobs} jobs a day{more}", _ADVICE)
    if daily.megapixels is not None and used.pixels + new.pixels > daily.megapixels * 1e6:
        more = f", and here are {new.pixels / 1e6:.3g}" if used.pixels < daily.megapixels * 1e6 else ""
        says = f"your key has used {used.pixels / 1e6:.5g} of its {daily.megapixels:g} megapixels a day{more}"
        raise DailyQuotaReached(says, _ADVICE)


def sum_of(jobs: Sequence[Job]) -> Used:
    """What these jobs use of a day."""
    return Used(len(jobs), sum(map(pixels_of, jobs)))


def count(database: sqlite3.Connection, jobs: Sequence[Job]) -> None:
    """Count accepted jobs on the day of their acceptance."""
    for job in jobs:
        database.execute(
            "INSERT INTO days VALUES (?, ?, 1, ?) "
            "ON CONFLICT (quota, day) DO UPDATE SET jobs = jobs + 1, pixels = pixels + excluded.pixels",
            (job.quota, day_of(job.created), pixels_of(job)),
        )


def refund(database: sqlite3.Connection, job: Job) -> None:
    """Take a job back from the day on which it was counted."""
    database.execute(
        "UPDATE days SET jobs = jobs - 1, pixels = pixels - ? WHERE quota = ? AND day = ?", (pixels_of(job), job.quota, day_of(job.created))
    )


def pixels_of(job: Job) -> int:
    """The pixels of a job's photo."""
    return int(job.header.get("width", 0)) * int(job.header.get("height", 0))
