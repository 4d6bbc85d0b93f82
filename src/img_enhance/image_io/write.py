"""Photos to files: encoded in a stream from the canvas, with the photo's metadata brought up to date."""

import dataclasses
import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyvips

from img_enhance import __version__
from img_enhance.cancelling import Tick
from img_enhance.errors import DiskError, ImgEnhanceError, OutputError
from img_enhance.files import disk_full, replacing
from img_enhance.geometry import Framing
from img_enhance.image_io import jxl
from img_enhance.image_io.blocks import bare_iptc, enveloped_iptc, put_exif, spread_iptc, stand_in, without_places
from img_enhance.image_io.extras import check_writable
from img_enhance.image_io.gain_map import framed_gain_map
from img_enhance.image_io.strips import image_of
from img_enhance.image_io.vips import MILLIMETRES_PER_INCH, reason
from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.attached import append
from img_enhance.metadata.avif_colours import with_colours
from img_enhance.metadata.blob import tiff_of
from img_enhance.metadata.exif import exif_resolution, new_exif, upright_exif, with_resolution
from img_enhance.metadata.icc import fitted_profile
from img_enhance.metadata.made_profile import profile_in_colour, profile_of_light
from img_enhance.metadata.png import add_xmp
from img_enhance.metadata.tiff import add_exif
from img_enhance.metadata.xmp import Attached, with_note
from img_enhance.photo import MOST_JPEG_EXIF_BYTES, MOST_JPEG_XMP_BYTES, GainMap, HighRange, Metadata, Photo, check_holds, format_named
from img_enhance.request.options import QUALITIES, Output
from img_enhance.words import Setting

_PNG_COMPRESSION = 6
_BIGTIFF_BYTES = 3_500_000_000

# What to say where a file must state a resolution and none is known. Readers take it for "not given", as we do.
_USUAL_DPI = 72.0
_SAME_RESOLUTION = 0.005

# libvips' names of the blocks it writes: all but EXIF, and all.
_KEEP_BUT_EXIF, _KEEP = "xmp|iptc|icc", "exif|xmp|iptc|icc"

# How hard the encoder tries, 0 to 9. Above it a photo of 0.4 MP took 10 times as long for the same size and quality (2026-11: 4 against 2).
_AVIF_EFFORT = 2

# An AVIF's bits travel in the upper ones of 16. Players of films, and the hardware that they have, know 10 bits of high dynamic range.
_AVIF_BITS, _AVIF_FEWER_BITS = 12, 10


def write_photo(
    photo: Photo, path: Path, *, format: str, output: Output, overwrite: bool, note: str, tick: Tick, framing: Framing | None = None
) -> int | None:
    """Write `photo` to `path`, which appears complete or not at all, and answer with the quality of a file with loss.

    `note` says in its XMP what was done to it, and `framing` how it came of the photo that its metadata are of, where its size is another.
    What the format cannot hold is reduced: 16 bits to 8, transparency to white below (`prepare` warns of both). A photo that has a high
    range is written in it where the format can.

    Raises: OutputError, DiskError as `check_output`, when the disk fills up, and when no quality makes it as small as is asked for.
    """
    check_writable(format)
    check_holds(format_named(format), photo.size)
    framing = framing or Framing(photo.size, photo.size, photo.size.box)
    photo = _as_held(photo, format)
    metadata = _updated(photo, format, output, note, framing, tick)
    image = _pixels(photo, format)
    mark = _attach(image, metadata, format)
    with replacing(path, overwrite=overwrite) as partial:

        def encoded(quality: int | None) -> int:
            """The bytes of the file in this quality, which is written."""
            asked = dataclasses.replace(output, quality=quality)
            if format == "jxl":
                _write_jxl(image, metadata, partial, asked, photo.high_range)
            else:
                _encode(image, partial, path, format, asked, tick, bits=_avif_bits(photo))
                _complete(partial, metadata, mark, format, photo.high_range)
            return partial.stat().st_size

        quality = output.quality or QUALITIES.get(format)
        if quality is None or output.max_bytes is None:
            encoded(quality)
        else:
            quality = _small_enough(encoded, quality, output.max_bytes)
        tick()  # the last moment at which nothing has been written
    return quality


def encoded_jpeg(photo: Photo, quality: int) -> bytes:
    """The file of a JPEG to be looked at: the picture and its colour profile, and no other metadata."""
    image = _pixels(_as_held(photo, "jpeg"), "jpeg")
    _attach(image, Metadata(icc=_profile(photo, "jpeg")), "jpeg")
    jpeg: bytes = image.jpegsave_buffer(keep="icc", Q=quality, subsample_mode="off")
    return jpeg


def _as_held(photo: Photo, format: str) -> Photo:
    """The photo with the pixels that the format will hold: in high dynamic range, which no profile describes, or in the standard one."""
    high = photo.high_range
    if high is None or not format_named(format).high_range:
        return dataclasses.replace(photo, high_range=None)
    return dataclasses.replace(photo, pixels=high.values, metadata=dataclasses.replace(photo.metadata, icc=None))


def _avif_bits(photo: Photo) -> int:
    """Bits of an AVIF."""
    if photo.high_range is not None and photo.high_range.bits <= _AVIF_FEWER_BITS:
        return _AVIF_FEWER_BITS
    return _AVIF_BITS if photo.depth == 16 else 8


def _complete(partial: Path, metadata: Metadata, mark: bytes, format: str, high: HighRange | None) -> None:
    """Put into an encoded file what the encoder could not."""
    if metadata.exif is not None and format == "tiff":
        add_exif(partial, metadata.exif)
    elif metadata.exif is not None:
        put_exif(partial, mark, metadata.exif)
    if metadata.gain_map is not None or metadata.video is not None:
        _put_behind(partial, metadata)
    cicp = None if high is None else (high.primaries, high.transfer)
    if format == "png" and (metadata.xmp is not None or cicp is not None):
        _insert_chunks(partial, metadata.xmp, cicp)
    if format == "avif" and cicp is not None:
        partial.write_bytes(with_colours(partial.read_bytes(), *cicp))


def _small_enough(encoded: Callable[[int], int], most_quality: int, most_bytes: int) -> int:
    """The best quality in which the file has at most so many bytes, found by halving; the file is left in it.

    Raises: OutputError when there is none.
    """
    if encoded(most_quality) <= most_bytes:
        return most_quality
    good, bad, last = 0, most_quality, most_quality
    while bad - good > 1:
        last = (good + bad) // 2
        if encoded(last) <= most_bytes:
            good = last
        else:
            bad = last
    if good == 0:
        least = encoded(1)
        raise OutputError(
            f"the result has {least:,} bytes even in quality 1, allowed {most_bytes:,}",
            *("ask for fewer pixels, use ", Setting("motion", "drop"), " where it has a video, or a larger ", Setting("max_bytes")),
        )
    if last != good:
        encoded(good)
    return good


def _pixels(photo: Photo, format: str) -> pyvips.Image:
    """The image as the format holds it: channels joined, depth reduced, without metadata."""
    holds = format_named(format)
    image = image_of(photo.pixels)
    space = image.interpretation
    grey = photo.grey and holds.grey
    if grey:
        image, space = image.bandmean(), "grey16" if photo.depth == 16 else "b-w"
    if photo.alpha is not None:
        image = image.bandjoin(image_of(photo.alpha))
        if not holds.alpha:
            white = 65_535 if photo.depth == 16 else 255
            image = image.flatten(background=white, max_alpha=white).cast(image.format)
    if photo.depth == 16 and not holds.deep:
        image = (image / 257).rint().cast("uchar")
        space = "b-w" if grey else "srgb"
    if photo.depth == 16 and format == "avif":
        bits = _avif_bits(photo)
        image = ((image * (((1 << bits) - 1) / 65_535)).rint() * (1 << (16 - bits))).cast("ushort")
    across, down = photo.metadata.resolution or (_USUAL_DPI, _USUAL_DPI)
    return image.copy(interpretation=space, xres=across / MILLIMETRES_PER_INCH, yres=down / MILLIMETRES_PER_INCH)


def _updated(photo: Photo, format: str, output: Output, note: str, framing: Framing, tick: Tick) -> Metadata:
    """The metadata of the result: upright, of its size, with a note; without what was asked to be stripped or the format cannot hold."""
    metadata, size, icc = photo.metadata, photo.size, _profile(photo, format)
    if output.strip:
        return Metadata(icc=icc)
    tool, keep_gps = f"img-enhance {__version__}", not output.strip_gps
    exif, xmp, iptc = metadata.exif, metadata.xmp, metadata.iptc
    if format == "jpeg":
        exif = None if exif is not None and len(exif) > MOST_JPEG_EXIF_BYTES else exif
        xmp = None if xmp is not None and len(xmp) > MOST_JPEG_XMP_BYTES else xmp
    exif = _updated_exif(exif, photo, keep_gps=keep_gps)
    holds = format_named(format).attached
    gain_map = metadata.gain_map if holds else None
    if gain_map is not None:
        gain_map = dataclasses.replace(gain_map, jpeg=framed_gain_map(gain_map, framing, tick), orientation=1)
    video = metadata.video if holds and output.keeps_video else None
    attached = Attached(None if gain_map is None else len(gain_map.jpeg), None if video is None else len(video))

    def noted(xmp: bytes | None) -> bytes:
        return with_note(
            xmp,
            note=note,
            tool=tool,
            width=size.width,
            height=size.height,
            keep_gps=keep_gps,
            upright=metadata.upright,
            framing=framing,
            attached=attached,
        )

    try:
        xmp = noted(xmp)
    except BrokenMetadata:  # `open_photo` has said so
        xmp = noted(None)
    if iptc is not None and not keep_gps:
        iptc = without_places(bare_iptc(iptc) or b"") or None
    if iptc is not None:
        iptc = {"jpeg": enveloped_iptc, "tiff": bare_iptc}.get(format, _nothing)(iptc)
    return dataclasses.replace(metadata, icc=icc, exif=exif, xmp=xmp, iptc=iptc, gain_map=gain_map, video=video)


def _profile(photo: Photo, format: str) -> bytes | None:
    """The photo's colour profile for the pixels that the format will hold."""
    if photo.metadata.icc is None:
        return None
    icc = fitted_profile(photo.metadata.icc)  # a photo that no file was read for may have any
    if not photo.grey:
        return icc
    if not format_named(format).grey:
        return profile_in_colour(icc)
    return profile_of_light(icc) if format == "jxl" else icc  # libjxl takes no other


def _updated_exif(exif: bytes | None, photo: Photo, *, keep_gps: bool) -> bytes | None:
    resolution = photo.metadata.resolution
    if exif is not None:
        with suppress(BrokenMetadata):  # `open_photo` has said so
            exif = upright_exif(exif, width=photo.size.width, height=photo.size.height, keep_gps=keep_gps)
            if resolution is not None and not _same(exif_resolution(exif), resolution):
                exif = with_resolution(exif, resolution)
            return exif
    with suppress(BrokenMetadata):
        return None if resolution is None else new_exif(resolution=resolution)
    return None


def _same(one: tuple[float, float] | None, other: tuple[float, float]) -> bool:
    return one is not None and all(abs(a - b) <= _SAME_RESOLUTION * b for a, b in zip(one, other, strict=True))


def _nothing(_: bytes) -> None:
    return None


def _attach(image: pyvips.Image, metadata: Metadata, format: str) -> bytes:
    """Give the image its blocks; for EXIF a stand-in, whose mark is returned."""
    exif, mark = stand_in(len(metadata.exif)) if metadata.exif is not None else (None, b"")
    # libvips would compress a PNG's XMP, where other programs do not look for it.
    xmp = None if format == "png" else metadata.xmp
    iptc = spread_iptc(metadata.iptc) if format == "tiff" and metadata.iptc is not None else metadata.iptc
    fields = {"icc-profile-data": metadata.icc, "exif-data": exif, "xmp-data": xmp, "iptc-data": iptc}
    for name, value in fields.items():
        if value is not None:
            image.set_type(pyvips.GValue.blob_type, name, value)
    return mark


def _encode(image: pyvips.Image, partial: Path, path: Path, format: str, output: Output, tick: Tick, *, bits: int) -> None:
    failures: list[ImgEnhanceError] = []

    def ask(image: pyvips.Image, _progress: object) -> None:
        try:
            tick()
        except ImgEnhanceError as failure:
            failures.append(failure)
            image.set_kill(True)

    image.set_progress(True)
    image.signal_connect("eval", ask)
    try:
        _save(image, os.fsencode(partial), format, output, bits)
    except pyvips.Error as error:
        if failures:
            raise failures[0] from None
        if os.strerror(errno.ENOSPC) in str(error):
            raise disk_full(path) from None
        raise DiskError(f"cannot write {path}: {reason(error)}") from None


def _save(image: pyvips.Image, name: bytes, format: str, output: Output, bits: int) -> None:
    lossless = bool(output.lossless)
    sampling = "on" if output.subsampling == "4:2:0" else "off"
    keep = _KEEP if image.get_typeof("exif-data") else _KEEP_BUT_EXIF
    if format == "jpeg":
        # Optimised or progressive coding would hold the whole picture's coefficients: 12 GB for a gigapixel.
        image.jpegsave(name, keep=keep, Q=output.quality, subsample_mode=sampling)
    elif format == "png":
        image.pngsave(name, keep=keep, compression=_PNG_COMPRESSION)
    elif format == "webp":
        image.webpsave(name, keep=keep, Q=output.quality, lossless=lossless, exact=image.hasalpha() != 0)
    elif format == "avif":
        image.heifsave(
            name,
            keep=keep,
            compression="av1",
            Q=output.quality,
            lossless=lossless,
            bitdepth=bits,
            subsample_mode=sampling,
            effort=_AVIF_EFFORT,
        )
    else:
        big = image.width * image.height * image.bands * (2 if image.format == "ushort" else 1) > _BIGTIFF_BYTES
        image.tiffsave(name, keep="xmp|iptc|icc", compression="deflate", predictor="horizontal", bigtiff=big)


def _write_jxl(image: pyvips.Image, metadata: Metadata, partial: Path, output: Output, high: HighRange | None) -> None:
    kind = np.uint16 if image.format == "ushort" else np.uint8
    pixels: npt.NDArray[Any] = np.frombuffer(image.write_to_memory(), kind).reshape(image.height, image.width, image.bands)
    if image.bands == 2 or (image.bands == 1 and high is not None):  # grey that the encoder does not take
        pixels = np.ascontiguousarray(pixels[..., [0, 0, 0, 1][: image.bands + 2]])
    cicp = None if high is None else (high.primaries, high.transfer)
    jxl.encode(pixels, partial, quality=None if output.lossless else output.quality, icc=metadata.icc, cicp=cicp)
    exif = None if metadata.exif is None else tiff_of(metadata.exif)
    parts = jxl.with_blocks(partial.read_bytes(), exif=exif, xmp=metadata.xmp)
    with partial.open("wb") as file:
        file.writelines(parts)


def _insert_chunks(partial: Path, xmp: bytes | None, cicp: tuple[int, int] | None) -> None:
    """Rewrite a PNG with its XMP where other programs look for it, and with what its values stand for where they are PQ or HLG."""
    _rewrite(partial, lambda source, target: add_xmp(source, target, xmp, cicp=cicp))


def _put_behind(partial: Path, metadata: Metadata) -> None:
    """Rewrite a JPEG with the gain map and the video behind its picture."""
    gain_map = metadata.gain_map or GainMap(b"")

    def write(source: BinaryIO, target: BinaryIO) -> None:
        append(source, target, gain_map=gain_map.jpeg, iso=gain_map.iso, video=metadata.video)

    _rewrite(partial, write)


def _rewrite(partial: Path, write: Callable[[BinaryIO, BinaryIO], None]) -> None:
    whole = partial.with_suffix(".whole.part")
    try:
        with partial.open("rb") as source, whole.open("xb") as target:
            write(source, target)
        whole.replace(partial)
    finally:
        whole.unlink(missing_ok=True)
