"""What was accepted, what came of it, and what must not be: the one place where faults are counted."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from running import left_over
from soak.work import Task, hash_in

_MOST_FAULTS_SHOWN = 20


@dataclass
class Entry:
    """A job that was accepted; `task` is None for a file whose result is not known, `end` is what its client saw of it."""

    key: str
    task: Task | None
    end: str = ""


@dataclass
class Ledger:
    """`ends` counts what became of requests, `faults` are what must not be, in words."""

    jobs: dict[str, Entry] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        self.faults.append(text)
        if len(self.faults) <= _MOST_FAULTS_SHOWN:
            print(f"[ERROR] {text}", flush=True)

    def accepted(self, id: str, key: str, task: Task | None) -> None:
        """A job that an answer named; the same one may be named again, to the same key."""
        known = self.jobs.setdefault(id, Entry(key, task))
        if (known.key, known.task) != (key, task):
            self.fault(f"job {id} was named to two requests")

    def ended(self, id: str, end: str) -> None:
        """A client has seen that a job is over."""
        self.jobs[id].end = end
        self.ends[end] += 1

    def pictured(self, id: str, picture: bytes) -> None:
        """A client has the result of a job."""
        task = self.jobs[id].task
        if task is not None and hash_in(picture) != task.pixels:
            self.fault(f"job {id} has a picture that is not its own")
            self.ended(id, "wrong")
        else:
            self.ended(id, "right" if task is not None else "harmful file done")

    def failed(self, id: str, problem: dict[str, Any]) -> None:
        """A job ended with a problem. One that lost two workers to kills is failed by design; a good photo fails of nothing else."""
        code = problem["code"]
        if code == "worker_died":
            self.ended(id, "lost two workers")
        elif self.jobs[id].task is None and problem["status"] < httpx.codes.INTERNAL_SERVER_ERROR:
            self.ended(id, "harmful file failed")
        else:
            self.fault(f"job {id} failed: {problem}")
            self.ended(id, "failed")


def check_lists(url: str, ledger: Ledger, keys: tuple[str, ...]) -> None:
    """Compare the service's lists of jobs with what was accepted, and fetch what no client has seen the end of. Nothing is at work."""
    for key in keys:
        with httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=120) as client:
            found = {job["id"]: job for job in _all_jobs(client)}
            ours = {id: entry for id, entry in ledger.jobs.items() if entry.key == key}
            for id in ours.keys() - found.keys():
                ledger.fault(f"job {id} is lost")
            for id in found.keys() - ours.keys():
                ledger.fault(f"job {id} was taken and nobody was told, or a request was taken twice")
            for id in ours.keys() & found.keys():
                _see_through(client, ledger, id, found[id])


def _all_jobs(client: httpx.Client) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = []
    address: str | None = "/api/v1/jobs?limit=100"
    while address is not None:
        page = client.get(address).raise_for_status().json()
        jobs += page["jobs"]
        address = page.get("next")
    return jobs


def _see_through(client: httpx.Client, ledger: Ledger, id: str, job: dict[str, Any]) -> None:
    if job["state"] in ("queued", "running"):
        ledger.fault(f"job {id} is {job['state']} and nothing runs")
    elif ledger.jobs[id].end:
        return
    elif job["state"] == "done":
        ledger.pictured(id, client.get(f"/api/v1/jobs/{id}/result").content)
    elif job["state"] == "failed":
        ledger.failed(id, job["error"])
    else:
        ledger.ended(id, job["state"])


def check_folder(data: Path, ledger: Ledger) -> None:
    """Look at what a service that has stopped leaves: no file without a row, no row without its file, nothing done twice."""
    with closing(sqlite3.connect(data / "jobs.sqlite")) as db:
        twice = db.execute("SELECT job FROM events WHERE state = 'done' GROUP BY job HAVING count(*) > 1").fetchall()
        done = {row[0] for row in db.execute("SELECT id FROM jobs WHERE state = 'done'")}
    for (id,) in twice:
        ledger.fault(f"job {id} was done twice")
    kept = {path.name for path in (data / "jobs").iterdir()}
    for id in done ^ kept:
        ledger.fault(f"job {id} has {'no file' if id in done else 'a file and no result'}")
    for name in left_over(data):
        ledger.fault(f"{name} was left")
