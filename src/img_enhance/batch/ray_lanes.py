"""Lanes of many machines: on each node of a Ray cluster an actor that holds the lanes of that machine.

Ray says which nodes there are, starts the actors and carries tasks and outcomes. Photos and results lie on storage that every node has at
the same place. A node that goes takes only the photos that it was at with it, which are done again on another. Where there are fewer photos
than nodes, large ones are spread: nodes do areas of them (`leader.py`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from img_enhance import __version__
from img_enhance.batch.area import AreaDone
from img_enhance.batch.lanes import AtWork, PhotoTask, failed
from img_enhance.batch.leader import Leader
from img_enhance.batch.node_lanes import NodeFacts, NodeLanes
from img_enhance.batch.outcome import PhotoOutcome
from img_enhance.errors import Cancelled, DeviceError, ImgEnhanceError
from img_enhance.machine.settings import weight_store
from img_enhance.planning.area_task import AreaTask
from img_enhance.planning.spread_planner import AREAS_EACH, LEAST_SECONDS, Spreading
from img_enhance.request.options import Machine
from img_enhance.workers.ray_cluster import connected

# Of a node's memory that Ray may give away.
_SHARE_OF_MEMORY = 0.9

_LOOK_SECONDS = 0.2
# How often nodes that have joined are looked for, and how long a run waits while there is none.
_NODES_SECONDS = 5.0
_WITHOUT_NODES_SECONDS = 60.0
_START_SECONDS = 120.0

# Nodes go for reasons of their own, but a photo that takes a third one with it is not tried again.
_MOST_DEATHS = 3

_CANCELLED = Cancelled("cancelled; nothing was written")
_STRANDED = DeviceError("no node of the cluster is left", "start some; the same command goes on")

# Threads of an actor: each photo that it was sent waits in one.
_ACTOR_THREADS = 512


@dataclass
class _Node:
    """A node at work: its actor, how many photos it may be sent, and how many photos and areas it was."""

    id: str
    actor: Any
    facts: NodeFacts
    at_work: int = 0
    areas: int = 0
    asked: Any = None
    progress: dict[str, AtWork] = dataclasses.field(default_factory=dict)

    @property
    def most(self) -> int:
        return self.facts.most


@dataclass(frozen=True)
class _Starting:
    """An actor that is coming up, what it will say of its node, and until when."""

    actor: Any
    facts: Any
    deadline: float


@dataclass(frozen=True)
class _Job:
    """A photo, or an area of one, and who waits for it; `deaths` counts the nodes that went while they had it."""

    task: PhotoTask | AreaTask
    future: Future[Any]
    deaths: int = 0

    @property
    def sent(self) -> PhotoTask | AreaTask:
        """The task as a node gets it: with whole paths, and after each death with a new name for its file, as what is gone may only be out
        of reach, and write on."""
        if isinstance(self.task, AreaTask):
            result = self.task.result
            return replace(self.task, result=replace(result, path=f"{result.path}-{self.deaths}" if self.deaths else result.path))
        task, stem = self.task, f"{self.task.stem}-{self.deaths}" if self.deaths else self.task.stem
        before, after = map(os.path.abspath, task.thumbnails or ("", ""))
        thumbnails = (before, after) if task.thumbnails else None
        return replace(task, stem=stem, path=os.path.abspath(task.path), folder=os.path.abspath(task.folder), thumbnails=thumbnails)


class RayLanes:
    """As `Lanes`, over the nodes of the cluster at `address`. Of `machine` every node has as much; without a budget, what Ray may give.

    `photos` is how many there are, if that is known: where nodes are more, photos that one node would take `spread_from` seconds for are
    spread over them.

    Raises: OptionError without the package ray, DeviceError when the cluster cannot be reached or has no node with this version.
    """

    def __init__(
        self, address: str, machine: Machine, *, offline: bool = False, photos: int | None = None, spread_from: float = LEAST_SECONDS
    ) -> None:
        self._address, self._machine, self._offline = address, machine, offline
        self._photos, self._spread_from = photos, spread_from
        self._leader: Leader | None = None
        self._led: dict[str, Future[PhotoOutcome]] = {}
        self._areas: deque[_Job] = deque()
        self._lock = threading.Lock()
        self._waiting: deque[_Job] = deque()
        self._nodes: dict[str, _Node] = {}
        self._starting: dict[str, _Starting] = {}
        self._refused: dict[str, str] = {}
        self._cancelled = self._closing = False

    def __enter__(self) -> RayLanes:
        self._ray = connected(self._address)
        try:
            self._find_nodes()
            while self._starting:
                self._take_started()
                time.sleep(_LOOK_SECONDS)
            if not self._nodes:
                why = next(iter(self._refused.values()), "it has no processors")
                raise DeviceError(f"no node of the cluster can enhance photos: {why}", "look at `ray status`")
        except BaseException:
            self._ray.shutdown()
            raise
        self._thread = threading.Thread(target=self._drive, name="ray lanes")
        self._thread.start()
        if self._photos is not None and self._photos < len(self._nodes):
            self._leader = self._new_leader(next(iter(self._nodes.values())).facts)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._cancelled = True
        if self._leader is not None:
            self._leader.close()
        self._closing = True
        self._thread.join()
        for job in self._waiting:
            job.future.set_result(_unfinished(job.task, _CANCELLED))
        for actor in (*(node.actor for node in self._nodes.values()), *(starting.actor for starting in self._starting.values())):
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ray.kill(actor)
        self._ray.shutdown()

    @property
    def most_in_flight(self) -> int:
        with self._lock:
            return max(1, sum(node.most for node in self._nodes.values()))

    @property
    def at_work(self) -> Mapping[str, AtWork]:
        with self._lock:
            led = {} if self._leader is None else self._leader.at_work
            return {**led, **{stem: each for node in self._nodes.values() for stem, each in node.progress.items()}}

    def submit(self, task: PhotoTask) -> Future[PhotoOutcome]:
        job = _Job(task, Future())
        with self._lock:
            if self._leader is None:
                self._waiting.append(job)
                return job.future
            self._led[task.stem] = job.future
        sent = job.sent
        assert isinstance(sent, PhotoTask)
        self._leader.submit(sent)
        return job.future

    def cancel(self) -> None:
        self._cancelled = True

    def _new_leader(self, facts: NodeFacts) -> Leader | None:
        """Who spreads photos, by plans of a node like this one; on GPUs, photos stay whole."""
        if facts.device is None or facts.device.own_memory:
            return None
        spreading = Spreading(len(self._nodes), facts.device, self._spread_from)
        store = weight_store(os.environ, offline=self._offline)
        return Leader(self._machine, store, facts.whole, spreading, self._submit_area, self._take_led, lambda: self._cancelled)

    def _submit_area(self, task: AreaTask) -> Future[AreaDone]:
        job = _Job(task, Future())
        with self._lock:
            self._areas.append(job)
        return job.future

    def _take_led(self, task: PhotoTask, outcome: PhotoOutcome | None) -> None:
        """What became of a photo that was to be spread; one that came to nothing there is for a single node."""
        with self._lock:
            future = self._led.pop(task.stem)
            if outcome is None:
                self._waiting.append(_Job(task, future))
        if outcome is not None:
            future.set_result(outcome)

    def _drive(self) -> None:
        """Send photos to nodes and take their outcomes, until the end."""
        at_work: dict[Any, tuple[_Job, _Node]] = {}
        looked = alive = time.monotonic()
        told_cancel = False
        while not self._closing:
            now = time.monotonic()
            if now - looked > _NODES_SECONDS:
                looked = now
                self._find_nodes()
            self._take_started()
            self._take_progress()
            if self._nodes:
                alive = now
            elif now - alive > _WITHOUT_NODES_SECONDS:
                self._end_waiting(_STRANDED)
            if self._cancelled:
                self._end_waiting(_CANCELLED)
                if not told_cancel:
                    told_cancel = True
                    for node in self._nodes.values():
                        node.actor.cancel.remote()
            else:
                self._send(at_work)
            self._take(at_work)
        self._end_waiting(_CANCELLED)
        for job, _ in at_work.values():
            job.future.set_result(_unfinished(job.task, _CANCELLED))

    def _take_progress(self) -> None:
        """Ask the nodes how far their photos are, and again when they have answered."""
        for node in self._nodes.values():
            if node.asked is None:
                node.asked = node.actor.at_work.remote()
            elif self._ray.wait([node.asked], timeout=0)[0]:
                with contextlib.suppress(self._ray.exceptions.RayError):  # a node that has gone is noticed by its photos
                    node.progress = self._ray.get(node.asked)
                node.asked = None

    def _send(self, at_work: dict[Any, tuple[_Job, _Node]]) -> None:
        """Send waiting photos to the nodes that have most room, and no more than there is room for."""
        with self._lock:
            while self._areas and (free := [node for node in self._nodes.values() if node.areas < AREAS_EACH]):
                job = self._areas.popleft()
                if job.deaths or job.future.set_running_or_notify_cancel():  # one that a node had is running already
                    node = min(free, key=lambda each: each.areas)
                    node.areas += 1
                    at_work[node.actor.do_area.remote(job.sent)] = job, node
            while self._waiting and (free := [node for node in self._nodes.values() if node.at_work < node.most]):
                node = min(free, key=lambda each: each.at_work / each.most)
                job = self._waiting.popleft()
                node.at_work += 1
                at_work[node.actor.enhance.remote(job.sent)] = job, node

    def _take(self, at_work: dict[Any, tuple[_Job, _Node]]) -> None:
        """Take what has ended."""
        if not at_work:
            time.sleep(_LOOK_SECONDS)
            return
        ended, _ = self._ray.wait(list(at_work), num_returns=len(at_work), timeout=_LOOK_SECONDS)
        for reference in ended:
            job, node = at_work.pop(reference)
            if isinstance(job.task, AreaTask):
                node.areas -= 1
            else:
                node.at_work -= 1
            try:
                answer = self._ray.get(reference)
                job.future.set_result(replace(answer, path=job.task.path) if isinstance(job.task, PhotoTask) else answer)
            except self._ray.exceptions.RayTaskError as error:  # a mistake of ours
                job.future.set_result(_unfinished(job.task, DeviceError(f"a node failed: {error.cause}")))
            except self._ray.exceptions.RayError:
                self._lose(node, job)

    def _lose(self, node: _Node, job: _Job) -> None:
        """Go on without a node; its photo is done again elsewhere."""
        with self._lock:
            self._nodes.pop(node.id, None)
            if job.deaths + 1 < _MOST_DEATHS:
                again = replace(job, deaths=job.deaths + 1)
                if isinstance(job.task, AreaTask):
                    self._areas.appendleft(again)
                else:
                    self._waiting.appendleft(again)
                return
        error = DeviceError(f"{_MOST_DEATHS} nodes of the cluster went while they had this photo", "enhance it by itself")
        job.future.set_result(_unfinished(job.task, error))

    def _end_waiting(self, why: ImgEnhanceError) -> None:
        with self._lock:
            jobs = [*self._waiting, *self._areas]
            self._waiting.clear()
            self._areas.clear()
        for job in jobs:
            if not job.future.cancelled():
                job.future.set_result(_unfinished(job.task, why))

    def _find_nodes(self) -> None:
        """Begin to start actors on the nodes that have none yet. A node that went and came back has another id."""
        known = {*self._nodes, *self._refused, *self._starting}
        for node in self._ray.nodes():
            if node["Alive"] and node["Resources"].get("CPU", 0) >= 1 and node["NodeID"] not in known:
                actor = self._actor(node["NodeID"], node["Resources"])
                self._starting[node["NodeID"]] = _Starting(actor, actor.facts.remote(), time.monotonic() + _START_SECONDS)

    def _actor(self, id: str, resources: dict[str, float]) -> Any:
        own = _own(self._machine, resources)
        strategy = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(id, soft=False)
        actors = self._ray.remote(NodeLanes).options(
            num_cpus=int(resources["CPU"]),
            num_gpus=int(resources.get("GPU", 0)),
            memory=own.max_memory or 0,
            scheduling_strategy=strategy,
            max_concurrency=_ACTOR_THREADS,
        )
        return actors.remote(own, self._offline)

    def _take_started(self) -> None:
        """Use the nodes whose actors have come up, and remember those whose actors do not: photos wait for none of them."""
        for id, starting in list(self._starting.items()):
            come, _ = self._ray.wait([starting.facts], timeout=0)
            if come or time.monotonic() > starting.deadline:
                del self._starting[id]
                self._take_node(id, starting)

    def _take_node(self, id: str, starting: _Starting) -> None:
        try:
            facts: NodeFacts = self._ray.get(starting.facts, timeout=0)
        except self._ray.exceptions.RayError as error:
            self._refuse(id, starting, str(error).strip().splitlines()[-1])
            return
        if facts.version != __version__:
            self._refuse(id, starting, f"it has version {facts.version} of img-enhance, and this is {__version__}")
            return
        with self._lock:
            self._nodes[id] = _Node(id, starting.actor, facts)

    def _refuse(self, id: str, starting: _Starting, why: str) -> None:
        self._refused[id] = why
        self._ray.kill(starting.actor)


def _own(machine: Machine, resources: dict[str, float]) -> Machine:
    """What the actor of a node may use: what was asked for, else what the node has."""
    return dataclasses.replace(
        machine,
        threads=machine.threads or int(resources["CPU"]),
        max_memory=machine.max_memory or int(resources.get("memory", 0) * _SHARE_OF_MEMORY) or None,
    )


def _unfinished(task: PhotoTask | AreaTask, error: ImgEnhanceError) -> PhotoOutcome | AreaDone:
    return AreaDone(task, error) if isinstance(task, AreaTask) else failed(task, error)
