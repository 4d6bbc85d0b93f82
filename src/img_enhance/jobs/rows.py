"""What the list of jobs holds, as values."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from img_enhance.jobs.spool import PHOTO

FINAL = ("done", "failed", "cancelled", "expired")


@dataclass(frozen=True)
class Job:
    """A row of the list. `request` is what was asked for, `header` what is known of the photo, both JSON values; times are since 1970.

    `kind` is what most of the work is, by which its speed is learned.
    """

    id: str
    owner: str
    quota: str
    batch: str | None
    place: int
    state: str
    request: dict[str, Any]
    header: dict[str, Any]
    photo_bytes: int
    estimated_seconds: float
    created: float
    not_before: float = 0.0
    started: float | None = None
    finished: float | None = None
    token: int = 0
    lease_until: float | None = None
    deaths: int = 0
    returns: int = 0
    result: dict[str, Any] | None = None
    result_bytes: int = 0
    record: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    kind: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files: the photo until it is done, then the result, with the photo where that was to be kept."""
        if self.state in ("queued", "running"):
            return (PHOTO,)
        if self.state != "done" or self.result is None:
            return ()
        return (self.result["name"], PHOTO) if self.header.get("kept") else (self.result["name"],)


@dataclass(frozen=True)
class Claim:
    """An Idempotency-Key, and the fingerprint of what came with it."""

    key: str
    fingerprint: str


@dataclass(frozen=True)
class Daily:
    """What a caller may send a day; None where that is not bounded."""

    jobs: int | None = None
    megapixels: float | None = None


UNBOUNDED = Daily()


@dataclass(frozen=True)
class Used:
    """What a caller has sent on a day."""

    jobs: int
    pixels: int


@dataclass(frozen=True)
class Bounds:
    """How much may wait: jobs, their estimated seconds, unfinished jobs of one quota; and what that quota may send a day."""

    jobs: int
    seconds: float
    per_quota: int
    daily: Daily = UNBOUNDED


@dataclass(frozen=True)
class CallbackAddress:
    """Where to tell of a job's end, and whose secret signs it: the hash of an API key."""

    url: str
    signer: str


@dataclass(frozen=True)
class Callback:
    """How the telling of a job's end goes. `state` is the job's, None before its end; `due` is when the next attempt is, None when there is
    none; `answer` is what came of the last one, and `taken` when the receiver took the message.
    """

    job: str
    quota: str
    url: str
    signer: str
    state: str | None
    due: float | None
    attempts: int
    answer: str | None
    taken: float | None = None


@dataclass(frozen=True)
class Load:
    """How much there is to do, in estimated seconds by kind of work, and how many bytes photos and results take."""

    states: dict[str, int]
    queued: dict[str, float]
    stored_bytes: int

    @property
    def queued_seconds(self) -> float:
        return sum(self.queued.values())


@dataclass(frozen=True)
class Waiting:
    """What is needed of a job to say when its turn comes."""

    id: str
    kind: str
    estimated_seconds: float


@dataclass(frozen=True)
class Worked:
    """How long a job of a kind was estimated to take, and how long it took."""

    kind: str
    estimated_seconds: float
    seconds: float


@dataclass(frozen=True)
class Queue:
    """Jobs that wait, in the order in which they will be taken, and those that run."""

    waiting: tuple[Waiting, ...]
    running: tuple[Job, ...]


_JSON = ("request", "header", "result", "record", "error")
COLUMNS = tuple(Job.__dataclass_fields__)


def values_of(job: Job) -> tuple[Any, ...]:
    """The job as a row: values in the order of COLUMNS."""
    values = {name: getattr(job, name) for name in COLUMNS}
    return tuple(json.dumps(value) if name in _JSON and value is not None else value for name, value in values.items())


def job_of(row: sqlite3.Row) -> Job:
    """The job in a row."""
    values = {name: row[name] for name in COLUMNS}
    return Job(**{name: json.loads(value) if name in _JSON and value is not None else value for name, value in values.items()})
