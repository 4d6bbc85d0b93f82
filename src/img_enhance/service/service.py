"""Everything of the API process that has a lifetime: the store, the children, and who waits for what."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from img_enhance.errors import OptionError
from img_enhance.jobs.async_store import AsyncJobStore
from img_enhance.jobs.refusals import StorageFull, StoreBroken
from img_enhance.jobs.rows import Bounds, Daily
from img_enhance.jobs.spool import Spool
from img_enhance.jobs.store import JobStore
from img_enhance.service.addresses import AddressGuard
from img_enhance.service.dispatcher import Dispatcher
from img_enhance.service.keys import NEW_KEY, Keys
from img_enhance.service.live_state import LiveState
from img_enhance.service.metrics import Metrics
from img_enhance.service.outgoing import Outgoing
from img_enhance.service.pace import Pace
from img_enhance.service.pyramids import Pyramids
from img_enhance.service.settings import Settings
from img_enhance.service.shares import Shares
from img_enhance.service.slots import cutter_slot, reader_slots, worker_slots
from img_enhance.words import Setting, Words
from img_enhance.workers.protocol import CPU
from img_enhance.workers.supervisor import Readers, Slot, watch_memory

_log = logging.getLogger(__name__)

SWEEP_SECONDS = 30.0
FORGET_SECONDS = 7 * 86_400.0
# Of so many jobs that were done before a start it is learned how fast this machine is.
_PACED_BY_JOBS = 200


class Service:
    """Made from settings; `start` and `stop` it on one event loop.

    Raises: OptionError for settings that do not go together, DiskError, StoreBroken.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started = time.time()
        self.metrics = Metrics()
        self.live = LiveState()
        self.previews = Shares("previews", most=settings.uploads, most_each=settings.previews_per_key)
        self.fetches = Shares("photos by URL", most=settings.uploads, most_each=settings.uploads_per_key)
        # As many as readers, whose memory each may take too.
        self.conversions = Shares("conversions", most=settings.readers, most_each=1)
        self.outgoing = Outgoing(AddressGuard(settings.private_networks))
        self.pace = Pace()
        self.spool = Spool(Path(settings.data).resolve())
        self.keys = Keys(settings.api_keys, self.spool.root / "keys")
        if settings.access == "keys" and not self.keys:
            words = Words(
                "there is no API key: make one with img-enhance serve ", NEW_KEY, ", or let everybody in with ", Setting("access", "open")
            )
            raise OptionError(words)
        self._lock = self.spool.lock()
        self.store = AsyncJobStore(_recovered(self.spool))
        self.readers = Readers(reader_slots(settings, self.spool.scratch, self.metrics))
        self.dispatcher = Dispatcher(
            worker_slots(settings, self.spool.scratch, self.metrics),
            store=self.store,
            spool=self.spool,
            live=self.live,
            metrics=self.metrics,
            pace=self.pace,
            settings=settings,
        )
        self.pyramids = Pyramids(
            self.spool,
            lambda: cutter_slot(settings, self.spool.scratch, self.metrics),
            cutters=settings.cutters,
            room=self.room_bytes,
            fault=settings.fault,
        )
        self._tasks: list[asyncio.Task[None]] = []

    def bounds_of(self, daily: Daily) -> Bounds:
        """What is kept to where jobs are accepted of a caller who may send so much a day."""
        return Bounds(self.settings.queue_jobs, self.settings.queue_seconds, self.settings.jobs_per_key, daily)

    async def stored_bytes(self) -> int:
        """What photos, results and what they are looked at by take on the disk."""
        return (await self.store.ask(JobStore.load)).stored_bytes + self.pyramids.bytes

    async def room_bytes(self) -> int:
        """How much more may be kept."""
        allowed = int(self.settings.storage_gb * 1e9) - await self.stored_bytes()
        return min(allowed, self.spool.free_bytes() - int(self.settings.free_disk_mb * 1e6))

    async def forget(self, job: str) -> None:
        """Remove all files of a job that has no result any more."""
        await self.pyramids.drop(job)
        await asyncio.to_thread(self.spool.drop, job)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The places of all children, workers first."""
        return (*self.dispatcher.slots, *self.readers.slots)

    @property
    def ready(self) -> bool:
        """Whether a worker and a reader are there, and it takes work."""
        alive = {slot.role for slot in self.slots if slot.child is not None and slot.child.alive}
        return alive == {"reader", "worker"} and not self.live.stopping

    async def start(self, *loops: Coroutine[Any, Any, None]) -> None:
        """Start the children, the loops around them, and others that go on until the end."""
        for job in await self.store.ask(JobStore.worked, most=_PACED_BY_JOBS):
            self.pace.learn(job.kind, job.estimated_seconds, job.seconds)
        self._spawn(watch_memory(self.slots), *(self.dispatcher.serve(worker) for worker in self.dispatcher.slots), self._sweep())
        self._spawn(*(self._fill(reader) for reader in self.readers.slots), *loops)

    async def stop(self) -> None:
        """Let work end or hand it back, then end the children and close the store."""
        self.live.stop(self.settings.drain_seconds)
        await self.pyramids.stop()
        await self.dispatcher.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for slot in self.slots:
            await slot.empty()
        await self.store.ask(JobStore.recover, now=time.time())
        await self.store.close()
        os.close(self._lock)

    def processes(self) -> list[dict[str, Any]]:
        """The children, as /status shows them."""
        return [
            {
                "role": slot.role,
                "lane": slot.lane,
                "alive": slot.child is not None and slot.child.alive,
                "models": list(slot.child.models) if slot.child else [],
                "pid": slot.child.process.pid if slot.child else None,
            }
            for slot in self.slots
        ]

    def processors(self) -> dict[str, Any]:
        """What a worker said of the processors; before one has, only that they are not known yet."""
        for slot in self.dispatcher.slots:
            if slot.child is not None and slot.child.processors:
                return slot.child.processors
        reason = "no worker has started yet"
        return {"devices": [], "gpu": {"enabled": self.settings.worker_device != CPU, "used": False, "reason": reason}}

    def _spawn(self, *loops: Any) -> None:
        for loop in loops:
            task = asyncio.create_task(loop)
            task.add_done_callback(_report)
            self._tasks.append(task)

    async def _fill(self, slot: Slot) -> None:
        await slot.filled()

    async def _sweep(self) -> None:
        """Let results expire, and take back jobs whose lease is over."""
        while True:
            now = time.time()
            kept_since = now - self.settings.retention_hours * 3600
            try:
                expired = await self.store.ask(JobStore.expire, finished_before=kept_since, forget_before=kept_since - FORGET_SECONDS)
                for id in expired:
                    await self.forget(id)
                await self.pyramids.sweep()
                for job in await self.store.ask(JobStore.lapsed, now=now):
                    if job.id not in self.dispatcher.running:
                        await self.dispatcher.take_back(job)
            except (StoreBroken, StorageFull, OSError) as error:
                _log.error("the store cannot be swept", extra={"detail": str(error)})
            await asyncio.sleep(min(SWEEP_SECONDS, self.settings.retention_hours * 3600 / 4))


def _recovered(spool: Spool) -> JobStore:
    """The store, in which what ran is put back; files that no row knows of are gone."""
    spool.make()
    store = JobStore(spool.root / "jobs.sqlite")
    store.check_writable()
    store.recover(now=time.time())
    strays = spool.sweep(store.files())
    _log.info("the store is open", extra={"jobs": store.load().states, "strays": strays})
    return store


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.critical("a loop of the service ended", exc_info=task.exception())
