"""What large results are looked at by: pyramids of tiles, cut by a process of their own when somebody first looks.

They can be made anew at any time, so nothing of them outlives the service, and they make room for photos and results.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from img_enhance.geometry import Size
from img_enhance.jobs.refusals import NotViewable, StorageFull
from img_enhance.jobs.spool import Spool
from img_enhance.pyramid import Level, levels_of, tile_name
from img_enhance.service.shares import Shares
from img_enhance.workers.catalogue import as_data
from img_enhance.workers.faults import chosen
from img_enhance.workers.protocol import CutPictures, Failed, RowCut, SizeKnown, TilesCut
from img_enhance.workers.supervisor import Slot, watch_memory

_log = logging.getLogger(__name__)

BEFORE, AFTER = "before", "after"

# Nobody has looked for so long: the tiles go. One that failed may be tried again after a while.
UNSEEN_SECONDS = 3600.0
_FAILED_SECONDS = 60.0

# A cutter that dies once may have been in somebody's way.
_TRIES = 2
# It tells of every row of tiles; the machine may be busy, and it comes last.
_STALL_SECONDS = 300.0

# PNG of noise takes a little more than its values; the levels above are a third as many pixels with loss.
_MOST_BYTES_PER_PIXEL = 3.5

# Waiting for a cutter, over the whole service and for one key or address.
_MOST, _MOST_EACH = 100, 4


@dataclass
class Picture:
    """One picture's pyramid: `rows` are the rows of tiles that are there, for every level."""

    size: Size
    levels: tuple[Level, ...]
    rows: list[int]

    @property
    def whole(self) -> bool:
        return all(rows == level.tiles.height for rows, level in zip(self.rows, self.levels, strict=True))


@dataclass
class Pyramid:
    """What there is of a job's pictures. `bytes` are those on the disk, or those that may come while it is not ready."""

    job: str
    folder: Path
    state: Literal["waiting", "cutting", "ready", "failed"] = "waiting"
    pictures: dict[str, Picture] = field(default_factory=dict)
    bytes: int = 0
    problem: Failed | None = None
    seen: float = field(default_factory=time.monotonic)
    task: asyncio.Task[None] | None = None


class Pyramids:
    """All pyramids of a service. `slot` makes a place for a cutter, of which there are `cutters` at a time; `room` says how many bytes more
    may be kept.
    """

    def __init__(
        self, spool: Spool, slot: Callable[[], Slot], *, cutters: int, room: Callable[[], Awaitable[int]], fault: str = ""
    ) -> None:
        self._spool, self._slot, self._room = spool, slot, room
        self._turn = asyncio.Semaphore(cutters)
        self._fault, self._faults_left = chosen(fault)
        self._made = 0
        self._shares = Shares("views", most=_MOST, most_each=_MOST_EACH)
        self._all: dict[str, Pyramid] = {}

    @property
    def bytes(self) -> int:
        """How much of the disk they take, or soon may."""
        return sum(each.bytes for each in self._all.values())

    def seen(self, job: str, quota: str, files: Mapping[str, Path]) -> Pyramid:
        """The pyramid of a job, which is begun if there is none. `files` are its pictures by their names.

        Raises: QuotaReached, Saturated when too many are waited for.
        """
        found = self._all.get(job)
        if found is not None and (found.state != "failed" or time.monotonic() - found.seen < _FAILED_SECONDS):
            if found.state != "failed":
                found.seen = time.monotonic()
            return found
        with ExitStack() as share:
            share.enter_context(self._shares.held(quota))
            self._made += 1  # the folder of one that is just being forgotten is another's
            made = self._all[job] = Pyramid(job, self._spool.tiles / f"{job}-{self._made}")
            made.task = asyncio.create_task(self._make(made, dict(files), share.pop_all()))
        return made

    def tile(self, pyramid: Pyramid, name: str, *, level: int, column: int, row: int) -> Path | None:
        """The file of a tile, None while it is not there yet.

        Raises: KeyError when the picture has no such tile.
        """
        picture = pyramid.pictures.get(name)
        if picture is None:
            if pyramid.state in ("waiting", "cutting") and name in (BEFORE, AFTER):
                return None
            raise KeyError(name)
        if level >= len(picture.levels) or column >= picture.levels[level].tiles.width or row >= picture.levels[level].tiles.height:
            raise KeyError(f"{level}/{column}_{row}")
        if row >= picture.rows[level]:
            return None
        return pyramid.folder / name / tile_name(level, column, row)

    async def drop(self, job: str) -> None:
        """Forget a job's pyramid: its cutter is ended, its tiles are gone from the disk."""
        found = self._all.pop(job, None)
        if found is None:
            return
        if found.task is not None:
            found.task.cancel()
            await asyncio.gather(found.task, return_exceptions=True)
        await _remove(found)

    async def make_room(self, lacking_bytes: int) -> None:
        """Forget those that were not looked at for longest, until so many bytes more are free or none that is ready is left."""
        for each in sorted(self._all.values(), key=lambda each: each.seen):
            if lacking_bytes <= 0:
                return
            if each.state == "ready":
                lacking_bytes -= each.bytes
                await self.drop(each.job)

    async def sweep(self) -> None:
        """Forget those that nobody has looked at for long."""
        for each in list(self._all.values()):
            if time.monotonic() - each.seen > UNSEEN_SECONDS and each.state in ("ready", "failed"):
                await self.drop(each.job)

    async def stop(self) -> None:
        """End all cutters."""
        for job in list(self._all):
            await self.drop(job)

    async def _make(self, pyramid: Pyramid, files: dict[str, Path], share: ExitStack) -> None:
        with share:
            async with self._turn:
                pyramid.state = "cutting"
                for _ in range(_TRIES):
                    pyramid.pictures, pyramid.problem = {}, None
                    end = await self._cut(pyramid, files)
                    if end is not None:
                        break
                    await _remove(pyramid)
                else:
                    end = _refused("the result's picture took too much memory to be cut into tiles")
        if isinstance(end, Failed):
            await self._fail(pyramid, end)
        elif AFTER not in pyramid.pictures:
            await self._fail(pyramid, pyramid.problem or _refused("the result's picture cannot be read"))
        else:
            pyramid.state = "ready"
            _log.info("a result was cut into tiles", extra={"job": pyramid.job, "bytes": pyramid.bytes})

    async def _fail(self, pyramid: Pyramid, problem: Failed) -> None:
        await _remove(pyramid)
        pyramid.state, pyramid.pictures, pyramid.bytes, pyramid.problem = "failed", {}, 0, problem
        pyramid.seen = time.monotonic()
        _log.warning("a result cannot be cut into tiles", extra={"job": pyramid.job, "code": problem.code, "detail": problem.detail})

    async def _cut(self, pyramid: Pyramid, files: Mapping[str, Path]) -> TilesCut | Failed | None:
        """How a cutter ended, None if it died."""
        slot = self._slot()
        watch = asyncio.create_task(watch_memory([slot]))
        try:
            child = await slot.filled()
            pyramid.folder.mkdir(mode=0o700)
            await child.send(CutPictures({name: str(path) for name, path in files.items()}, str(pyramid.folder), self._next_fault()))
            written, pyramid.bytes = 0, 0
            while True:
                message = await asyncio.wait_for(child.receive(), _STALL_SECONDS)
                if isinstance(message, SizeKnown):
                    if refused := await self._measured(pyramid, message):
                        return refused
                elif isinstance(message, RowCut):
                    written += message.bytes
                    pyramid.pictures[message.picture].rows[message.level] = message.rows
                elif isinstance(message, TilesCut):
                    pyramid.bytes = written
                    return message
                else:
                    return message if isinstance(message, Failed) else None
        except TimeoutError:
            return None
        except OSError as error:
            return as_data(StorageFull(f"the disk of the service cannot be written ({error.strerror})", "try again later"))
        finally:
            watch.cancel()
            await slot.empty()

    def _next_fault(self) -> str:
        """Where the next cutter is to die, for tests."""
        if not self._fault.startswith("cutter ") or not self._faults_left:
            return ""
        self._faults_left -= 1
        return self._fault

    async def _measured(self, pyramid: Pyramid, known: SizeKnown) -> Failed | None:
        """Take note of a picture's size, or that it cannot be seen; why there is no room for its tiles."""
        if known.size is None:
            pyramid.pictures.pop(known.picture, None)
            if known.picture == AFTER:
                pyramid.problem = _refused(f"the result's picture cannot be read: {known.detail}")
            return None
        size = Size(*known.size)
        most = int(size.pixels * _MOST_BYTES_PER_PIXEL)
        if (lacking := most - await self._room()) > 0:
            await self.make_room(lacking)
        if most > await self._room():
            why = f"the tiles of {size.pixels / 1e6:.0f} megapixels may take {most / 1e9:.1f} GB, for which there is no room now"
            return as_data(StorageFull(why, "download the result to see it, or try again when older ones have expired"))
        pyramid.bytes += most
        levels = levels_of(size)
        pyramid.pictures[known.picture] = Picture(size, levels, [0] * len(levels))
        return None


async def _remove(pyramid: Pyramid) -> None:
    await asyncio.to_thread(shutil.rmtree, pyramid.folder, ignore_errors=True)


def _refused(why: str) -> Failed:
    return as_data(NotViewable(why, "download it to see it"))
