"""Areas of a network's sweep that other machines do. Pixels travel in files that every machine sees, all else in words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from img_enhance.cancelling import Tick
from img_enhance.geometry import Box
from img_enhance.machine.canvas import Pixels
from img_enhance.photo import Photo
from img_enhance.planning.area_task import PixelFile
from img_enhance.planning.sweep_plan import CHANNELS, SweepPlan
from img_enhance.planning.windows import Window

# Files are written and copied in strips of about so many bytes.
_STRIP_BYTES = 16_000_000


class Elsewhere(Protocol):
    """Who has other machines do areas."""

    def areas(self, plan: SweepPlan) -> tuple[Window, ...]:
        """The areas to be done elsewhere; none where the pass is for this machine."""

    def sweep(self, plan: SweepPlan, photo: Photo, held: Box, canvas: Pixels, *, tick: Tick, done: Callable[[int], None]) -> int:
        """Fill the canvas with the network's answer, as `passes.sweep.sweep` would.

        Raises: as that; DeviceError when no machine is left.
        """


def write_pixels(pixels: Pixels, file: PixelFile, tick: Tick) -> None:
    """Write pixels to a new file, synced.

    Raises: OSError when the disk is full; what `tick` raises.
    """
    with open(file.path, "xb") as written:
        for strip in _strips(file):
            tick()
            written.write(np.ascontiguousarray(pixels[strip]).data)
        written.flush()
        os.fsync(written.fileno())


def copy_pixels(file: PixelFile, canvas: Pixels, tick: Tick) -> None:
    """Copy a file's pixels to where they belong, and take the file away."""
    pixels = mapped(file)
    for strip in _strips(file):
        tick()
        canvas[strip] = pixels[strip]
    del pixels
    Path(file.path).unlink()


def mapped(file: PixelFile) -> Pixels:
    """The pixels of a file, read where they are looked at; not to be changed."""
    return np.memmap(file.path, _dtype(file), mode="r", shape=_shape(file))


def made(file: PixelFile) -> np.memmap[Any, Any]:
    """The pixels of a new file, which has its place on the disk.

    Raises: OSError when the disk is full.
    """
    count = file.size.pixels * CHANNELS * _dtype(file).itemsize
    with open(file.path, "xb") as new:
        # Writing into a hole of a mapped file on a full disk would kill the process.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(new.fileno(), 0, count)
        else:
            new.truncate(count)
    return np.memmap(file.path, _dtype(file), mode="r+", shape=_shape(file))


def _dtype(file: PixelFile) -> np.dtype[Any]:
    return np.dtype(np.uint16 if file.depth == 16 else np.uint8)


def _shape(file: PixelFile) -> tuple[int, int, int]:
    return file.size.height, file.size.width, CHANNELS


def _strips(file: PixelFile) -> Iterator[slice]:
    rows = max(1, _STRIP_BYTES // (file.size.width * CHANNELS * _dtype(file).itemsize))
    return (slice(top, top + rows) for top in range(0, file.size.height, rows))
