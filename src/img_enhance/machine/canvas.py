"""Canvases: arrays for whole pictures, in memory or in an unnamed file on disk."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from img_enhance.errors import DiskError
from img_enhance.geometry import Size
from img_enhance.planning.sweep_plan import CHANNELS, Medium
from img_enhance.units import bytes_text
from img_enhance.words import Setting

Pixels = npt.NDArray[np.uint8 | np.uint16]

_SCRATCH = Setting("scratch")

_IN_MEMORY = ("tmpfs", "ramfs")


def scratch_folder(wanted: str | None) -> Path:
    """A folder on a disk: the one asked for, else the first suitable one of the usual places.

    Raises: DiskError when it is no folder, cannot be written, or is kept in memory (tmpfs), which would defeat its purpose.
    """
    if wanted is not None:
        folder = Path(wanted)
        if not folder.is_dir():
            raise DiskError(f"the scratch folder {folder} does not exist", "create it or name another with ", _SCRATCH)
        if not os.access(folder, os.W_OK):
            raise DiskError(f"the scratch folder {folder} cannot be written", "name another with ", _SCRATCH)
        if _kept_in_memory(folder):
            raise DiskError(f"the scratch folder {folder} is kept in memory (tmpfs)", "name one on a disk with ", _SCRATCH)
        return folder
    # Some systems keep the usual folder for temporary files in memory; /var/tmp is meant for large ones.
    for candidate in (tempfile.gettempdir(), "/var/tmp", str(Path.cwd())):  # noqa: S108
        folder = Path(candidate)
        if folder.is_dir() and os.access(folder, os.W_OK) and not _kept_in_memory(folder):
            return folder
    raise DiskError("no folder on a disk can be written for scratch files", "name one with ", _SCRATCH)


def check_room(folder: Path, needed_bytes: int) -> None:
    """Pass if the disk of `folder` has room.

    Raises: DiskError with what is needed and what is free.
    """
    free = shutil.disk_usage(folder).free
    if needed_bytes > free:
        raise DiskError(
            f"needs {bytes_text(needed_bytes)} of scratch disk, {folder} has {bytes_text(free)} free",
            *("free some, name another folder with ", _SCRATCH, ", or allow more with ", Setting("max_memory")),
        )


def new_canvas(size: Size, medium: Medium, folder: Path | None, *, channels: int = CHANNELS, depth: int = 8) -> Pixels:
    """Pixels of this size, not initialised, (H, W, channels) or (H, W) for one channel, of 8 or 16 bits.

    One on disk has no name there: it is gone with the array, or with the process.

    Raises: DiskError when the disk is full.
    """
    shape = (size.height, size.width, channels) if channels > 1 else (size.height, size.width)
    dtype = np.uint16 if depth == 16 else np.uint8
    if medium == "memory":
        return np.empty(shape, dtype)
    assert folder is not None, "a canvas on disk needs a folder"
    with tempfile.TemporaryFile(dir=folder) as file:
        _reserve(file.fileno(), size.pixels * channels * depth // 8, folder)
        return np.memmap(file, dtype, mode="r+", shape=shape)


def _reserve(descriptor: int, count: int, folder: Path) -> None:
    # Room is taken now: writing into a hole of a mapped file on a full disk would kill the process with SIGBUS.
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, count)
        else:
            os.truncate(descriptor, count)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskError(f"no room for {bytes_text(count)} in {folder}", "free some or use ", _SCRATCH) from None
        raise DiskError(f"cannot create a scratch file in {folder}: {error.strerror}", "use ", _SCRATCH) from None


def _kept_in_memory(folder: Path) -> bool:
    path = folder.resolve()
    mounts = [p for p in psutil.disk_partitions(all=True) if path.is_relative_to(p.mountpoint)]
    return bool(mounts) and max(mounts, key=lambda p: len(p.mountpoint)).fstype in _IN_MEMORY
