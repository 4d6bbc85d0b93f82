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

from img_enhance.batch.inbox import Inbox
from img_enhance.batch.lanes import AtWork, OnWork, PhotoTask
from img_enhance.errors import ImgEnhanceError
from img_enhance.machine.parent import die_with_parent
from img_enhance.machine.threads import limit_threads
from img_enhance.models.weights.cache import WeightStore
from img_enhance.planning.area_task import AreaTask
from img_enhance.planning.plan import Device
from img_enhance.planning.spread_planner import Spreading
from img_enhance.request.options import Machine

_SAY_SECONDS = 0.2


@dataclass(frozen=True)
class Facts:
    """What a lane sees of the machine: processors, the budget in bytes, and whether networks run in a memory of the device's own."""

    cores: int
    allowed_bytes: int
    own_memory: bool
    device: Device | None = None


@dataclass(frozen=True)
class Share:
    """What a lane may use. `whole` says that it is all there is, `spreading` that it only leads: nodes do its networks."""

    threads: int
    max_memory: int
    max_gpu_memory: int | None
    gpu_share: float
    whole: bool
    spreading: Spreading | None = None


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
    from img_enhance.engine.device_trial import chosen_device
    from img_enhance.machine.devices import with_threads
    from img_enhance.planning.planner import allowed_bytes

    device = with_threads(chosen_device(machine, store), machine.threads)
    connection.send(Facts(device.cores, allowed_bytes(machine.max_memory, device), device.own_memory, device))
    share: Share = connection.recv()
    limit_threads(os.environ, share.threads)

    own = dataclasses.replace(machine, threads=share.threads, max_memory=share.max_memory, max_gpu_memory=share.max_gpu_memory)
    inbox = Inbox(connection)
    if share.spreading is None:
        _enhance(inbox, own, store, share)
    else:
        _lead(inbox, own, store, share.spreading)


def _enhance(inbox: Inbox, machine: Machine, store: WeightStore, share: Share) -> None:
    """Do photos, and areas of photos that others lead."""
    from img_enhance.batch.area import do_area
    from img_enhance.batch.work import NeedsMore, enhance_photo, is_uncut
    from img_enhance.engine import Engine

    with Engine(machine, store, gpu_share=share.gpu_share) as engine:
        while True:
            task = inbox.task()
            try:
                if isinstance(task, PhotoTask):
                    fits = None if share.whole else is_uncut
                    inbox.send(enhance_photo(engine, task, cancelled=inbox.cancelled, fits=fits, tell=_telling(inbox)))
                elif isinstance(task, AreaTask):
                    inbox.send(do_area(engine, task, inbox.cancelled))
            except NeedsMore:
                inbox.send(ForWhole())


def _lead(inbox: Inbox, machine: Machine, store: WeightStore, spreading: Spreading) -> None:
    """Do photos whose networks others do, area by area; those that are not worth it are not for this process."""
    from img_enhance.batch.spread_child import AreasElsewhere
    from img_enhance.batch.work import NeedsMore, enhance_photo
    from img_enhance.engine import Engine

    elsewhere = AreasElsewhere(inbox, spreading)
    with Engine(machine, store, device=spreading.device, elsewhere=elsewhere) as engine:
        while True:
            task = inbox.task()
            if isinstance(task, PhotoTask):
                elsewhere.folder, elsewhere.stem = Path(task.folder), task.stem
                try:
                    inbox.send(enhance_photo(engine, task, cancelled=inbox.cancelled, fits=elsewhere.takes, tell=_telling(inbox)))
                except NeedsMore:
                    inbox.send(ForWhole())


def _telling(inbox: Inbox) -> OnWork:
    """Says how far the photo is: when its plan is known, and then not too often. The other end that has gone is noticed elsewhere."""
    said = -_SAY_SECONDS

    def tell(at_work: AtWork) -> None:
        nonlocal said
        now = time.monotonic()
        if at_work.fraction == 0 or now - said >= _SAY_SECONDS:
            said = now
            with contextlib.suppress(OSError):
                inbox.send(at_work)

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
