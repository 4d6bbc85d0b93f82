"""A picture's file cut into the tiles of its pyramid, in a stream: a few rows of tiles of each level are all that lies in memory.

Level 0 is PNG, so that whoever looks closely sees the true values; the levels above, which are reduced, are JPEG, and PNG where the picture
has transparency.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyvips

from img_enhance.files import damaged
from img_enhance.geometry import Size
from img_enhance.image_io.conversion import Conversion, conversion_of
from img_enhance.image_io.images import open_image
from img_enhance.image_io.read import PhotoFile
from img_enhance.image_io.strips import strips
from img_enhance.image_io.turned import upright
from img_enhance.image_io.vips import reason
from img_enhance.light.hdr import brightest, range_of, screen_light, shown
from img_enhance.pyramid import COARSE, TILE, levels_of, tile_name

Rows = npt.NDArray[np.uint8]

# Told after each row of tiles of a level that lies on the disk: the level, how many of its rows do, the bytes of this one.
Done = Callable[[int, int, int], None]

# Rows of tiles at work beside the one that is being filled, per level.
_ENCODERS = 2

# A profile of up to so many bytes goes into every tile; for a larger one the values are converted to sRGB.
_MOST_PROFILE_BYTES = 8_000

# Of photos with grain level 1 finds a fourth less to leave out than level 2 in a third of the time (measured 2026-11: 60 MP/s a core).
_PNG = {"compression": 1, "filter": "sub"}
_JPEG_QUALITY = 90


def size_of(file: PhotoFile) -> Size:
    """Of the picture as it is seen, upright."""
    return file.header.size


def cut_coarse(file: PhotoFile, folder: Path, done: Done) -> None:
    """Write the levels from `COARSE` on; of a picture that has no more than that, all there are.

    Raises: PhotoError when nothing can be decoded.
    """
    first = min(COARSE, len(levels_of(file.header.size)) - 1)
    _cut(file, folder, first, len(levels_of(file.header.size)), done)


def cut_fine(file: PhotoFile, folder: Path, done: Done) -> None:
    """Write the levels below `COARSE`.

    Raises: PhotoError when nothing can be decoded.
    """
    last = min(COARSE, len(levels_of(file.header.size)) - 1)
    if last:
        _cut(file, folder, 0, last, done)


def _cut(file: PhotoFile, folder: Path, first: int, end: int, done: Done) -> None:
    """Write the levels from `first` up to but without `end`."""
    for level in range(first, end):
        (folder / str(level)).mkdir(parents=True, exist_ok=True)
    size = levels_of(file.header.size)[first].size
    try:
        with ThreadPoolExecutor(_ENCODERS) as pool, tempfile.TemporaryDirectory() as scratch:
            picture = _Picture(file, 2**first, Path(scratch))
            below: _LevelCutter | None = None
            for level in reversed(range(first, end)):
                height = levels_of(file.header.size)[level].size.height
                below = _LevelCutter(level, height, folder, picture.profile, pool=pool, below=below, done=done)
            assert below is not None
            for rows in picture.rows(size):
                below.take(rows)
            below.finish()
    except pyvips.Error as error:
        raise damaged(file.path, reason(error)) from None


class _LevelCutter:
    """Gathers the rows of one level, cuts them into tiles as soon as they are enough, and hands them halved to the level `below`."""

    def __init__(
        self,
        level: int,
        height: int,
        folder: Path,
        profile: bytes | None,
        *,
        pool: ThreadPoolExecutor,
        below: _LevelCutter | None,
        done: Done,
    ) -> None:
        self._level, self._left, self._folder, self._profile = level, height, folder, profile
        self._pool, self._below, self._done = pool, below, done
        self._band: Rows | None = None
        self._filled = self._row = 0
        self._encoding: list[Future[int]] = []

    def take(self, rows: Rows) -> None:
        """Take the next rows, (H, W, bands)."""
        while len(rows):
            if self._band is None:
                self._band, self._filled = np.empty((min(TILE, self._left), *rows.shape[1:]), np.uint8), 0
            part = rows[: len(self._band) - self._filled]
            self._band[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            rows = rows[len(part) :]
            if self._filled == len(self._band):
                self._cut(self._band)
                self._left -= len(self._band)
                self._band = None

    def finish(self) -> None:
        """Wait until all is written, here and below."""
        self._settle()
        if self._below is not None:
            self._below.finish()

    def _cut(self, band: Rows) -> None:
        self._settle()
        self._encoding = [
            self._pool.submit(self._write, band[:, left : left + TILE], column) for column, left in enumerate(range(0, band.shape[1], TILE))
        ]
        if self._below is not None:
            self._below.take(_halved(band))

    def _settle(self) -> None:
        """Wait for the last row of tiles, and say that it is there."""
        if self._encoding:
            written = sum(future.result() for future in self._encoding)
            self._encoding = []
            self._row += 1
            self._done(self._level, self._row, written)

    def _write(self, tile: Rows, column: int) -> int:
        image = _image(tile)
        if self._profile is not None:
            image = image.copy()
            image.set_type(pyvips.GValue.blob_type, "icc-profile-data", self._profile)
        path = self._folder / tile_name(self._level, column, self._row)
        if self._level == 0 or image.hasalpha():
            data = image.pngsave_buffer(keep="icc", **_PNG)
        else:
            data = image.jpegsave_buffer(keep="icc", Q=_JPEG_QUALITY, subsample_mode="off")
        return path.write_bytes(data)


def _image(rows: Rows) -> pyvips.Image:
    """Rows of 1 or 3 colours, maybe with transparency, as an image."""
    height, width, bands = rows.shape
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(rows), width, height, bands, "uchar")
    return image.copy(interpretation="b-w" if bands < 3 else "srgb")


def _halved(band: Rows) -> Rows:
    """Averages of 2 x 2 pixels, of fewer at an odd edge; what is transparent does not count for the colour."""
    image = _image(band)
    if image.hasalpha():
        image = image.premultiply().shrink(2, 2, ceil=True).unpremultiply().rint().cast("uchar")
    else:
        image = image.shrink(2, 2, ceil=True)
    return np.ndarray(buffer=image.write_to_memory(), dtype=np.uint8, shape=(image.height, image.width, image.bands))


class _Picture:
    """A file's picture as a screen shows it: upright, in 8 bits, reduced by a whole factor. Its rows come once."""

    def __init__(self, file: PhotoFile, factor: int, scratch: Path) -> None:
        self._file, self._factor, self._scratch = file, factor, scratch
        icc = file.metadata.icc
        self._to_srgb = icc is not None and len(icc) > _MOST_PROFILE_BYTES
        self.profile = None if self._to_srgb else icc

    def rows(self, size: Size) -> Iterator[Rows]:
        """All rows of the reduced picture, which has this size, from top to bottom."""
        tone = self._tone()
        for strip in self._upright_strips(size):
            yield strip if tone is None else tone(strip)

    def _upright_strips(self, size: Size) -> Iterator[npt.NDArray[Any]]:
        orientation = self._file.orientation
        image = self._opened(size.turned if orientation >= 5 else size)
        if orientation == 1:
            yield from (strip for _, strip in strips(image, lambda: None))
            return
        # Its rows may come of columns, so all of it lies in a file meanwhile.
        kind = np.uint8 if image.format == "uchar" else np.uint16
        stored = np.memmap(self._scratch / "stored", kind, "w+", shape=(image.height, image.width, image.bands))
        for rows, strip in strips(image, lambda: None):
            stored[rows] = strip
        seen = upright(stored, orientation)
        for top in range(0, len(seen), TILE):
            yield np.ascontiguousarray(seen[top : top + TILE])

    def _tone(self) -> Callable[[npt.NDArray[Any]], Rows] | None:
        """What brings values of high dynamic range to the standard one; all of them are looked at for that."""
        high = self._file.high_range
        if high is None:
            return None
        grey = self._file.header.grey
        colours = range_of(high.colours, grey=grey)
        image = self._converted()
        peak = max(brightest(_rgb(strip, grey=grey), colours, lambda: None) for _, strip in strips(image, lambda: None))

        def toned(strip: npt.NDArray[Any]) -> Rows:
            pixels = shown(screen_light(_rgb(strip, grey=grey), colours), colours, peak)[..., : 1 if grey else 3]
            return (np.concatenate([pixels, strip[..., pixels.shape[-1] :]], axis=2) >> 8).astype(np.uint8)

        return toned

    def _opened(self, size: Size) -> pyvips.Image:
        """As it is stored, brought to this size."""
        image = self._converted()
        if self._to_srgb:
            image = image.copy()
            image.set_type(pyvips.GValue.blob_type, "icc-profile-data", self._file.metadata.icc)
            image = image.icc_transform("srgb", embedded=True, intent="relative", depth=8 if image.format == "uchar" else 16)
        if image.format == "ushort" and self._file.high_range is None:
            image = image.cast("uchar", shift=True)
        return _reduced(image, size)

    def _converted(self) -> pyvips.Image:
        """The picture as it is stored, in its own encoding. A JPEG is decoded reduced, which takes a part of the time."""
        path, name = self._file.path, self._file.header.format
        image = open_image(path, name, None, fail_on="none", shrink=min(self._factor, 8) if name == "jpeg" else 1)
        conversion: Conversion = conversion_of(path, name, image)
        return conversion.apply(image)


def _reduced(image: pyvips.Image, size: Size) -> pyvips.Image:
    """The image averaged by a power of 2, or by what its decoder has left of it, to this size."""
    across, down = round(image.width / size.width), round(image.height / size.height)
    if (across, down) != (1, 1):
        kind, alpha = image.format, image.hasalpha()
        image = (image.premultiply() if alpha else image).shrink(across, down, ceil=True)
        image = image.unpremultiply().rint().cast(kind) if alpha else image
    if (image.width, image.height) == (size.width, size.height):
        return image
    return image.embed(0, 0, size.width, size.height, extend="copy")  # decoders of JPEG drop what is less than a pixel at the edge


def _rgb(strip: npt.NDArray[Any], *, grey: bool) -> npt.NDArray[Any]:
    return np.broadcast_to(strip[..., :1], (*strip.shape[:2], 3)) if grey else strip[..., :3]
