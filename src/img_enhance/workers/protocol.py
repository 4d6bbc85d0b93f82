"""What the API and its children say to each other: JSON objects, each after its length, over a pair of sockets.

Nothing but these messages comes out of a child, and none of them can carry code.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

# A record of a huge photo's plan is some tens of kilobytes.
MOST_BYTES = 8_000_000
LENGTH_BYTES = 4

# The device of a child that must not touch a GPU.
CPU = "cpu"


@dataclass(frozen=True)
class Setup:
    """To every child, first: what it may do. Bytes and pixels are counts, `cluster` the address of that which a worker's engine is on.
    `chosen_by` is the setting that chose a worker's device, in words."""

    device: str
    precision: str
    max_memory: int | None
    max_gpu_memory: int | None
    gpu_share: float
    max_pixels: int
    max_result_pixels: int
    warm_model: str
    idle_seconds: float
    reader_memory: int
    reader_seconds: float
    max_file_bytes: int
    threads: int | None = None
    cluster: str = ""
    chosen_by: str = ""


@dataclass(frozen=True)
class CheckPhoto:
    """To a reader: look at this photo as the request would."""

    photo: str
    request: dict[str, Any]


@dataclass(frozen=True)
class PreviewPhoto:
    """To a reader: show this photo, of at most so many pixels, with these steps on light done to it."""

    photo: str
    request: dict[str, Any]
    most_pixels: int


@dataclass(frozen=True)
class FindFaces:
    """To a reader: look for the faces that a step on faces with these options would find."""

    photo: str
    options: dict[str, Any]


@dataclass(frozen=True)
class EnhancePhoto:
    """To a worker: do this. `result` is the path of the result without its ending."""

    photo: str
    request: dict[str, Any]
    result: str
    fault: str


@dataclass(frozen=True)
class CutPictures:
    """To a cutter: cut the files of these pictures, by their names, into tiles, each in a folder of its name in this one."""

    pictures: dict[str, str]
    folder: str
    fault: str


@dataclass(frozen=True)
class Cancel:
    """To a worker: stop what you do."""


@dataclass(frozen=True)
class Ready:
    """From a child: it takes messages. A worker says which processors there are."""

    processors: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """From a reader: the photo is whole and can be done. Sizes are width and height.

    `request` is the recipe with the steps that were chosen where it left them open, `reasons` why they were.
    """

    request: dict[str, Any]
    reasons: tuple[dict[str, Any], ...]
    format: str
    size: tuple[int, int]
    result_format: str
    result_size: tuple[int, int]
    seconds: float
    projected_bytes: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Previewed:
    """From a reader: a JPEG in base64, which few megapixels fit into one message."""

    jpeg: str


@dataclass(frozen=True)
class FacesFound:
    """From a reader: the photo's width and height, and its faces: each with its box as "X,Y,W,H", its score, and why it would be left."""

    size: tuple[int, int]
    faces: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Failed:
    """An error of the tree, as data. `detail` is for anybody, `private` for the log only."""

    code: str
    status: int
    detail: str
    private: str = ""

    def shown(self) -> dict[str, Any]:
        """What is kept of it and shown: all but what is private."""
        return {"code": self.code, "status": self.status, "detail": self.detail}


@dataclass(frozen=True)
class Working:
    """From a worker, at least once a second while it works: how far it is."""

    fraction: float


@dataclass(frozen=True)
class Succeeded:
    """From a worker: the result is on the disk, synced, in the job's folder under this name."""

    name: str
    format: str
    size: tuple[int, int]
    record: dict[str, Any]


@dataclass(frozen=True)
class SizeKnown:
    """From a cutter: the width and height of a picture, None and why where it cannot be seen."""

    picture: str
    size: tuple[int, int] | None
    detail: str = ""


@dataclass(frozen=True)
class RowCut:
    """From a cutter: so many rows of tiles of a level are on the disk; the last of them takes so many bytes."""

    picture: str
    level: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class TilesCut:
    """From a cutter: all is done."""


@dataclass(frozen=True)
class Loaded:
    """From a worker: the models it holds now."""

    models: tuple[str, ...]


Question = CheckPhoto | PreviewPhoto | FindFaces
Orders = Setup | Question | EnhancePhoto | CutPictures | Cancel
Answers = Ready | Checked | Previewed | FacesFound | Failed | Working | Succeeded | SizeKnown | RowCut | TilesCut | Loaded
Message = Orders | Answers

_KINDS: dict[str, type[Message]] = {kind.__name__: kind for kind in get_args(Message)}


def encode(message: Message) -> bytes:
    """The message with its length before it."""
    body = json.dumps({"kind": type(message).__name__, **asdict(message)}).encode()
    return len(body).to_bytes(LENGTH_BYTES) + body


def length(head: bytes) -> int:
    """The length that a message begins with.

    Raises: ValueError when no message is so long.
    """
    count = int.from_bytes(head)
    if count > MOST_BYTES:
        raise ValueError(f"a message of {count} bytes")
    return count


def decode(body: bytes) -> Message:
    """The message in these bytes, without its length.

    Raises: ValueError, TypeError, KeyError when there is none.
    """
    values = json.loads(body)
    kind: Callable[..., Message] = _KINDS[values.pop("kind")]
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
