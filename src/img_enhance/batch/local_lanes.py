"""Lanes of this machine: processes that each own an engine, with an equal share of its processors and of the memory budget.

Decoding and encoding use one processor for the most part, so that photos side by side keep more of them busy than one photo after the
other, and a lane that waits for a file waits alone. A photo that is too large for a share runs alone, in a process that has everything,
after the lanes have ended theirs.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Protocol

from img_enhance.batch.area import AreaDone
from img_enhance.batch.inbox import CANCEL
from img_enhance.batch.lane_child import Facts, ForWhole, Share, serve
from img_enhance.batch.lanes import AtWork, OnWork, PhotoTask, failed
from img_enhance.batch.outcome import PhotoOutcome
from img_enhance.cancelling import IsCancelled
from img_enhance.errors import Cancelled, ImgEnhanceError, MachineError
from img_enhance.jobs.refusals import WorkerDied
from img_enhance.models.weights.cache import WeightStore
from img_enhance.planning.area_task import AreaTask
from img_enhance.request.options import Machine

# A lane has at least so much: what a photo of 12 megapixels takes on its way through steps on light and the compact network.
LEAST_LANE_BYTES = 700_000_000

# This process, which starts the lanes and keeps the list, is in the budget too.
OWN_BYTES = 100_000_000

# On a GPU, and on one processor, one lane reads and writes while the other computes; more would only share the GPU's memory.
_LANES_OF_ONE = 2

# Photos that wait for each lane at work: none rests until the next one comes, and large ones gather, to run one after another.
_WAITING = 2

_LOOK_SECONDS = 0.05
# A cancelled photo stops within a window or a strip; a lane that does not is ended.
_CANCEL_SECONDS = 10.0


_CANCELLED = Cancelled("cancelled; nothing was written")

# What a process answers to a task.
Answer = PhotoOutcome | ForWhole | AreaDone


class Areas(Protocol):
    """Who does areas of a photo."""

    def submit(self, task: AreaTask) -> None:
        """Do it, some time."""

    def done(self) -> Iterable[AreaDone]:
        """What has become of areas since it was asked last."""


@dataclass(frozen=True)
class _Job:
    """A photo, or an area of one, and who waits for it; `deaths` counts the lanes that died of it."""

    task: PhotoTask | AreaTask
    future: Future[Any]
    deaths: int = 0


class LocalLanes:
    """As `Lanes`. `machine` is what all lanes together may use; `lanes` is how many there are, by default as many as are of use.

    Raises: when it is entered what the start of an engine raises, DeviceError for example.
    """

    def __init__(self, machine: Machine, store: WeightStore, *, lanes: int | None = None) -> None:
        self._machine, self._store, self._wanted = machine, store, lanes
        self._changed = threading.Condition()
        self._small: deque[_Job] = deque()
        self._large: deque[_Job] = deque()
        self._busy = 0
        self._progress: dict[str, AtWork] = {}
        self._alone = self._cancelled = self._closing = False

    def __enter__(self) -> LocalLanes:
        first = Child(self._machine, self._store)
        self.shares = shares_of(first.facts, self._machine, lanes=self._wanted)
        self.device, self.whole = first.facts.device, whole_of(first.facts, self._machine)
        first.take(self.shares[0])
        self._children: list[Child | None] = [first, *[None] * (len(self.shares) - 1)]
        self._threads = [threading.Thread(target=self._drive, args=(number,), name=f"lane {number}") for number in range(len(self.shares))]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._changed:
            self._closing = self._cancelled = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._end_children()
        for job in (*self._small, *self._large):
            job.future.set_result(_unfinished(job.task, _CANCELLED))

    @property
    def most_in_flight(self) -> int:
        return len(self.shares) * (1 + _WAITING)

    @property
    def at_work(self) -> Mapping[str, AtWork]:
        return dict(self._progress)

    def submit(self, task: PhotoTask) -> Future[PhotoOutcome]:
        job = _Job(task, Future())
        self._put(self._small, job)
        return job.future

    def submit_area(self, task: AreaTask) -> Future[AreaDone]:
        """What will become of an area of a photo that somebody else has. It has the whole machine."""
        job = _Job(task, Future())
        self._put(self._large, job)
        return job.future

    def cancel(self) -> None:
        self._cancelled = True

    def _put(self, line: deque[_Job], job: _Job) -> None:
        with self._changed:
            line.append(job)
            self._changed.notify_all()

    def _drive(self, number: int) -> None:
        """Do photos until the end: those in the lane of this number, and in the first one's place also those for the whole machine."""
        while (job := self._next(number)) is not None:
            if self._alone:
                self._run_alone(job)
            else:
                self._run(number, job)
            with self._changed:
                self._busy -= 1
                self._alone = False
                self._changed.notify_all()

    def _next(self, number: int) -> _Job | None:
        """The next photo for a lane, when there is one; None when all is over. Large ones wait until there are no others."""
        with self._changed:
            while not self._closing:
                if self._small and not self._alone:
                    self._busy += 1
                    return self._small.popleft()
                if number == 0 and self._large and not self._small and self._busy == 0:
                    self._busy, self._alone = 1, True
                    return self._large.popleft()
                self._changed.wait()
        return None

    def _run(self, number: int, job: _Job) -> None:
        """Do a photo in a lane; one that is too large for it, or that it dies of, is put among the large ones."""
        child, answer = self._children[number], None
        with contextlib.suppress(ImgEnhanceError):  # what keeps a lane from starting is said where the whole machine cannot do it either
            child = child or self._started(self.shares[number])
            answer = self._asked(child, job)
        self._children[number] = child if answer is not None else None
        if isinstance(answer, PhotoOutcome):
            job.future.set_result(answer)
        elif self._cancelled:
            job.future.set_result(_unfinished(job.task, _CANCELLED))
        else:
            self._put(self._large, replace(job, deaths=job.deaths + (answer is None)))

    def _run_alone(self, first: _Job) -> None:
        """Do the large photos that are there, one after another, with the whole machine."""
        self._end_children()
        child: Child | None = None
        job: _Job | None = first
        while job is not None:
            try:
                child = child or self._started(self.whole)
                answer = self._asked(child, job)
            except ImgEnhanceError as error:
                answer = _unfinished(job.task, error)
            if not isinstance(answer, PhotoOutcome | AreaDone):
                child = None
                answer = _unfinished(job.task, _CANCELLED if self._cancelled else _died(job.deaths + 1))
            job.future.set_result(answer)
            with self._changed:
                job = self._large.popleft() if self._large and not self._small and not self._closing else None
        if child is not None:
            child.end()

    def _asked(self, child: Child, job: _Job) -> Answer | None:
        """A process's answer; meanwhile it is known how far the photo is."""
        if isinstance(job.task, AreaTask):
            return child.ask(job.task, lambda: self._cancelled, lambda _: None)
        stem = job.task.stem
        self._progress[stem] = AtWork()
        try:
            return child.ask(job.task, lambda: self._cancelled, partial(self._progress.__setitem__, stem))
        finally:
            del self._progress[stem]

    def _started(self, share: Share) -> Child:
        child = Child(self._machine, self._store)
        child.take(share)
        return child

    def _end_children(self) -> None:
        for number, child in enumerate(self._children):
            if child is not None:
                child.end()
            self._children[number] = None


class Child:
    """A lane's process, which has said what it sees of the machine."""

    def __init__(self, machine: Machine, store: WeightStore) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        # Spawned, not forked: this process has threads.
        self._process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, machine, store), daemon=True)
        with _no_interrupt():
            self._process.start()
        theirs.close()
        facts = self._received()
        if not isinstance(facts, Facts):
            self.end()
            raise (
                facts
                if isinstance(facts, ImgEnhanceError)
                else MachineError("a process for photos did not start", "look at its last words")
            )
        self.facts = facts

    def take(self, share: Share) -> None:
        """Let it have this much of the machine."""
        with contextlib.suppress(OSError):  # a dead one is noticed by `ask`
            self._connection.send(share)

    def ask(self, task: PhotoTask | AreaTask, cancelled: IsCancelled, tell: OnWork, areas: Areas | None = None) -> Answer | None:
        """Its answer; None when it is dead. `tell` is told how far it is, and `areas` does those that it has others do."""
        try:
            self._connection.send(task)
            latest: float | None = None
            while not isinstance(answer := self._next(), PhotoOutcome | ForWhole | AreaDone | ImgEnhanceError):
                if isinstance(answer, AtWork):
                    tell(answer)
                elif isinstance(answer, AreaTask) and areas is not None:
                    areas.submit(answer)
                for done in () if areas is None else areas.done():
                    self._connection.send(done)
                if latest is None and cancelled():
                    self._connection.send(CANCEL)
                    latest = time.monotonic() + _CANCEL_SECONDS
                if latest is not None and time.monotonic() > latest:
                    self.end()
                    return None
        except (EOFError, OSError):
            self.end()
            return None
        if isinstance(answer, ImgEnhanceError):  # it came up, but not its engine
            self.end()
            return _unfinished(task, answer)
        return answer

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _next(self) -> object:
        """What it says next, None where it says nothing for a moment.

        Raises: EOFError, OSError when it is dead.
        """
        return self._connection.recv() if self._connection.poll(_LOOK_SECONDS) else None

    def _received(self) -> object:
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            return None


def _unfinished(task: PhotoTask | AreaTask, error: ImgEnhanceError) -> PhotoOutcome | AreaDone:
    return AreaDone(task, error) if isinstance(task, AreaTask) else failed(task, error)


def shares_of(facts: Facts, machine: Machine, *, lanes: int | None = None) -> tuple[Share, ...]:
    """What each lane may use: so much memory and so many processors that together they are what there is."""
    allowed = facts.allowed_bytes - OWN_BYTES
    useful = _LANES_OF_ONE if facts.own_memory else max(_LANES_OF_ONE, facts.cores)
    count = lanes or max(1, min(useful, allowed // LEAST_LANE_BYTES))
    gpu = None if machine.max_gpu_memory is None else machine.max_gpu_memory // count
    # 6 processors on 4 lanes are 2, 2, 1 and 1.
    threads = [max(1, facts.cores // count + (number < facts.cores % count)) for number in range(count)]
    return tuple(Share(each, allowed // count, gpu, 1 / count, whole=count == 1) for each in threads)


def whole_of(facts: Facts, machine: Machine) -> Share:
    """All there is."""
    return Share(facts.cores, facts.allowed_bytes - OWN_BYTES, machine.max_gpu_memory, 1.0, whole=True)


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Ctrl-C waits: a process that is started meanwhile does not hear it before it can ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _died(times: int) -> WorkerDied:
    return WorkerDied(
        f"the process that worked on it died{' twice' if times > 1 else ''}, of too little memory or of a mistake in a library",
        "enhance it by itself with a smaller budget of memory, or save it anew",
    )
