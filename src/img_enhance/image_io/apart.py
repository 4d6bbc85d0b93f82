"""Photos by decoders that run in a process of their own, so that a file which crashes one is a damaged file and no more."""

import json
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from img_enhance.errors import UnsupportedPhoto
from img_enhance.files import damaged
from img_enhance.geometry import Size

Decoder = Literal["bmp", "dng", "heic", "jxl", "pillow", "raw", "tifffile"]

_CHILD = Path(__file__).with_name("apart_child.py")
# The slowest is a raw file of 60 million pixels on a busy machine.
_MOST_SECONDS = 180

# How the child ends where a photo is whole, and of a kind that is not taken.
_NOT_TAKEN = 2


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


def decode_apart(path: Path, decoder: Decoder, *, pixels: bool, page: int = 0) -> Decoded:
    """What a file holds; `page`, counted from 0, is for TIFFs.

    Raises: PhotoError when it is damaged, UnsupportedPhoto when it is of a kind that the decoder does not take.
    """
    command = [sys.executable, "-P", str(_CHILD), decoder, str(path), "pixels" if pixels else "header", str(page)]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors) as child,  # noqa: S603 - our own script
    ):
        assert child.stdout is not None
        timer = threading.Timer(_MOST_SECONDS, child.kill)
        timer.start()
        try:
            found = _received(child.stdout)
            ended = child.wait()
        finally:
            late = not timer.is_alive()
            timer.cancel()
            child.kill()
        if late:
            raise damaged(path, f"its decoder did not end within {_MOST_SECONDS} s")
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
    # Of strips that libtiff cannot decode Pillow makes grey ones of some kinds, and only libtiff says so.
    complaints = [line for line in lines if "Warning" not in line] if decoder == "pillow" else []
    if ended == 0 and found is not None and not complaints:
        return found
    if ended == _NOT_TAKEN and len(lines) > 1:
        raise UnsupportedPhoto(f"{path} {lines[-2]}", lines[-1])
    raise damaged(path, lines[-1] if lines and ended >= 0 else "its decoder crashed")


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
