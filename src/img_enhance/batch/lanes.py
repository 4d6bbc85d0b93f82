"""Who enhances the photos of a run: lanes, each of which does one photo at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from img_enhance.batch.outcome import PhotoOutcome, failure_of
from img_enhance.errors import Cancelled, ImgEnhanceError
from img_enhance.request.recipe import Recipe


@dataclass(frozen=True)
class PhotoTask:
    """One photo to enhance. `source` is its name in the run, `path` its file, `made_by` as in its outcome.

    The result goes to a new file in `folder`, which every lane can write, under a name that begins with `stem`; who runs the lanes gives it
    its name when it is whole. `keep_times` gives it the times of the photo's file. `thumbnails` are the files
    for small pictures of the photo before and after, if they are wanted.
    """

    source: str
    path: str
    folder: str
    stem: str
    recipe: Recipe
    made_by: str
    keep_times: bool = True
    thumbnails: tuple[str, str] | None = None


@dataclass(frozen=True)
class AtWork:
    """How far a photo is: the seconds that its plan says, 0 while there is no plan, and the part of them that is done, 0 to 1."""

    seconds: float = 0.0
    fraction: float = 0.0


# Told how far a photo is, now and then.
OnWork = Callable[[AtWork], None]


class Lanes(Protocol):
    """Photos go in, outcomes come out, in any order. Use it as a context manager, which ends what is still at work.

    No future raises for what is wrong with a photo, a lane or a machine: the outcome says so ("failed"). A photo whose lane died is tried
    once more; one that was cancelled has the code "cancelled".
    """

    @property
    def most_in_flight(self) -> int:
        """How many photos it is of use to have submitted at one time."""

    @property
    def at_work(self) -> Mapping[str, AtWork]:
        """How far the photos are that have begun, by the stems of their tasks."""

    def submit(self, task: PhotoTask) -> Future[PhotoOutcome]:
        """What will become of the photo."""

    def cancel(self) -> None:
        """Let every photo that is waiting or at work come to its end as cancelled, soon."""

    def __enter__(self) -> Lanes: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


def failed(task: PhotoTask, error: ImgEnhanceError) -> PhotoOutcome:
    """The outcome of a photo that nobody could work on, or to the end."""
    return PhotoOutcome(task.source, task.path, "failed", failure=failure_of(error), made_by=task.made_by, finished=time.time())


def cancelled(task: PhotoTask) -> PhotoOutcome:
    """The outcome of a photo that nobody wants any more."""
    return failed(task, Cancelled("cancelled; nothing was written"))
