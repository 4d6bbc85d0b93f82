"""Lanes whose photos a web service enhances: sent a few at a time, and their results fetched."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from img_enhance.batch.lanes import AtWork, PhotoTask, cancelled, failed
from img_enhance.batch.manifest import state_at
from img_enhance.batch.outcome import AlgorithmRun, Phase, PhotoOutcome, lacking_runs
from img_enhance.batch.thumbnailer import Thumbnailer
from img_enhance.client import Client, JobStatus
from img_enhance.errors import Cancelled, DiskError, ImgEnhanceError, PhotoError
from img_enhance.models.weights.cache import sha256_of
from img_enhance.photo import format_named
from img_enhance.request.options import Machine

# So many photos are sent, waited for and fetched at the same time: a service with a few workers has always work, and others have a share.
AT_ONCE = 4

# A job is asked for so long after the last time, at first and at most.
_FIRST_SECONDS, _MOST_SECONDS = 0.2, 2.0


def made_by_server(client: Client, order: Mapping[str, Any]) -> str:
    """A hash of what decides a result there, beside the photo: the `order`, recipe and name, and the service's version.

    Raises: what `Client` raises where there is no service, or none for us.
    """
    facts = {"version": client.status()["version"], "server": True, **order}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


class ServerLanes:
    """As `Lanes`. The client may be used from several threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tasks: queue.SimpleQueue[tuple[PhotoTask, Future[PhotoOutcome]] | None] = queue.SimpleQueue()
        self._progress: dict[str, AtWork] = {}
        self._stop = threading.Event()
        self._thumbnails = Thumbnailer(Machine().max_pixels)

    def __enter__(self) -> ServerLanes:
        self._threads = [threading.Thread(target=self._drive, name=f"server lane {number}") for number in range(AT_ONCE)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()
        self._thumbnails.close()

    @property
    def most_in_flight(self) -> int:
        return AT_ONCE

    @property
    def at_work(self) -> Mapping[str, AtWork]:
        return dict(self._progress)

    def submit(self, task: PhotoTask) -> Future[PhotoOutcome]:
        future = Future[PhotoOutcome]()
        self._tasks.put((task, future))
        return future

    def cancel(self) -> None:
        self._stop.set()

    def _drive(self) -> None:
        while (item := self._tasks.get()) is not None:
            task, future = item
            future.set_result(cancelled(task) if self._stop.is_set() else self._outcome(task))

    def _outcome(self, task: PhotoTask) -> PhotoOutcome:
        started = time.perf_counter()
        self._progress[task.stem] = AtWork()
        try:
            outcome = self._enhanced(task)
        except ImgEnhanceError as error:
            steps = () if isinstance(task.recipe.steps, str) else task.recipe.steps
            runs = tuple(AlgorithmRun(step.name, loaded=True, executed=False, why_not=error.words) for step in steps)
            outcome = replace(failed(task, error), algorithms=runs)
        finally:
            del self._progress[task.stem]
        return replace(outcome, seconds=time.perf_counter() - started, finished=time.time())

    def _enhanced(self, task: PhotoTask) -> PhotoOutcome:
        """What became of the photo there.

        Raises: what `Client` raises; PhotoError where the file changes meanwhile; Cancelled.
        """
        path = Path(task.path)
        before = state_at(path)
        try:
            sha256 = sha256_of(path)
        except OSError as error:
            raise PhotoError(f"{path} cannot be read: {error.strerror}", "check its name and permissions") from None
        job = self._client.submit(path, task.recipe)
        planned_seconds = job.seconds_left or 0.0
        job = self._awaited(job, task.stem, planned_seconds)
        if state_at(path) != before:
            raise PhotoError(f"{path} was written to while it was sent", "do it again when it is whole")
        staged = Path(task.folder) / (task.stem + format_named(job.output_format).endings[0])
        self._client.save_result(job, staged, overwrite=True)
        _keep_times(task, path, staged)
        small, small_result = task.thumbnails or ("", "")
        unseen = (*self._thumbnails.make(path, small), *self._thumbnails.make(staged, small_result))
        outcome = outcome_of(job, task, f"server {self._client.url}")
        return replace(
            outcome,
            planned_seconds=planned_seconds,
            file=before,
            sha256=sha256,
            staged=staged.name,
            result_file=state_at(staged),
            warnings=(*outcome.warnings, *unseen),
        )

    def _awaited(self, job: JobStatus, stem: str, seconds: float) -> JobStatus:
        """The job when it is done.

        Raises: its error; Cancelled, after which the service does not work on it any more.
        """
        pause = _FIRST_SECONDS
        while not job.finished:
            self._progress[stem] = AtWork(seconds, job.progress)
            if self._stop.wait(pause):
                self._client.abandon(job.id)
                raise Cancelled("cancelled; nothing was written")
            pause = min(_MOST_SECONDS, 1.5 * pause)
            job = self._client.job(job.id)
        job.check_done()
        return job


def outcome_of(job: JobStatus, task: PhotoTask, device: str) -> PhotoOutcome:
    """What a job that is done says of its photo."""
    record, result = job.record or {}, job.result or {}
    steps = [step["step"] for step in job.recipe["steps"]]
    phases = tuple(_phases(record, steps))
    seconds = {name: sum(phase.seconds for phase in phases if phase.algorithm == name) for name in steps}
    runs = tuple(AlgorithmRun(name, loaded=True, executed=True, seconds=seconds[name]) for name in dict.fromkeys(steps))
    return PhotoOutcome(
        source=task.source,
        path=task.path,
        status="done",
        format=str(job.photo["format"]),
        size=(int(job.photo["width"]), int(job.photo["height"])),
        result_format=job.output_format,
        result_size=(int(result["width"]), int(result["height"])),
        peak_bytes=max((phase.peak_bytes for phase in phases), default=0),
        done_text=str(record.get("done", "")),
        copied=bool(record.get("copied", False)),
        recipe=job.recipe,
        reasons=job.reasons,
        algorithms=(*runs, *lacking_runs(job.reasons)),
        phases=phases,
        warnings=tuple(record.get("warnings", ())),
        device=device,
        precision=str(record.get("plan", {}).get("precision", "")),
        weights_sha256=record.get("weights_sha256", {}),
        version=str(record.get("version", "")),
        made_by=task.made_by,
    )


def _phases(record: Mapping[str, Any], steps: list[str]) -> Iterator[Phase]:
    """The record's phases. Which step asked for a network's, it does not say."""
    for phase in record.get("steps", ()):
        owner = phase["name"] if phase["name"] in steps else ""
        unchanged = str(phase.get("facts", {}).get("unchanged", ""))
        yield Phase(phase["name"], owner, float(phase["seconds"]), int(phase["measured_bytes"]), unchanged)


def _keep_times(task: PhotoTask, path: Path, staged: Path) -> None:
    if task.keep_times:
        times = path.stat()
        try:
            os.utime(staged, ns=(times.st_atime_ns, times.st_mtime_ns))
        except OSError as error:
            raise DiskError(f"cannot write {staged}: {error.strerror}") from None
