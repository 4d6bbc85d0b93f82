"""Jobs and batches as a service shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from img_enhance.client.problems import error_of
from img_enhance.errors import Cancelled, ImgEnhanceError, ServiceUnreachable
from img_enhance.jobs.refusals import ResultExpired
from img_enhance.photo import format_named
from img_enhance.request.recipe import Reason

_FINAL = ("done", "failed", "cancelled", "expired")


@dataclass(frozen=True)
class JobStatus:
    """A job as it was when it was asked for. `record` is what `--report` writes, once the job is done."""

    id: str
    state: str
    progress: float
    queue_position: int | None
    seconds_left: float | None
    photo: dict[str, Any]
    recipe: dict[str, Any]
    result: dict[str, Any] | None
    record: dict[str, Any] | None
    error: ImgEnhanceError | None

    @property
    def finished(self) -> bool:
        return self.state in _FINAL

    @property
    def megapixels(self) -> float:
        """Of the photo; 0 for one that was refused and never measured."""
        return float(self.photo.get("width", 0) * self.photo.get("height", 0) / 1e6)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why its steps were chosen, where they were chosen automatically."""
        return tuple(Reason.from_mapping(reason) for reason in self.photo.get("reasons", ()))

    @property
    def output_format(self) -> str:
        """The format of its result, which is known before the result is."""
        own = format_named(self.photo["format"])
        return str(self.recipe.get("output", {}).get("format") or own.written_as or own.name)

    def check_done(self) -> None:
        """Pass if there is a result.

        Raises: the job's own error; Cancelled, ResultExpired.
        """
        if self.error is not None:
            raise self.error
        if self.state == "cancelled":
            raise Cancelled("the job was cancelled; nothing was written")
        if self.state == "expired":
            raise ResultExpired("the result is no longer kept", "send the photo again")


@dataclass(frozen=True)
class Batch:
    """Several photos that were sent together, in their order."""

    id: str
    jobs: tuple[JobStatus, ...]

    @property
    def finished(self) -> bool:
        return all(job.finished for job in self.jobs)


def job_from(values: Mapping[str, Any]) -> JobStatus:
    """A job from a service's JSON.

    Raises: ServiceUnreachable when it is none.
    """
    try:
        return JobStatus(
            id=str(values["id"]),
            state=str(values["state"]),
            progress=float(values["progress"]),
            queue_position=values.get("queue_position"),
            seconds_left=values.get("estimated_seconds_left"),
            photo=dict(values["photo"]),
            recipe=dict(values["recipe"]),
            result=values.get("result"),
            record=values.get("record"),
            error=error_of(values["error"]) if values.get("error") else None,
        )
    except (KeyError, TypeError, ValueError):
        raise ServiceUnreachable("the answer of the service is not a job", "check the URL, or use its version of img-enhance") from None


def batch_from(values: Mapping[str, Any]) -> Batch:
    """A batch from a service's JSON.

    Raises: ServiceUnreachable when it is none.
    """
    try:
        return Batch(str(values["id"]), tuple(job_from(job) for job in values["jobs"]))
    except (KeyError, TypeError):
        raise ServiceUnreachable("the answer of the service is not a batch", "check the URL, or use its version of img-enhance") from None
