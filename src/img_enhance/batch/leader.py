"""Photos that are spread: a process of this machine plans, reads and writes them, and nodes do the areas of their networks."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path

from img_enhance.batch.area import AreaDone
from img_enhance.batch.lane_child import Share
from img_enhance.batch.lanes import AtWork, PhotoTask
from img_enhance.batch.local_lanes import Child
from img_enhance.batch.outcome import PhotoOutcome
from img_enhance.cancelling import IsCancelled
from img_enhance.errors import ImgEnhanceError
from img_enhance.models.weights.cache import WeightStore
from img_enhance.planning.area_task import AreaTask
from img_enhance.planning.spread_planner import Spreading
from img_enhance.request.options import Machine

# Has an area done by some node.
SendArea = Callable[[AreaTask], Future[AreaDone]]


class Leader:
    """Does photos one after another. `share` is what a node would do them with, so that the plans are a node's.

    `ended` is told what became of a photo, None where it is for a single node: it is not worth spreading, or this process died of it.
    """

    def __init__(
        self,
        machine: Machine,
        store: WeightStore,
        share: Share,
        spreading: Spreading,
        send: SendArea,
        ended: Callable[[PhotoTask, PhotoOutcome | None], None],
        cancelled: IsCancelled,
    ) -> None:
        self._machine, self._store, self._share = machine, store, replace(share, spreading=spreading)
        self._send, self._ended, self._cancelled = send, ended, cancelled
        self._tasks: queue.SimpleQueue[PhotoTask | None] = queue.SimpleQueue()
        self._progress: dict[str, AtWork] = {}
        self._child: Child | None = None
        self._thread = threading.Thread(target=self._drive, name="leader")
        self._thread.start()

    @property
    def at_work(self) -> Mapping[str, AtWork]:
        """How far its photo is, by the stem of its task."""
        return dict(self._progress)

    def submit(self, task: PhotoTask) -> None:
        """Do a photo when those before it are done."""
        self._tasks.put(task)

    def close(self) -> None:
        """End it; photos that it has not begun are for single nodes."""
        self._tasks.put(None)
        self._thread.join()
        if self._child is not None:
            self._child.end()

    def _drive(self) -> None:
        while (task := self._tasks.get()) is not None:
            answer = None if self._cancelled() else self._answer(task)
            self._ended(task, answer if isinstance(answer, PhotoOutcome) else None)

    def _answer(self, task: PhotoTask) -> object:
        areas = _AreasOut(self._send)
        self._progress[task.stem] = AtWork()
        try:
            if self._child is None:
                self._child = Child(self._machine, self._store)
                self._child.take(self._share)
            answer = self._child.ask(task, self._cancelled, partial(self._progress.__setitem__, task.stem), areas)
        except ImgEnhanceError:  # a node says it where that is of the photo's account
            answer = None
        finally:
            del self._progress[task.stem]
            areas.close()
        if answer is None:
            self._child = None
        return answer


class _AreasOut:
    """Areas of one photo that nodes do."""

    def __init__(self, send: SendArea) -> None:
        self._send = send
        self._futures: list[Future[AreaDone]] = []

    def submit(self, task: AreaTask) -> None:
        self._futures.append(self._send(task))

    def done(self) -> Iterator[AreaDone]:
        ended = [future for future in self._futures if future.done()]
        self._futures = [future for future in self._futures if future not in ended]
        return (future.result() for future in ended)

    def close(self) -> None:
        """Nobody wants them any more."""
        for future in self._futures:
            if not future.cancel():
                future.add_done_callback(_take_away)


def _take_away(future: Future[AreaDone]) -> None:
    with contextlib.suppress(OSError):
        Path(future.result().task.result.path).unlink()
