"""Everything of the API process that has a lifetime: the store, the children, and who waits for what."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psutil

from img_enhance.errors import DiskError, OptionError
from img_enhance.service.board import Board
from img_enhance.service.dispatcher import Dispatcher
from img_enhance.service.keys import Keys
from img_enhance.service.metrics import Metrics
from img_enhance.service.protocol import CPU, Setup
from img_enhance.service.refusals import StorageFull, StoreBroken
from img_enhance.service.rows import Bounds
from img_enhance.service.settings import Settings
from img_enhance.service.spool import Spool
from img_enhance.service.store import Store
from img_enhance.service.supervisor import Post, Readers, watch_memory

_log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

SWEEP_SECONDS = 30.0
FORGET_SECONDS = 7 * 86_400.0

# A worker may take what its plans allow, and this much more before it is ended (measured peaks stay below the plan).
_SLACK, _SLACK_BYTES = 1.25, 300_000_000
_SHARE_OF_MACHINE = 0.5
_LEAST_WORKER_BYTES = 1_000_000_000

# The latest job counts so much in what is learned of this machine's speed.
_PACE_WEIGHT = 0.2
_LEAST_SECONDS = 0.05


class Service:
    """Made from settings; `start` and `stop` it on one event loop.

    Raises: OptionError for settings that do not go together, DiskError, StoreBroken.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started = time.time()
        self.metrics = Metrics()
        self.board = Board()
        self.spool = Spool(Path(settings.data).resolve())
        self.keys = Keys(settings.api_keys, self.spool.root / "keys")
        if settings.access == "keys" and not self.keys:
            raise OptionError("there is no API key: make one with img-enhance serve --new-key NAME, or let everybody in with --access open")
        self.stopping = False
        self.uploads = 0
        self.pace = 1.0
        self._lock = self._only_one()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._tasks: list[asyncio.Task[None]] = []
        self._recover()

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.settings.queue_jobs, self.settings.queue_seconds, self.settings.jobs_per_key)

    @property
    def ready(self) -> bool:
        """Whether a worker and a reader are there, and it takes work."""
        posts = (*self.readers.posts, *self.dispatcher.posts)
        alive = {post.role for post in posts if post.child is not None and post.child.alive}
        return alive == {"reader", "worker"} and not self.stopping

    async def ask(self, call: Callable[[], Answer]) -> Answer:
        """What the store answers, from the one thread that talks to it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def changed(self) -> None:
        """Called when a child came or went."""

    def learn_pace(self, estimated: float, measured: float) -> None:
        """Learn how long this machine takes compared with estimates."""
        ratio = measured / max(estimated, _LEAST_SECONDS)
        self.pace += _PACE_WEIGHT * (min(max(ratio, 0.05), 20.0) - self.pace)

    async def check_room(self, incoming_bytes: int) -> None:
        """Pass if so many bytes more can be kept.

        Raises: StorageFull.
        """
        most = self.settings.storage_gb * 1e9
        stored = (await self.ask(self.store.load)).stored_bytes
        if stored + incoming_bytes > most:
            raise StorageFull(
                f"photos and results take {stored / 1e9:.2f} GB of at most {most / 1e9:g}; try again when older ones have expired"
            )
        if self.spool.free_bytes() - incoming_bytes < self.settings.free_disk_mb * 1e6:
            raise StorageFull("the disk of the service is nearly full; try again later")

    async def start(self) -> None:
        """Start the children and the loops around them."""
        setup = self._setup("auto" if self.settings.enable_gpu else CPU)
        most = int(setup.max_memory or 0)
        post = partial(Post, scratch=self.spool.scratch, metrics=self.metrics)
        workers = [post("worker", lane, setup, most_bytes=int(most * _SLACK) + _SLACK_BYTES) for lane in self.settings.lanes]
        readers = [
            post("reader", "", self._setup(CPU), most_bytes=self.settings.reader_memory + _SLACK_BYTES)
            for _ in range(self.settings.readers)
        ]
        self.readers = Readers(readers, self.changed)
        self.dispatcher = Dispatcher(self, workers)
        self._spawn(watch_memory([*workers, *readers]), *(self.dispatcher.serve(worker) for worker in workers), self._sweep())
        self._spawn(*(self._fill(reader) for reader in readers))

    async def stop(self) -> None:
        """Let work end or hand it back, then end the children and close the store."""
        self.drain()
        await self.dispatcher.stop(self.settings.drain_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for post in (*self.dispatcher.posts, *self.readers.posts):
            await post.empty()
        await self.ask(partial(self.store.recover, now=time.time()))
        await self.ask(self.store.close)
        self._thread.shutdown()
        os.close(self._lock)

    def drain(self) -> None:
        """Take nothing more."""
        self.stopping = True
        self.board.everything_changed()

    def processes(self) -> list[dict[str, Any]]:
        """The children, as /status shows them."""
        return [
            {
                "role": post.role,
                "lane": post.lane,
                "alive": post.child is not None and post.child.alive,
                "models": list(post.child.models) if post.child else [],
                "pid": post.child.process.pid if post.child else None,
            }
            for post in (*self.dispatcher.posts, *self.readers.posts)
        ]

    def processors(self) -> dict[str, Any]:
        """What a worker said of the processors; before one has, only that they are not known yet."""
        for post in self.dispatcher.posts:
            if post.child is not None and post.child.processors:
                return post.child.processors
        reason = "no worker has started yet"
        return {"devices": [], "gpu": {"enabled": self.settings.enable_gpu, "used": False, "reason": reason}}

    def _setup(self, device: str) -> Setup:
        settings = self.settings
        share = int(psutil.virtual_memory().total * _SHARE_OF_MACHINE / len(settings.lanes))
        return Setup(
            device=device,
            precision=settings.precision,
            max_memory=settings.worker_memory or max(_LEAST_WORKER_BYTES, share),
            max_gpu_memory=settings.worker_gpu_memory,
            gpu_share=1 / len(settings.lanes),
            max_pixels=int(settings.max_megapixels * 1e6),
            max_result_pixels=int(settings.max_result_megapixels * 1e6),
            warm_model=settings.warm_model,
            idle_seconds=settings.idle_seconds,
            reader_memory=settings.reader_memory,
            reader_seconds=settings.reader_seconds,
            max_file_bytes=settings.max_file_bytes,
        )

    def _only_one(self) -> int:
        """The lock that says that this process owns the folder; the system drops it when the process dies."""
        self.spool.make_root()
        try:
            handle = os.open(self.spool.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DiskError(f"the folder {self.spool.root} cannot be written: {error.strerror}; name another with --data") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise StoreBroken(f"another service uses the folder {self.spool.root}; stop it, or name another with --data") from None
        return handle

    def _recover(self) -> None:
        """Open the store, put back what ran, and remove files that no row knows of."""
        self.spool.make()
        self.store = Store(self.spool.root / "jobs.sqlite")
        self.store.check_writable()
        self.store.recover(now=time.time())
        strays = self.spool.sweep(self.store.files())
        _log.info("the store is open", extra={"jobs": self.store.load().states, "strays": strays})

    def _spawn(self, *loops: Any) -> None:
        for loop in loops:
            task = asyncio.create_task(loop)
            task.add_done_callback(_report)
            self._tasks.append(task)

    async def _fill(self, post: Post) -> None:
        await post.filled()

    async def _sweep(self) -> None:
        """Let results expire, and take back jobs whose lease is over."""
        while True:
            now = time.time()
            kept_since = now - self.settings.retention_hours * 3600
            try:
                expired = await self.ask(partial(self.store.expire, finished_before=kept_since, forget_before=kept_since - FORGET_SECONDS))
                for id in expired:
                    await asyncio.to_thread(self.spool.drop, id)
                for job in await self.ask(partial(self.store.lapsed, now=now)):
                    if job.id not in self.dispatcher.running:
                        await self.ask(partial(self.store.hand_back, job, now=now, returns=1))
            except (StoreBroken, StorageFull) as error:
                _log.error("the store cannot be swept", extra={"error": asdict_error(error)})
            await asyncio.sleep(min(SWEEP_SECONDS, self.settings.retention_hours * 3600 / 4))


def asdict_error(error: StoreBroken | StorageFull) -> dict[str, str]:
    """Code and words of an error, for the log."""
    return {"code": error.code, "detail": str(error)}


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.critical("a loop of the service ended", exc_info=task.exception())
