"""Jobs from the store to the workers and back."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from pathlib import Path

from img_enhance.jobs.async_store import AsyncJobStore
from img_enhance.jobs.refusals import StorageFull, StoreBroken, WorkerDied
from img_enhance.jobs.rows import Job
from img_enhance.jobs.spool import PHOTO, Spool, sync_folder
from img_enhance.jobs.store import MOST_DEATHS, JobStore
from img_enhance.service.live_state import LiveState
from img_enhance.service.metrics import Metrics
from img_enhance.service.pace import Pace
from img_enhance.service.settings import Settings
from img_enhance.workers.catalogue import as_data
from img_enhance.workers.faults import chosen, die_at
from img_enhance.workers.protocol import Cancel, EnhancePhoto, Failed, Succeeded, Working
from img_enhance.workers.supervisor import Slot

_log = logging.getLogger(__name__)

STORE_PAUSE_SECONDS = 1.0
LEASE_SECONDS = 60.0
RENEW_SECONDS = 10.0

# Something that passes by itself: no room on the disk or in memory for now.
_PASSING = ("disk", "storage_full", "memory_budget")
PASSING_PAUSE_SECONDS = 10.0
_PASSING_FOR_SECONDS = 600.0

_CANCEL_GRACE_SECONDS = 5.0
_FOREVER = 1e12


class Dispatcher:
    """One loop for every worker. `running` are the slots that jobs run in."""

    def __init__(
        self,
        slots: list[Slot],
        *,
        store: AsyncJobStore,
        spool: Spool,
        live: LiveState,
        metrics: Metrics,
        pace: Pace,
        settings: Settings,
    ) -> None:
        self.slots = slots
        self.running: dict[str, Slot] = {}
        self._store, self._spool, self._live, self._metrics, self._pace = store, spool, live, metrics, pace
        self._settings = settings
        self._work = asyncio.Event()
        self._fault, self._faults_left = chosen(settings.fault)

    def wake(self) -> None:
        """Say that there may be work."""
        self._work.set()

    async def cancel(self, id: str) -> bool:
        """Whether a job was unfinished; now it is cancelled, and its files go."""
        done = await self._store.ask(JobStore.cancel, id, now=time.time())
        if done:
            self._metrics.jobs_ended.labels(state="cancelled").inc()
            if id in self.running:
                await self._interrupt(id)
            else:
                await asyncio.to_thread(self._spool.drop, id)
            self._live.changed(id)
        return done

    async def take_back(self, job: Job) -> None:
        """Put a job back whose lease lapsed."""
        await self._store.ask(JobStore.take_back, job, now=time.time())
        await self._clean(job)

    async def _interrupt(self, id: str) -> None:
        """Tell the worker that a job is wanted no more."""
        slot = self.running.get(id)
        if slot is not None and slot.child is not None:
            await slot.child.send(Cancel())

    async def serve(self, slot: Slot) -> None:
        """Take jobs for one worker until the service stops. What cannot be used for now (the store, a file, a new process) is tried again;
        leases lapse meanwhile.
        """
        while not self._live.stopping:
            try:
                await self._serve(slot)
            except (StoreBroken, StorageFull, OSError) as error:
                _log.error("jobs cannot be done for now", extra={"detail": str(error)})
                await asyncio.sleep(STORE_PAUSE_SECONDS)

    async def _serve(self, slot: Slot) -> None:
        short_seconds = self._settings.short_seconds if slot.lane == "short" else _FOREVER
        while not self._live.stopping:
            await slot.filled()
            self._work.clear()
            now = time.time()
            job = await self._store.ask(JobStore.lease, short_seconds=short_seconds, now=now, until=now + LEASE_SECONDS)
            if job is None:
                await self._idle()
                continue
            await self._do(slot, job)
            await slot.refresh()

    async def _idle(self) -> None:
        """Wait for work, or for a second: some jobs may start only later, and the worker may die meanwhile."""
        try:
            await asyncio.wait_for(self._work.wait(), 1.0)
        except TimeoutError:
            return

    async def _do(self, slot: Slot, job: Job) -> None:
        self._die_at("leased")
        _log.info("a job starts", extra={"job": job.id, "token": job.token})
        self._metrics.queue_wait_seconds.observe(max(0.0, time.time() - job.created))
        self._live.fractions[job.id] = 0.0
        self.running[job.id] = slot
        self._live.changed(job.id)
        started = time.monotonic()
        try:
            end = await self._answer(slot, job)
            await self._settle(job, end, time.monotonic() - started)
            if isinstance(end, Succeeded):
                self._pace.learn(job.kind, job.estimated_seconds, time.monotonic() - started)
        finally:
            self.running.pop(job.id, None)
            self._live.fractions.pop(job.id, None)
            self._live.changed(job.id)

    async def _answer(self, slot: Slot, job: Job) -> Succeeded | Failed | None:
        """How the worker ended, None if it died; its lease is renewed as long as it talks."""
        child = slot.child
        assert child is not None
        folder = self._spool.jobs / job.id
        fault = ""
        if self._fault.startswith("worker ") and self._faults_left:
            fault, self._faults_left = self._fault, self._faults_left - 1
        await child.send(EnhancePhoto(str(folder / PHOTO), job.request, str(folder / f"result-{job.token}"), fault))
        renewed = time.monotonic()
        while True:
            try:
                message = await asyncio.wait_for(child.receive(), self._settings.stall_seconds)
            except TimeoutError:
                _log.error("a worker says nothing and is replaced", extra={"job": job.id})
                await child.kill()
                return None
            if not isinstance(message, Working):
                if message is None:
                    await child.kill()
                return message if isinstance(message, Succeeded | Failed) else None
            self._live.fractions[job.id] = message.fraction
            self._live.changed(job.id)
            if time.monotonic() - renewed > RENEW_SECONDS:
                renewed = time.monotonic()
                if not await self._store.ask(JobStore.renew, job, until=time.time() + LEASE_SECONDS):
                    await child.send(Cancel())

    async def _settle(self, job: Job, end: Succeeded | Failed | None, seconds: float) -> None:
        now = time.time()
        if isinstance(end, Succeeded):
            await self._publish(job, end, seconds)
        elif end is None:
            await self._after_death(job)
        elif end.code == "cancelled":  # by its owner, whose word is in the store already, or because the service stops
            await self._store.ask(JobStore.requeue, job, now=now)
        elif end.code in _PASSING and now - job.created < _PASSING_FOR_SECONDS:
            _log.warning("a job waits for better times", extra={"job": job.id, "code": end.code, "detail": end.private or end.detail})
            await self._store.ask(JobStore.requeue, job, now=now, not_before=now + PASSING_PAUSE_SECONDS)
        else:
            await self._fail(job, end)
        await self._clean(job)

    async def _publish(self, job: Job, end: Succeeded, seconds: float) -> None:
        """Publish a result: its file and its name are synced before the row, and the row counts only with the latest token."""
        folder = self._spool.jobs / job.id
        path = folder / Path(end.name).name
        self._die_at("before publishing")
        await asyncio.to_thread(sync_folder, folder)
        size, sha256 = path.stat().st_size, await asyncio.to_thread(_sha256, path)
        result = {"name": path.name, "format": end.format, "width": end.size[0], "height": end.size[1], "bytes": size, "sha256": sha256}
        # The worker was given the steps that a reader had chosen, and does not know why.
        record = end.record | {"reasons": job.header.get("reasons", [])}
        done = await self._store.ask(JobStore.finish, job, now=time.time(), result=result, result_bytes=size, record=record)
        self._die_at("published")
        if done:
            self._metrics.jobs_ended.labels(state="done").inc()
            for step in end.record["steps"]:
                self._metrics.step_seconds.labels(step=step["name"]).observe(step["seconds"])
        _log.info("a job ended", extra={"job": job.id, "state": "done" if done else "superseded", "seconds": round(seconds, 3)})

    async def _after_death(self, job: Job) -> None:
        if self._live.stopping:
            await self._store.ask(JobStore.requeue, job, now=time.time())
        elif job.deaths + 1 >= MOST_DEATHS:
            await self._fail(job, as_data(WorkerDied(f"this job ended its worker {MOST_DEATHS} times", "ask for a smaller factor")))
        else:
            await self._store.ask(JobStore.requeue, job, now=time.time(), deaths=1)

    async def _fail(self, job: Job, end: Failed) -> None:
        if await self._store.ask(JobStore.fail, job, now=time.time(), error=end.shown()):
            self._metrics.jobs_ended.labels(state="failed").inc()
        _log.warning("a job failed", extra={"job": job.id, "code": end.code, "detail": end.private or end.detail})

    async def _clean(self, job: Job) -> None:
        """Leave in the job's folder only what its row says."""
        row = await self._store.ask(JobStore.job, job.id)
        if row is None or row.state in ("failed", "cancelled", "expired"):
            await asyncio.to_thread(self._spool.drop, job.id)
        elif row.state in ("done", "queued"):
            await asyncio.to_thread(self._spool.keep_only, job.id, row.files)
        if row is not None and row.state == "queued":
            self.wake()

    def _die_at(self, point: str) -> None:
        die_at(point, self._fault)

    async def stop(self) -> None:
        """Let what runs end until `live.stop_by`; hand the rest back."""
        while self.running and time.monotonic() < self._live.stop_by:
            await asyncio.sleep(0.05)
        for id in list(self.running):
            await self._interrupt(id)
        deadline = time.monotonic() + _CANCEL_GRACE_SECONDS
        while self.running and time.monotonic() < deadline:
            await asyncio.sleep(0.05)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
