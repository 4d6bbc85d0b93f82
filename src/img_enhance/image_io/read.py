"""Photos from files: header first, then the pixels in a stream, upright, in their own encoding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyvips

from img_enhance.cancelling import Tick
from img_enhance.errors import PhotoError, UnsupportedPhoto
from img_enhance.files import State, damaged, size_in, state_of
from img_enhance.geometry import Size
from img_enhance.image_io.content import content_format, is_animated
from img_enhance.image_io.conversion import bits_of, conversion_of
from img_enhance.image_io.extras import missing_extra
from img_enhance.image_io.images import failure, open_image, open_to_salvage, open_without_stray_bytes
from img_enhance.image_io.limit import check_pixels
from img_enhance.image_io.mended import mending
from img_enhance.image_io.photo_metadata import metadata_of
from img_enhance.image_io.restarts import STRAY
from img_enhance.image_io.strips import strips, whole_rows
from img_enhance.image_io.tiff_page import photo_page
from img_enhance.image_io.turned import upright
from img_enhance.image_io.vips import has, jpeg_warning
from img_enhance.light.hdr import range_of, show_in_standard_range
from img_enhance.machine.canvas import Pixels
from img_enhance.metadata import tiff
from img_enhance.metadata.colours import Colours
from img_enhance.metadata.xmp import goes_round
from img_enhance.photo import Header, Metadata, Photo
from img_enhance.words import Setting

SALVAGE = Setting("salvage")


@dataclass(frozen=True)
class HighRangeFile:
    """What a file of high dynamic range says of its values: what they stand for, their bits. `shown` warns of what `read_photo` makes."""

    colours: Colours
    bits: int
    shown: str

    @property
    def name(self) -> str:
        """Of the curve, as people say it."""
        return str(self.colours.curve).upper()


@dataclass(frozen=True)
class PhotoFile:
    """A photo's file whose header has been read and found good; `warnings` say what will not come back as it was, and first of all the
    `flaws`, those that a copy of the file would have too.

    `state` is the file's when that was done. `several` says that it holds other pictures beside the first. With `salvage`, what is there
    of a damaged picture is taken. `high_range` is there where its values are PQ or HLG.
    """

    path: Path
    header: Header
    orientation: int
    metadata: Metadata
    warnings: tuple[str, ...]
    flaws: tuple[str, ...]
    state: State
    several: bool
    salvage: bool = False
    high_range: HighRangeFile | None = None

    @property
    def bytes(self) -> int:
        """How large the file is."""
        return size_in(self.state)


def open_photo(path: Path, *, max_pixels: int, first_frame: bool = True, salvage: bool = False) -> PhotoFile:
    """The header of a photo; pixels are not read, except by decoders that know no other way (HEIC).

    Of a file with several pictures the first is taken if `first_frame`; of a damaged one what is there, if `salvage`.

    Raises: PhotoError when the file cannot be read, UnsupportedPhoto when it is no photo that we take, PhotoTooLarge above `max_pixels`.
    """
    name = content_format(path)
    lacking = missing_extra(name)
    if lacking is not None:
        raise UnsupportedPhoto(f"{path} is of the format {name}, for which another package is needed", f"run: {lacking}")
    state = state_of(path)
    image = open_to_salvage(path, name, max_pixels) if salvage else open_image(path, name, max_pixels)
    size = Size(image.width, image.height)
    check_pixels(path, size, max_pixels)
    frames = image.get_n_pages() if image.get_n_pages() > 1 else "several" if is_animated(path, name) else None
    flaws = [_flaw(why) for why in mending(path).flaws] if name == "jpeg" else []
    warnings = list(flaws)
    if frames is not None:
        if not first_frame:
            raise UnsupportedPhoto(f"{path} has {frames} frames or pages", "take one out first, or use ", Setting("animation", "first"))
        warnings.append(f"only the first of {frames} frames or pages is kept")
    if name == "tiff" and tiff.read_extra_channels(path, photo_page(path).number).unknown:
        warnings.append("a channel beside its colours was left out, as the file does not call it transparency")
    conversion = conversion_of(path, name, image)
    metadata, orientation, dropped = metadata_of(path, name, image, conversion)
    warnings += dropped
    if conversion.warning:
        warnings.append(conversion.warning)
    header = Header(
        format=name,
        size=size.turned if orientation >= 5 else size,
        interlaced=has(image, "interlaced") and bool(image.get("interlaced")),
        depth=conversion.depth,
        alpha=image.hasalpha() != 0,
        grey=conversion.grey,
        whole=name not in _STREAMED or image.get_typeof("vips-sequential") == 0,
        wraps=orientation < 5 and goes_round(metadata.xmp),
    )
    return PhotoFile(
        path,
        header,
        orientation,
        metadata,
        tuple(warnings),
        tuple(flaws),
        state,
        several=frames is not None,
        salvage=salvage,
        high_range=None if conversion.hdr is None else HighRangeFile(conversion.hdr, bits_of(name, image), conversion.warning),
    )


# Decoders that hold the whole picture, whatever the file says.
_STREAMED = ("jpeg", "png", "tiff")


def read_photo(file: PhotoFile, canvas: Pixels, alpha: Pixels | None, tick: Tick) -> Photo:
    """The photo, upright. Its pixels are a view of `canvas`, (H, W, 3), its alpha one of `alpha`, (H, W), as the header says.

    One of high dynamic range is shown in the standard one.

    Raises: PhotoError when the file is truncated or damaged.
    """
    photo = read_values(file, canvas, alpha, tick)
    if file.high_range is not None:
        # As it is stored: rows of a turned picture are columns there.
        stored = canvas.reshape(*_stored_shape(file), 3)
        show_in_standard_range(stored, range_of(file.high_range.colours, grey=photo.grey), tick)
    return photo


def read_values(file: PhotoFile, canvas: Pixels, alpha: Pixels | None, tick: Tick) -> Photo:
    """As `read_photo`, but values of high dynamic range stay what they are, whatever the photo's profile says.

    Raises: PhotoError when the file is truncated or damaged.
    """
    stored = canvas.reshape(*_stored_shape(file), 3)
    stored_alpha = None if alpha is None else alpha.reshape(*_stored_shape(file))
    warnings: tuple[str, ...] = ()
    try:
        _fill_whole(file, open_image(file.path, file.header.format, None, tick=tick), stored, stored_alpha, tick)
    except (pyvips.Error, PhotoError) as error:
        flaw = None if isinstance(error, UnsupportedPhoto) else _without_stray_bytes(file, stored, tick)
        if flaw is None and (not file.salvage or isinstance(error, UnsupportedPhoto)):
            raise _damaged(file, error) from None
        warnings = (flaw or _salvage(file, stored, stored_alpha, tick),)
    return Photo(
        pixels=upright(stored, file.orientation),
        alpha=None if stored_alpha is None else upright(stored_alpha, file.orientation),
        grey=file.header.grey,
        metadata=file.metadata,
        warnings=warnings,
    )


def read_reduced(file: PhotoFile, side: int) -> Photo:
    """The photo, upright, with its profile only, averaged by a whole factor: its longer side has from `side` to twice as many pixels, or
    all that there are if they are fewer. A JPEG is decoded at a half, a fourth or an eighth of its size, which takes a part of the time.

    Raises: PhotoError when the file is truncated or damaged.
    """
    name, salvage = file.header.format, file.salvage
    factor = max(1, max(file.header.size.width, file.header.size.height) // side)
    shrink = next(each for each in (8, 4, 2, 1) if each <= factor) if name == "jpeg" else 1
    try:
        opened = open_image(file.path, name, None, fail_on="none" if salvage else None, shrink=shrink)
        conversion = conversion_of(file.path, name, opened)
        jpeg_warning()  # of something else
        stored = _shrunk(conversion.apply(opened), factor // shrink)
        if not salvage and (warned := jpeg_warning()) is not None:
            raise _salvageable(damaged(file.path, warned))
    except (pyvips.Error, PhotoError) as error:
        mended = open_without_stray_bytes(file.path, lambda: None, shrink=shrink) if name == "jpeg" else None
        if mended is None:
            raise _damaged(file, error) from None
        stored = _shrunk(conversion.apply(mended), factor // shrink)
    colours = 1 if conversion.grey else 3
    pixels = np.broadcast_to(stored[:, :, :colours], (*stored.shape[:2], 3)).copy()
    if file.high_range is not None:
        show_in_standard_range(pixels, range_of(file.high_range.colours, grey=conversion.grey), lambda: None)
    return Photo(
        pixels=upright(pixels, file.orientation),
        alpha=upright(stored[:, :, colours], file.orientation) if file.header.alpha else None,
        grey=conversion.grey,
        metadata=Metadata(icc=file.metadata.icc),
    )


def _shrunk(image: pyvips.Image, factor: int) -> npt.NDArray[Any]:
    """(H, W, bands): the image averaged by a whole factor."""
    image = image.shrink(min(factor, image.width), min(factor, image.height))
    return np.concatenate([strip for _, strip in strips(image, lambda: None)])


def _stored_shape(file: PhotoFile) -> tuple[int, int]:
    """Height and width as the file has them, before it is turned."""
    size = file.header.size
    return (size.width, size.height) if file.orientation >= 5 else (size.height, size.width)


def _fill_whole(file: PhotoFile, image: pyvips.Image, stored: Pixels, stored_alpha: Pixels | None, tick: Tick) -> None:
    """As `_fill`, but a warning of the decoder in the last rows is damage too.

    Raises: as `_fill`; PhotoError for such a warning.
    """
    jpeg_warning()  # of something else
    _fill(file, image, stored, stored_alpha, tick)
    if (warned := jpeg_warning()) is not None:
        raise _salvageable(damaged(file.path, warned))


def _fill(file: PhotoFile, image: pyvips.Image, stored: Pixels, stored_alpha: Pixels | None, tick: Tick) -> None:
    """Decode an opened image into the arrays, (H, W, 3) and (H, W).

    Raises: pyvips.Error where it is damaged, UnsupportedPhoto where it holds values that are no numbers.
    """
    conversion = conversion_of(file.path, file.header.format, image)
    if image.format == "float":
        _check_finite(file.path, image, tick)
        image = open_image(file.path, file.header.format, None, tick=tick)
    colours = 1 if file.header.grey else 3
    for rows, strip in strips(conversion.apply(image), tick):
        stored[rows] = strip[:, :, :colours]
        if stored_alpha is not None:
            stored_alpha[rows] = strip[:, :, colours]


def _without_stray_bytes(file: PhotoFile, stored: Pixels, tick: Tick) -> str | None:
    """Decode a JPEG whose only fault is a flaw that is too hard to find to be looked for in every file, and say so; None for another."""
    image = open_without_stray_bytes(file.path, tick) if file.header.format == "jpeg" else None
    if image is None:
        return None
    try:
        _fill_whole(file, image, stored, None, tick)
    except (pyvips.Error, PhotoError):
        return None
    return _flaw(STRAY)


def _flaw(why: str) -> str:
    return f"the file has a flaw that by itself loses no pixel: {why}"


def _salvage(file: PhotoFile, stored: Pixels, stored_alpha: Pixels | None, tick: Tick) -> str:
    """Decode what there is, and say how much is not.

    Raises: PhotoError when the decoder makes nothing of it.
    """
    name, height = file.header.format, len(stored)
    try:
        whole = whole_rows(open_image(file.path, name, None, tick=tick), tick)
        # A JPEG's colour of half the size is mixed with that of the row below.
        whole = max(0, whole - 1) if name == "jpeg" else whole
    except (pyvips.Error, PhotoError):
        whole = 0
    try:
        _fill(file, open_image(file.path, name, None, fail_on="none", tick=tick), stored, stored_alpha, tick)
    except pyvips.Error as error:
        raise failure(file.path, error) from None
    return (
        f"the file is damaged: {height - whole} of {height} rows, as it holds them, are missing or wrong, the first of them row {whole + 1}"
    )


def _damaged(file: PhotoFile, error: pyvips.Error | PhotoError) -> PhotoError:
    """What to raise when a file cannot be read to its end."""
    if isinstance(error, PhotoError):
        return error
    plain = failure(file.path, error)
    return _salvageable(plain) if file.header.format in _STREAMED and not isinstance(plain, UnsupportedPhoto) else plain


def _salvageable(error: PhotoError) -> PhotoError:
    return PhotoError(error.says, *error.advice, "; to take what is there of it, use ", SALVAGE)


def _check_finite(path: Path, image: pyvips.Image, tick: Tick) -> None:
    for _, strip in strips(image, tick):
        if not np.isfinite(strip).all():
            raise UnsupportedPhoto(f"{path} holds NaN or infinite values", "repair it where it was made")
