"""Small pictures of files that were enhanced elsewhere, made in a process of their own: what ends a decoder does not end the run."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from img_enhance.errors import ImgEnhanceError

_WITHOUT = "the report has no thumbnail of it: "


class Thumbnailer:
    """One process, started anew where a photo ends it. Use it from any thread, and close it."""

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def make(self, photo: Path, thumbnail: str) -> tuple[str, ...]:
        """Make one, if it is wanted; why there is none."""
        if not thumbnail:
            return ()
        with self._lock:
            try:
                self._pool = self._pool or ProcessPoolExecutor(1, get_context("spawn"), initializer=_leave_interrupts)
                why = self._pool.submit(_made, photo, thumbnail, self._max_pixels).result()
            except BrokenProcessPool:
                self._pool, why = None, "the process that made it died"
        return (_WITHOUT + why,) if why else ()

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _made(photo: Path, thumbnail: str, max_pixels: int) -> str:
    from img_enhance.compare.thumbnails import write_thumbnail
    from img_enhance.image_io import open_photo

    try:
        write_thumbnail(open_photo(photo, max_pixels=max_pixels, first_frame=True), Path(thumbnail))
    except (ImgEnhanceError, OSError) as error:
        return str(error)
    return ""


def _leave_interrupts() -> None:
    """Ctrl-C is for the process that has the terminal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
