"""A lane's process: it owns an engine and enhances one photo after the other."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from img_enhance.batch.lanes import AtWork, OnWork, PhotoTask
from img_enhance.cancelling import IsCancelled
from img_enhance.errors import ImgEnhanceError
from img_enhance.machine.threads import limit_threads
from img_enhance.models.weights.cache import WeightStore
from img_enhance.request.options import Machine
from img_enhance.workers.parent import die_with_parent

# What ends the work on a photo, in place of a task.
CANCEL = "cancel"

_SAY_SECONDS = 0.2


@dataclass(frozen=True)
class Facts:
    """What a lane sees of the machine: processors, the budget in bytes, and whether networks run in a memory of the device's own."""

    cores: int
    allowed_bytes: int
    own_memory: bool


@dataclass(frozen=True)
class Share:
    """What a lane may use. `whole` says that it is all there is."""

    threads: int
    max_memory: int
    max_gpu_memory: int | None
    gpu_share: float
    whole: bool


@dataclass(frozen=True)
class ForWhole:
    """The answer to a task that is for the lane with the whole machine."""


def serve(connection: Connection, machine: Machine, store: WeightStore) -> None:
    """Say what is there, take a share of it, and enhance photos until the other end is gone."""
    die_with_parent()
    _stand_aside()
    with contextlib.suppress(EOFError, OSError):
        try:
            _serve(connection, machine, store)
        except ImgEnhanceError as error:  # of the machine, before there was a photo
            connection.send(error)


def _serve(connection: Connection, machine: Machine, store: WeightStore) -> None:
    from img_enhance.machine.devices import find_device, with_threads
    from img_enhance.planning.planner import allowed_bytes

    device = with_threads(find_device(machine.device, require_gpu=bool(machine.require_gpu)), machine.threads)
    connection.send(Facts(device.cores, allowed_bytes(machine.max_memory, device), device.own_memory))
    share: Share = connection.recv()
    limit_threads(os.environ, share.threads)

    from img_enhance.batch.work import NeedsMore, enhance_photo
    from img_enhance.engine import Engine

    own = dataclasses.replace(machine, threads=share.threads, max_memory=share.max_memory, max_gpu_memory=share.max_gpu_memory)
    with Engine(own, store, gpu_share=share.gpu_share) as engine:
        while True:
            task = connection.recv()
            if not isinstance(task, PhotoTask):  # a cancel that came when all was over
                continue
            try:
                connection.send(enhance_photo(engine, task, cancelled=_asking(connection), alone=share.whole, tell=_telling(connection)))
            except NeedsMore:
                connection.send(ForWhole())


def _asking(connection: Connection) -> IsCancelled:
    """Whether a cancel has come; the other end that has gone is one too."""
    come = False

    def cancelled() -> bool:
        nonlocal come
        come = come or (connection.poll() and connection.recv() == CANCEL)
        return come

    return cancelled


def _telling(connection: Connection) -> OnWork:
    """Says how far the photo is: when its plan is known, and then not too often. The other end that has gone is noticed elsewhere."""
    said = -_SAY_SECONDS

    def tell(at_work: AtWork) -> None:
        nonlocal said
        now = time.monotonic()
        if at_work.fraction == 0 or now - said >= _SAY_SECONDS:
            said = now
            with contextlib.suppress(OSError):
                connection.send(at_work)

    return tell


def _stand_aside() -> None:
    """Leave Ctrl-C to the process that has the terminal, and be the one that the system ends where memory runs out."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("500")
