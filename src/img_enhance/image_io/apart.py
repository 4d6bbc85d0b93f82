"""Photos by decoders that run in a process of their own, so that a file which crashes one is a damaged file and no more."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from img_enhance.cancelling import Tick
from img_enhance.errors import PhotoError, PhotoTooLarge, UnsupportedPhoto
from img_enhance.files import damaged
from img_enhance.geometry import Size

Decoder = Literal["bmp", "dng", "heic", "jxl", "pillow", "raw", "tifffile"]

_CHILD = Path(__file__).with_name("apart_child.py")
# The slowest is a raw file of 60 million pixels on a busy machine. Headers take a second; nobody is told meanwhile that a header is being
# read, so that must end before the service takes its worker for dead (STALL_SECONDS, 120).
_MOST_SECONDS, _MOST_HEADER_SECONDS = 180, 60
_LOOK_SECONDS = 0.1

# How the child ends where a photo is of a kind that is not taken, and where memory is short.
_NOT_TAKEN, _NO_MEMORY = 2, 3
# The system's signal for processor time used up, which Windows has not; a process that it ends has this code.
_OUT_OF_TIME = -int(getattr(signal, "SIGXCPU", 0)) or None


@dataclass(frozen=True, eq=False)
class Decoded:
    """The main picture of a file; `pixels`, (H, W, channels) uint8 or uint16, are None where only the header was asked for.

    `mode` names the channels as Pillow does. `bits` are those that the values were coded with, `dpi` is (0, 0) where the file says nothing.
    `orientation`, 1 to 8 as EXIF has it, is what is yet to be done. `warnings` say what does not come as the file has it.
    """

    size: Size
    mode: str
    deep: bool
    bits: int
    frames: int
    dpi: tuple[float, float]
    orientation: int
    warnings: tuple[str, ...]
    blocks: dict[str, bytes]
    pixels: npt.NDArray[Any] | None

    @property
    def bands(self) -> int:
        return len(self.mode)


def decode_apart(path: Path, decoder: Decoder, *, pixels: bool, page: int = 0, tick: Tick = lambda: None) -> Decoded:
    """What a file holds; `page`, counted from 0, is for TIFFs. `tick` is called many times a second until then, and may end it.

    Raises: PhotoError when it is damaged or takes too long, UnsupportedPhoto when it is of a kind that the decoder does not take,
    PhotoTooLarge where it has no room in memory.
    """
    command = [sys.executable, "-P", str(_CHILD), decoder, str(path), "pixels" if pixels else "header", str(page)]
    most_seconds = _MOST_SECONDS if pixels else _MOST_HEADER_SECONDS
    with (
        tempfile.TemporaryFile() as errors,
        ThreadPoolExecutor(1) as thread,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors) as child,  # noqa: S603 - our own script
    ):
        try:
            answer, until = thread.submit(_answer, child), time.monotonic() + most_seconds
            while (ended := _within(answer, _LOOK_SECONDS)) is None:
                tick()
                if time.monotonic() > until:
                    raise PhotoError(
                        f"{path} took its decoder more than {most_seconds} s", "save it anew as PNG or JPEG, or try when less is going on"
                    )
        finally:
            child.kill()
        found, code = ended
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
    # Of strips that libtiff cannot decode Pillow makes grey ones of some kinds, and only libtiff says so.
    complaints = [line for line in lines if "Warning" not in line] if decoder == "pillow" else []
    if code == 0 and found is not None and not complaints:
        return found
    if code == _NOT_TAKEN and len(lines) > 1:
        raise UnsupportedPhoto(f"{path} {lines[-2]}", lines[-1])
    if code == _NO_MEMORY:
        raise PhotoTooLarge(f"{path} needs more memory to decode than is allowed", "save it smaller")
    if code == _OUT_OF_TIME:
        raise PhotoError(f"{path} took its decoder more processor time than is allowed", "save it anew as PNG or JPEG, or smaller")
    raise damaged(path, lines[-1] if lines and code >= 0 else "its decoder crashed")


_Ended = tuple["Decoded | None", int]


def _answer(child: subprocess.Popen[bytes]) -> _Ended:
    """What a child writes, and its exit code."""
    assert child.stdout is not None
    return _received(child.stdout), child.wait()


def _within(answer: Future[_Ended], seconds: float) -> _Ended | None:
    """None where it is not there by then."""
    try:
        return answer.result(seconds)
    except NotYet:
        return None


def _received(stream: IO[bytes]) -> Decoded | None:
    """What the child writes; None where it ends before all of it came."""
    head = stream.readline()
    if not head.endswith(b"\n"):
        return None
    facts = json.loads(head)
    blocks = {name: stream.read(count) for name, count in facts["blocks"].items()}
    if any(len(blocks[name]) < count for name, count in facts["blocks"].items()):
        return None
    size, mode, values = Size(*facts["size"]), facts["mode"], None
    if facts["pixels"]:
        # Straight into the array: a photo's pixels are the largest thing here, and need not be there twice.
        values = np.empty((size.height, size.width, len(mode)), np.uint16 if facts["deep"] else np.uint8)
        left = values.data.cast("B")
        while left and (count := stream.readinto(left)):  # type: ignore[attr-defined]
            left = left[count:]
        if left:
            return None
    return Decoded(
        size=size,
        mode=mode,
        deep=facts["deep"],
        bits=facts["bits"],
        frames=facts["frames"],
        dpi=tuple(facts.get("dpi", (0.0, 0.0))),
        orientation=facts.get("orientation", 1),
        warnings=tuple(facts.get("warnings", ())),
        blocks=blocks,
        pixels=values,
    )
