"""The list of jobs: what was accepted stays until it is done, whoever dies in between.

A running job is leased: its token goes up with every lease, and only the holder of the latest
one may say how the job ended. Every method is one transaction. Use a JobStore from one thread at a time.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from img_enhance.jobs import callbacks, days, shares
from img_enhance.jobs.database import Database
from img_enhance.jobs.refusals import KeyReused, QuotaReached, ResultExpired, Saturated
from img_enhance.jobs.rows import (
    COLUMNS,
    Bounds,
    Callback,
    CallbackAddress,
    Claim,
    Job,
    Load,
    Queue,
    Used,
    Worked,
    job_of,
    values_of,
)

# A job that was running when the service was killed starts again; one that brings the whole machine down must not do so for ever.
MOST_RETURNS = 20
MOST_DEATHS = 2

_SECRET_BYTES = 32

# Of the HTTP statuses of errors.
_OUR_FAULT = 500


class JobStore:
    """The database file at `path`, made if it does not exist.

    Raises (every method): StorageFull, StoreBroken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = Database(path)
        self._db = self._database.connection

    def close(self) -> None:
        self._database.close()

    def accept(
        self,
        jobs: Sequence[Job],
        bounds: Bounds,
        *,
        batch: str | None = None,
        claim: Claim | None = None,
        callback: CallbackAddress | None = None,
    ) -> None:
        """Take jobs, all or none, finished ones (which failed at once, and count for nothing) among them.

        Raises: QuotaReached, DailyQuotaReached, Saturated when there are too many; KeyReused when the claim is not new.
        """
        first = jobs[0]
        with self._database.transaction():
            new = [job for job in jobs if job.state == "queued"]
            self._check_bounds(new, bounds)
            if batch is not None:
                self._db.execute("INSERT INTO batches VALUES (?, ?, ?)", (batch, first.owner, first.created))
            if claim is not None:
                try:
                    row = (first.quota, claim.key, claim.fingerprint, batch or first.id, first.created)
                    self._db.execute("INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)", row)
                except sqlite3.IntegrityError:
                    raise KeyReused("this Idempotency-Key came with another request at the same time", "use a new one") from None
            shares.line_up(self._db, first.quota)
            for job in jobs:
                names = ", ".join(COLUMNS)
                marks = ", ".join("?" * len(COLUMNS))
                self._db.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", values_of(job))  # noqa: S608 - names of our own columns
                self._note(job.id, job.state, job.created)
            days.count(self._db, new)
            if callback is not None:
                callbacks.ask_for(self._db, jobs, callback.url, callback.signer)

    def knows(self, quota: str, key: str) -> bool:
        """Whether an earlier request of this quota came with this key."""
        with self._database.foreseen():
            return self._db.execute("SELECT 1 FROM idempotency WHERE owner = ? AND key = ?", (quota, key)).fetchone() is not None

    def claimed(self, quota: str, claim: Claim) -> str | None:
        """The job or batch that an earlier request with this key led to.

        Raises: KeyReused when it came with another payload.
        """
        with self._database.foreseen():
            row = self._db.execute("SELECT * FROM idempotency WHERE owner = ? AND key = ?", (quota, claim.key)).fetchone()
        if row is None:
            return None
        if row["fingerprint"] != claim.fingerprint:
            raise KeyReused("this Idempotency-Key came with another photo or other words before", "use a new one")
        return str(row["target"])

    def job(self, id: str) -> Job | None:
        """The job with this id."""
        return next(iter(self._jobs("WHERE id = ?", id)), None)

    def batch(self, id: str) -> tuple[Job, ...]:
        """The jobs of a batch in their order; none if there is no such batch."""
        return self._jobs("WHERE batch = ? ORDER BY place", id)

    def jobs_of(self, owner: str, *, before: Job | None, most: int) -> tuple[Job, ...]:
        """At most so many jobs of an owner, the latest first, only those accepted before the one given."""
        number = "(SELECT rowid FROM jobs WHERE id = ?)"
        where = "owner = ?" if before is None else f"owner = ? AND rowid < {number}"
        return self._jobs(f"WHERE {where} ORDER BY rowid DESC LIMIT ?", owner, *([] if before is None else [before.id]), most)

    def lease(self, *, short_seconds: float, now: float, until: float) -> Job | None:
        """The next job in turn, now running with a new token, among those estimated below `short_seconds`."""
        with self._database.transaction():
            row = shares.next_one(self._db, short_seconds=short_seconds, now=now)
            if row is None:
                return None
            self._db.execute(
                "UPDATE jobs SET state = 'running', started = ?, token = token + 1, lease_until = ? WHERE id = ?", (now, until, row["id"])
            )
            shares.charge(self._db, row["quota"], row["estimated_seconds"])
            self._note(row["id"], "running", now)
            return self._jobs("WHERE id = ?", row["id"])[0]

    def renew(self, job: Job, *, until: float) -> bool:
        """Whether the lease still holds; then it holds until the new time."""
        with self._database.transaction():
            changed = self._db.execute(
                "UPDATE jobs SET lease_until = ? WHERE id = ? AND token = ? AND state = 'running'", (until, job.id, job.token)
            )
            return changed.rowcount == 1

    def finish(self, job: Job, *, now: float, result: Mapping[str, Any], result_bytes: int, record: Mapping[str, Any]) -> bool:
        """Publish a result, if the lease still holds: whether it did."""
        return self._end(job, "done", now, result=json.dumps(result), result_bytes=result_bytes, record=json.dumps(record))

    def fail(self, job: Job, *, now: float, error: Mapping[str, Any]) -> bool:
        """Say why a job cannot be done, if the lease still holds: whether it did. What is our fault is not counted to the day."""
        return self._end(job, "failed", now, error=json.dumps(error), refund=error["status"] >= _OUR_FAULT)

    def requeue(self, job: Job, *, now: float, not_before: float = 0.0, deaths: int = 0, returns: int = 0) -> bool:
        """Put a running job back into the queue, if the lease still holds: whether it did."""
        with self._database.transaction():
            changed = self._db.execute(
                "UPDATE jobs SET state = 'queued', started = NULL, lease_until = NULL, not_before = ?, "
                "deaths = deaths + ?, returns = returns + ? WHERE id = ? AND token = ? AND state = 'running'",
                (not_before, deaths, returns, job.id, job.token),
            )
            if changed.rowcount == 1:
                shares.charge(self._db, job.quota, -job.estimated_seconds)
                self._note(job.id, "queued", now)
            return changed.rowcount == 1

    def cancel(self, id: str, *, now: float) -> bool:
        """Whether the job was unfinished; then it is cancelled, and a lease on it holds no more."""
        with self._database.transaction():
            changed = self._db.execute(
                "UPDATE jobs SET state = 'cancelled', finished = ?, lease_until = NULL WHERE id = ? AND state IN ('queued', 'running')",
                (now, id),
            )
            if changed.rowcount == 1:
                job = self._jobs("WHERE id = ?", id)[0]
                if job.token == 0:  # it never began
                    days.refund(self._db, job)
                callbacks.ended(self._db, id, "cancelled", now)
                self._note(id, "cancelled", now)
            return changed.rowcount == 1

    def delete(self, id: str, *, now: float) -> bool:
        """Whether the job had a result; then it has none any more, its row says why, and its record has no hashes any more, nor the facts
        that its steps noted of the photo. Nobody is told of it who was not yet.
        """
        error = {
            "code": ResultExpired.code,
            "status": ResultExpired.http_status,
            "detail": "deleted, as its owner asked; send the photo again",
        }
        with self._database.transaction():
            job = next(iter(self._jobs("WHERE id = ? AND state = 'done'", id)), None)
            if job is None:
                return False
            self._db.execute(
                "UPDATE jobs SET state = 'expired', result_bytes = 0, photo_bytes = 0, header = json_remove(header, '$.sha256'), "
                "result = json_remove(result, '$.sha256'), record = ?, error = ? WHERE id = ?",
                (json.dumps(without_facts(job.record or {})), json.dumps(error), id),
            )
            self._db.execute("DELETE FROM callbacks WHERE job = ?", (id,))
            self._note(id, "expired", now)
            return True

    def forget(self, id: str) -> bool:
        """Whether the job had ended; then nothing is known of it any more, but that its quota has used it."""
        with self._database.transaction():
            changed = self._db.execute("DELETE FROM jobs WHERE id = ? AND state NOT IN ('queued', 'running')", (id,))
            self._db.execute("DELETE FROM batches WHERE id NOT IN (SELECT batch FROM jobs WHERE batch NOT NULL)")
            self._db.execute("DELETE FROM idempotency WHERE target NOT IN (SELECT id FROM jobs) AND target NOT IN (SELECT id FROM batches)")
            return changed.rowcount == 1

    def recover(self, *, now: float) -> tuple[Job, ...]:
        """Put every running job back, because whoever ran them is gone; those that failed for good, which came back too often."""
        for job in self._jobs("WHERE state = 'running'"):
            self.take_back(job, now=now)
        return self._jobs("WHERE state = 'failed' AND finished = ?", now)

    def take_back(self, job: Job, *, now: float) -> bool:
        """Put a running job back, because whoever ran it is gone, if nobody else has it; one that came back too often failed for good.
        Whether it was put back or failed.
        """
        if job.returns + 1 < MOST_RETURNS:
            return self.requeue(job, now=now, returns=1)
        detail = f"this job was begun {MOST_RETURNS} times, and broken off by the service each time"
        return self.fail(job, now=now, error={"code": "worker_died", "status": 500, "detail": detail})

    def lapsed(self, *, now: float) -> tuple[Job, ...]:
        """Running jobs whose lease is over."""
        return self._jobs("WHERE state = 'running' AND lease_until < ?", now)

    def expire(self, *, finished_before: float, forget_before: float) -> tuple[str, ...]:
        """Jobs whose results are over now; what ended even before `forget_before` is forgotten altogether."""
        with self._database.transaction():
            over = "state IN ('done', 'failed', 'cancelled') AND finished < ?"
            ids = [row["id"] for row in self._db.execute(f"SELECT id FROM jobs WHERE {over}", (finished_before,))]  # noqa: S608
            self._db.execute(f"UPDATE jobs SET state = 'expired', result_bytes = 0, photo_bytes = 0 WHERE {over}", (finished_before,))  # noqa: S608
            self._db.execute("DELETE FROM jobs WHERE state = 'expired' AND finished < ?", (forget_before,))
            self._db.execute(
                "DELETE FROM batches WHERE created < ? AND id NOT IN (SELECT batch FROM jobs WHERE batch NOT NULL)", (forget_before,)
            )
            self._db.execute("DELETE FROM idempotency WHERE created < ?", (finished_before,))
            shares.forget_idle(self._db)
            self._db.execute("DELETE FROM days WHERE day < ?", (days.day_of(forget_before),))
        return tuple(ids)

    def queue(self) -> Queue:
        """What waits and what runs."""
        with self._database.foreseen():
            waiting = shares.in_turn(self._db)
        return Queue(waiting, self._jobs("WHERE state = 'running'"))

    def worked(self, *, most: int) -> tuple[Worked, ...]:
        """How long the latest jobs that are done took, the latest last."""
        with self._database.foreseen():
            rows = self._db.execute(
                "SELECT kind, estimated_seconds, finished - started FROM jobs"
                " WHERE state = 'done' AND started IS NOT NULL ORDER BY finished DESC LIMIT ?",
                (most,),
            ).fetchall()
        return tuple(Worked(*row) for row in reversed(rows))

    def unfinished(self, quota: str) -> int:
        """How many jobs of this quota wait or run."""
        with self._database.foreseen():
            return shares.unfinished(self._db, quota)

    def used(self, quota: str, *, day: int) -> Used:
        """What this quota has used on a day."""
        with self._database.foreseen():
            return days.used_by(self._db, quota, day)

    def callback(self, id: str) -> Callback | None:
        """How the telling of a job's end goes, None if nobody asked for it."""
        with self._database.foreseen():
            row = self._db.execute("SELECT * FROM callbacks WHERE job = ?", (id,)).fetchone()
        return None if row is None else callbacks.callback_of(row)

    def callbacks_due(self, *, now: float, busy: Collection[str], most_each: int) -> tuple[Callback, ...]:
        """Ends of jobs that are to be told now, but for the `busy` ones, and at most so many of each quota."""
        with self._database.foreseen():
            return callbacks.due(self._db, now=now, busy=busy, most_each=most_each)

    def attempted(self, callback: Callback, *, now: float, answer: str, taken: bool, again: bool) -> bool:
        """Note how an attempt to tell went, which is to be made `again` or not; whether there will be another one."""
        with self._database.transaction():
            return callbacks.attempted(self._db, callback, now=now, answer=answer, taken=taken, again=again)

    def secret(self, name: str) -> bytes:
        """32 random bytes, always the same ones of this store."""
        with self._database.transaction():
            self._db.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (name, secrets.token_bytes(_SECRET_BYTES)))
            value: bytes = self._db.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()[0]
            return value

    def load(self) -> Load:
        """How much there is."""
        with self._database.foreseen():
            states = {row[0]: int(row[1]) for row in self._db.execute("SELECT state, count(*) FROM jobs GROUP BY state")}
            queued = self._db.execute("SELECT kind, total(estimated_seconds) FROM jobs WHERE state = 'queued' GROUP BY kind").fetchall()
            stored = self._db.execute("SELECT total(photo_bytes) + total(result_bytes) FROM jobs").fetchone()[0]
        return Load(states, {row[0]: float(row[1]) for row in queued}, int(stored))

    def events(self, id: str, *, after: int) -> tuple[tuple[int, str, float], ...]:
        """Number, state and time of a job's changes of state after that number."""
        with self._database.foreseen():
            rows = self._db.execute("SELECT number, state, at FROM events WHERE job = ? AND number > ? ORDER BY number", (id, after))
            return tuple((row["number"], row["state"], row["at"]) for row in rows)

    def files(self) -> dict[str, tuple[str, ...]]:
        """The files of every job that has any, by the job's id."""
        with self._database.foreseen():
            rows = self._db.execute("SELECT * FROM jobs WHERE state IN ('queued', 'running', 'done')")
            return {row["id"]: job_of(row).files for row in rows}

    def check_writable(self) -> None:
        """Pass if the next transaction could be written."""
        with self._database.transaction():
            self._database.write_version()

    def _check_bounds(self, new: Sequence[Job], bounds: Bounds) -> None:
        if not new:
            return
        load = self.load()
        if load.states.get("queued", 0) + len(new) > bounds.jobs:
            raise Saturated(f"{load.states.get('queued', 0)} jobs wait and {bounds.jobs} may", "try again later")
        if load.states.get("queued") and load.queued_seconds + sum(job.estimated_seconds for job in new) > bounds.seconds:
            raise Saturated(
                f"the work that waits is estimated at {load.queued_seconds:.0f} s of at most {bounds.seconds:.0f}", "try again later"
            )
        unfinished = self.unfinished(new[0].quota)
        if unfinished + len(new) > bounds.per_quota:
            raise QuotaReached(f"{unfinished} of your jobs are unfinished and {bounds.per_quota} may be", "wait for some or cancel them")
        days.check_day(days.used_by(self._db, new[0].quota, days.day_of(new[0].created)), days.sum_of(new), bounds.daily)

    def _end(
        self,
        job: Job,
        state: str,
        now: float,
        *,
        result: str | None = None,
        result_bytes: int = 0,
        record: str | None = None,
        error: str | None = None,
        refund: bool = False,
    ) -> bool:
        with self._database.transaction():
            changed = self._db.execute(
                "UPDATE jobs SET state = ?, finished = ?, lease_until = NULL, result = ?, result_bytes = ?, record = ?, error = ? "
                "WHERE id = ? AND token = ? AND state = 'running'",
                (state, now, result, result_bytes, record, error, job.id, job.token),
            )
            if changed.rowcount == 1:
                if refund:
                    days.refund(self._db, job)
                callbacks.ended(self._db, job.id, state, now)
                self._note(job.id, state, now)
            return changed.rowcount == 1

    def _note(self, id: str, state: str, now: float) -> None:
        self._db.execute(
            "INSERT INTO events SELECT ?, coalesce(max(number), 0) + 1, ?, ? FROM events WHERE job = ?",
            (id, state, now, id),
        )

    def _jobs(self, where: str, *values: Any) -> tuple[Job, ...]:
        with self._database.foreseen():
            rows = self._db.execute(f"SELECT * FROM jobs {where}", values).fetchall()  # noqa: S608 - texts of this module
        return tuple(job_of(row) for row in rows)


def without_facts(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without the facts that its steps noted of the photo."""
    steps = [{name: value for name, value in step.items() if name != "facts"} for step in record.get("steps", ())]
    return {**record, "steps": steps}
