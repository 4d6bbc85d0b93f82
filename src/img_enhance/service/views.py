"""What the API answers, as the schema shows it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

API = "/api/v1"


class ProblemView(BaseModel):
    """RFC 9457: `code` is stable, `detail` is for a person."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class ProblemKindView(BaseModel):
    """What a code means and what to do about it."""

    type: str
    code: str
    status: int
    meaning: str
    fix: str


class ResultView(BaseModel):
    url: str
    format: str
    width: int
    height: int
    bytes: int


class CallbackView(BaseModel):
    """How the telling of a job's end goes."""

    url: str
    state: str = Field(description="waiting for the end or for the next attempt, taken, or given_up")
    attempts: int
    answer: str | None = Field(None, description="what came of the last attempt")
    next: float | None = Field(None, description="when the next attempt is")


class SecretView(BaseModel):
    """What signs callbacks."""

    secret: str = Field(examples=["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="])


class LevelView(BaseModel):
    """One level of a picture: its size, its tiles, and how many of their rows are there already, from the top."""

    width: int
    height: int
    columns: int
    rows: int
    rows_ready: int


class PictureView(BaseModel):
    """A picture to look at: level 0 has all its pixels, each next one half as many across and down."""

    width: int
    height: int
    levels: list[LevelView]


class LookView(BaseModel):
    """What a result and the photo before it are looked at by."""

    state: str = Field(description="waiting, cutting or ready", examples=["cutting"])
    tile: int = Field(description="side of a tile in pixels; those at the right and lower edge are smaller", examples=[512])
    pictures: dict[str, PictureView] = Field(description="after, and before where the photo was kept; none that is not known yet")
    tiles: str = Field(description="address of a tile; fill in picture, level, column and row")


class JobView(BaseModel):
    """A job as it is now; times are seconds since 1970."""

    id: str = Field(examples=["5f0c1e3a9b7d4c2f8a6e0d1b3c5f7a90"])
    state: str = Field(description="queued, running, done, failed, cancelled or expired", examples=["running"])
    batch: str | None = None
    progress: float = Field(description="0 to 1", examples=[0.42])
    queue_position: int | None = Field(None, description="1 is next; none once it runs")
    estimated_seconds_left: float | None = None
    created: float
    started: float | None = None
    finished: float | None = None
    expires: float | None = None
    attempts: int = Field(description="how often it was started")
    photo: dict[str, Any]
    recipe: dict[str, Any]
    result: ResultView | None = None
    record: dict[str, Any] | None = Field(None, description="how the result was made: plan, weights, seconds and memory of every step")
    error: ProblemView | None = None
    callback: CallbackView | None = Field(None, description="only where one job is asked for")
    links: dict[str, str]


class RecordView(BaseModel):
    """What is kept of a job when its picture is gone; times are seconds since 1970."""

    id: str
    state: str = Field(description="done, failed, cancelled or expired")
    batch: str | None = None
    created: float
    started: float | None = None
    finished: float
    kept_until: float = Field(description="when the service forgets it")
    attempts: int = Field(description="how often it was started")
    photo: dict[str, Any] = Field(description="format, size, bytes and sha256, and why steps were chosen or left out")
    recipe: dict[str, Any]
    result: dict[str, Any] | None = Field(None, description="format, size, bytes and sha256")
    record: dict[str, Any] | None = Field(
        None, description="how the result was made: plan, weights, warnings, seconds and memory of every step"
    )
    error: ProblemView | None = Field(None, description="why there is no result")


class JobsView(BaseModel):
    """Some of the caller's jobs, the latest first."""

    jobs: list[JobView]
    next: str | None = Field(None, description="where earlier ones are; none if there are none")


class BatchView(BaseModel):
    """A batch: how many of its jobs are in which state, and all of them."""

    id: str
    states: dict[str, int]
    finished: bool
    jobs: list[JobView]
