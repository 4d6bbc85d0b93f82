"""A worker of the service whose engine is on a Ray cluster.

To the service it is a worker as any other: its process takes jobs, tells how far they are, and is replaced when it dies. The engine lives
in an actor on some node, which ends with this process. Photos and results travel through Ray in pieces, so that nodes need no folder of
the service, and neither end holds a whole file in memory.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from img_enhance import __version__
from img_enhance.errors import Cancelled, DeviceError, ImgEnhanceError
from img_enhance.files import replacing
from img_enhance.machine.memory import anonymous_bytes
from img_enhance.progress import Progress
from img_enhance.workers.channel import Channel
from img_enhance.workers.engine_worker import EngineWorker, failure
from img_enhance.workers.own_folder import OwnFolder
from img_enhance.workers.protocol import Cancel, EnhancePhoto, Failed, Loaded, Ready, Setup, Succeeded, Working
from img_enhance.workers.ray_cluster import connected
from img_enhance.workers.supervisor import MOST_GROWN_BYTES

_PIECE_BYTES = 4_000_000

_LOOK_SECONDS = 0.05
# How often an actor is asked how it is, at work or not.
_ASK_SECONDS = 0.5
_ASK_IDLE_SECONDS = 5.0

# One thread works, the others answer, take what comes and give what is asked for.
_ACTOR_THREADS = 4


class NodeWorker:
    """The engine of one worker, in a process of Ray's on a node, with the files of the job that it is at."""

    def __init__(self, setup: Setup) -> None:
        self._worker = EngineWorker(setup)
        self._folder = OwnFolder()
        self._bytes_at_start = anonymous_bytes()
        self._jobs = 0
        self._new_job()

    def about(self) -> tuple[str, dict[str, Any], tuple[str, ...]]:
        """The version of this program there, the processors, and the models in memory."""
        return __version__, self._worker.processors(), self._worker.loaded

    def take(self, piece: bytes) -> None:
        """Add a piece to the photo of the next job."""
        with self._photo.open("ab") as file:
            file.write(piece)

    def enhance(self, message: EnhancePhoto) -> tuple[Succeeded | Failed, tuple[str, ...]]:
        """What became of the photo that was sent, and the models in memory."""
        own = replace(message, photo=str(self._photo), result=str(self._photo.with_name("result")))
        try:
            answer: Succeeded | Failed = self._worker.enhance(own, self._note, lambda: self._cancelled)
        except ImgEnhanceError as error:
            answer = failure(error, self._photo)
        return answer, self._worker.loaded

    def fraction(self) -> float:
        """The part of the job that is done."""
        return self._fraction

    def cancel(self) -> None:
        """Stop the job."""
        self._cancelled = True

    def give(self, name: str, offset: int) -> bytes:
        """A piece of the result; none after its end."""
        with self._photo.with_name(name).open("rb") as file:
            file.seek(offset)
            return file.read(_PIECE_BYTES)

    def forget(self) -> bool:
        """The job is over. Whether this process holds so much more memory than at its start that another should take its place."""
        for path in self._photo.parent.iterdir():
            path.unlink()
        self._photo.parent.rmdir()
        self._new_job()
        return anonymous_bytes() - self._bytes_at_start > MOST_GROWN_BYTES

    def rest(self) -> tuple[str, ...]:
        """Give the networks' memory back; the models in memory then."""
        self._worker.close()
        return self._worker.loaded

    def _new_job(self) -> None:
        self._jobs += 1
        self._photo = self._folder.path / "jobs" / str(self._jobs) / "photo"  # as deep as in a service's store
        self._photo.parent.mkdir(parents=True)
        self._fraction, self._cancelled = 0.0, False

    def _note(self, progress: Progress) -> None:
        self._fraction = progress.fraction


def enhance_on_cluster(channel: Channel, setup: Setup) -> None:
    """Take jobs until the API closes its end, or the actor is lost or has grown: then this process ends, and the service starts another.

    Raises: OptionError, DeviceError where no actor comes up.
    """
    ray = connected(setup.cluster)
    try:
        try:
            worker = _Remote(ray, _actor(ray, setup), channel)
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            raise DeviceError(f"no worker comes up on the cluster: {reason}", "look at `ray status`") from None
        with contextlib.suppress(ray.exceptions.RayError):
            worker.serve(setup.idle_seconds)
    finally:
        ray.shutdown()


def _actor(ray: Any, setup: Setup) -> Any:
    """An actor, on whatever node has most room for it."""
    return (
        ray.remote(NodeWorker)
        .options(
            num_cpus=setup.threads or 1,
            num_gpus=0 if setup.device == "cpu" else 1,
            memory=setup.max_memory or 0,
            max_concurrency=_ACTOR_THREADS,
            scheduling_strategy="SPREAD",
        )
        .remote(setup)
    )


class _Remote:
    """The actor, and the service that gives it work."""

    def __init__(self, ray: Any, actor: Any, channel: Channel) -> None:
        self._ray, self._actor, self._channel = ray, actor, channel
        version, processors, self._loaded = ray.get(actor.about.remote())
        if version != __version__:
            raise DeviceError(f"a node of the cluster has version {version} of img-enhance, and this is {__version__}", "install it there")
        channel.send(Ready(processors))
        channel.send(Loaded(self._loaded))

    def serve(self, idle_seconds: float) -> None:
        """Jobs, one after the other; between them the actor is asked whether it lives, and gives its models back after a while."""
        worked = time.monotonic()
        grown = False
        while not grown:
            if self._channel.waits(_ASK_IDLE_SECONDS):
                message = self._channel.receive()
                if isinstance(message, EnhancePhoto):  # and no cancel that came when all was over
                    grown = self._do(message)
                worked = time.monotonic()
            elif self._loaded and time.monotonic() - worked > idle_seconds:
                self._tell_loaded(self._ray.get(self._actor.rest.remote()))
            else:
                self._ray.get(self._actor.fraction.remote())

    def _do(self, message: EnhancePhoto) -> bool:
        """Do a job, and say whether the actor has grown too large for another."""
        photo = Path(message.photo)
        try:
            self._send(photo)
            answer, loaded = self._awaited(self._actor.enhance.remote(message))
            if isinstance(answer, Succeeded):
                self._fetch(answer.name, Path(message.result).with_name(Path(answer.name).name))
                answer = replace(answer, name=Path(answer.name).name)
        except ImgEnhanceError as error:  # of the disk here, or a cancel
            answer, loaded = failure(error, photo), self._loaded
        except self._ray.exceptions.RayTaskError as error:  # a mistake of ours, or a full disk there
            answer, loaded = failure(DeviceError(f"a node of the cluster failed: {error.cause}"), photo), self._loaded
        grown: bool = self._ray.get(self._actor.forget.remote())
        self._tell_loaded(loaded)
        self._channel.send(answer)
        return grown

    def _awaited(self, answer: Any) -> tuple[Succeeded | Failed, tuple[str, ...]]:
        """The actor's answer; meanwhile the service is told how far it is, and the actor to stop where nobody wants it any more.

        The service hears only what the actor says, so that one that hangs is found out as a worker here would be.
        """
        asked, asked_at = None, time.monotonic()
        while not self._ray.wait([answer], timeout=_LOOK_SECONDS)[0]:
            if self._channel.waits() and isinstance(self._channel.receive(), Cancel):
                self._actor.cancel.remote()
            if asked is None and time.monotonic() - asked_at > _ASK_SECONDS:
                asked, asked_at = self._actor.fraction.remote(), time.monotonic()
            elif asked is not None and self._ray.wait([asked], timeout=0)[0]:
                self._channel.send(Working(round(self._ray.get(asked), 4)))
                asked = None
        found: tuple[Succeeded | Failed, tuple[str, ...]] = self._ray.get(answer)
        return found

    def _send(self, photo: Path) -> None:
        with photo.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                self._ray.get(self._actor.take.remote(piece))
                self._look()

    def _fetch(self, name: str, path: Path) -> None:
        """Write the result to the store, whole and synced or not at all."""
        with replacing(path, overwrite=True) as partial, partial.open("wb") as file:
            while piece := self._ray.get(self._actor.give.remote(name, file.tell())):
                file.write(piece)
                self._look()

    def _look(self) -> None:
        """Say that pieces move.

        Raises: Cancelled where nobody wants them any more.
        """
        self._channel.send(Working(round(self._ray.get(self._actor.fraction.remote()), 4)))
        if self._channel.waits() and isinstance(self._channel.receive(), Cancel):
            raise Cancelled("cancelled; nothing was written")

    def _tell_loaded(self, loaded: tuple[str, ...]) -> None:
        self._loaded = loaded
        self._channel.send(Loaded(loaded))
