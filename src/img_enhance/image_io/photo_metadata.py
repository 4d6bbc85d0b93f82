"""What a photo's file says beside its pixels: read, tried, and left out in words where it cannot come along."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pyvips

from img_enhance.image_io.content import is_tiff, png_chunks
from img_enhance.image_io.conversion import Conversion
from img_enhance.image_io.gain_map import check_gain_map
from img_enhance.image_io.tiff_page import photo_page
from img_enhance.image_io.vips import FIELDS, MILLIMETRES_PER_INCH, WARNINGS, has, reason
from img_enhance.metadata import BrokenMetadata, png, tiff
from img_enhance.metadata.attached import Behind, behind, says_something
from img_enhance.metadata.beside import STATED_LIGHT, left_beside
from img_enhance.metadata.exif import exif_orientation, exif_resolution, upright_exif
from img_enhance.metadata.icc import profile_problem
from img_enhance.metadata.xmp import with_note
from img_enhance.photo import GainMap, Metadata

# 72 dots per inch is what programs write when they know nothing; libvips says that, or 1 pixel a millimetre, for "not given".
_NO_RESOLUTIONS = (72.0, 25.4)
_RESOLUTION_TOLERANCE = 0.05

# Of a PNG: the third edition's, and as drafts of it called them.
_STATED_LIGHT = frozenset((b"cLLI", b"mDCV", b"cLLi", b"mDCv"))

# Of a JPEG with something behind its picture: cameras' segments take less than that, and phones' files with their videos.
_MOST_HEAD_BYTES, _TAIL_BYTES, _MOST_FILE_BYTES = 2_000_000, 64, 200_000_000


def metadata_of(path: Path, name: str, image: pyvips.Image, conversion: Conversion) -> tuple[Metadata, int, list[str]]:
    """The photo's metadata, its orientation by EXIF, 1 to 8, and what had to be dropped."""
    found: dict[str, bytes | None] = {key: image.get(field) if has(image, field) else None for key, field in FIELDS.items()}
    dropped = image.get(WARNINGS).splitlines() if has(image, WARNINGS) else []
    for key, read in _READERS.get(name, {}).items():
        try:
            found[key] = read(path)
        except BrokenMetadata as error:
            dropped.append(_dropped(key, error))
            found[key] = None
    stated = _orientation(name, image, found["exif"])
    for key, check in _CHECKS.items():
        block = found[key]
        try:
            if block is not None:
                check(block)
        except BrokenMetadata as error:
            dropped.append(_dropped(key, error))
            found[key] = None
    if conversion.left_out:
        dropped.append(conversion.left_out)
    found["icc"] = conversion.icc
    if found["icc"] is not None:
        problem = profile_problem(found["icc"], channels=1 if conversion.grey else 3) or _unwritable(found["icc"], grey=conversion.grey)
        if problem is not None:
            dropped.append(f"its colour profile was dropped: {problem}")
            found["icc"] = None
    elif name == "png" and not has(image, "icc-profile-data") and b"iCCP" in png_chunks(path):
        dropped.append("its colour profile was dropped: it cannot be read")
    if name == "png" and png_chunks(path) & _STATED_LIGHT:
        dropped.append(STATED_LIGHT)
    resolution = _resolution(image, found["exif"])
    orientation = stated or 1
    if resolution is not None and orientation >= 5:
        resolution = resolution[1], resolution[0]
    metadata = Metadata(
        exif=found["exif"], xmp=found["xmp"], iptc=found["iptc"], icc=found["icc"], resolution=resolution, upright=stated is not None
    )
    if name in ("heic", "avif"):
        return metadata, orientation, [*dropped, *left_beside(path)]
    if name != "jpeg":
        return metadata, orientation, dropped
    attached, lost = _attached(path, metadata, orientation)
    return attached, orientation, dropped + lost


def _attached(path: Path, metadata: Metadata, orientation: int) -> tuple[Metadata, list[str]]:
    """The metadata with what lies behind the picture in its JPEG's file, and what had to be left there."""
    found = _behind(path, metadata.xmp)
    lost = list(found.lost)
    gain_map = None if found.gain_map is None else GainMap(found.gain_map, orientation, found.iso)
    try:
        if gain_map is not None:
            check_gain_map(gain_map.jpeg)
    except BrokenMetadata as error:
        lost.append(f"its gain map is damaged and was dropped: {error}")
        gain_map = None
    return dataclasses.replace(metadata, gain_map=gain_map, video=found.video), lost


def _behind(path: Path, xmp: bytes | None) -> Behind:
    """What lies behind a JPEG's picture; a file is only read to its end where something says that it is worth it."""
    with path.open("rb") as file:
        start = file.read(_MOST_HEAD_BYTES)
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        if not says_something(start, file.read(), xmp):
            return Behind()
        if path.stat().st_size > _MOST_FILE_BYTES:
            return Behind(
                lost=(f"what lies behind the picture in its file was left out: the file has more than {_MOST_FILE_BYTES:,} bytes",)
            )
        return behind(path.read_bytes(), xmp)


def _unwritable(profile: bytes, *, grey: bool) -> str | None:
    """Why a PNG, whose library is the strictest, cannot hold a profile: it fails after all the work, or leaves it out without a word."""
    image = pyvips.Image.black(1, 1, bands=1 if grey else 3).copy(interpretation="b-w" if grey else "srgb")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    try:
        again = pyvips.Image.pngload_buffer(image.pngsave_buffer(keep="icc"))
    except pyvips.Error as error:
        return f"a PNG cannot hold it ({reason(error)})"
    return None if has(again, "icc-profile-data") else "a PNG cannot hold it"


def _check_exif(exif: bytes) -> None:
    for keep_gps in (True, False):
        exif_resolution(upright_exif(exif, width=1, height=1, keep_gps=keep_gps))


def _check_xmp(xmp: bytes) -> None:
    with_note(xmp, note="", tool="", width=1, height=1, keep_gps=False)


def _exif_of_photo_page(path: Path) -> bytes | None:
    number = photo_page(path).number
    return tiff.read_exif(path, number) or (tiff.read_exif(path) if number else None)


def _exif_of_raw(path: Path) -> bytes | None:
    return tiff.read_exif(path) if is_tiff(path) else None


# What libvips does not read, or not as it should be: of a PNG it takes EXIF before the pixels only, and with a wrong checksum too.
# And what would fail after all the work if it were not tried before.
_READERS: dict[str, dict[str, Callable[[Path], bytes | None]]] = {
    "tiff": {"exif": _exif_of_photo_page},
    "raw": {"exif": _exif_of_raw},
    "png": {"xmp": png.read_xmp, "exif": png.read_exif},
}
_CHECKS: dict[str, Callable[[bytes], None]] = {"exif": _check_exif, "xmp": _check_xmp}


def _dropped(key: str, error: BrokenMetadata) -> str:
    return f"its {key.upper()} is damaged and was dropped: {error}"


def _resolution(image: pyvips.Image, exif: bytes | None) -> tuple[float, float] | None:
    """Pixels per inch, across and down: the file's own statement, else that of its EXIF, which is where WebP and HEIF keep it."""
    found = (image.xres * MILLIMETRES_PER_INCH, image.yres * MILLIMETRES_PER_INCH)
    if any(all(abs(value - usual) < _RESOLUTION_TOLERANCE for value in found) for usual in _NO_RESOLUTIONS) or min(found) <= 0:
        stated = exif_resolution(exif) if exif is not None else None
        return None if stated in (None, (72.0, 72.0)) else stated
    return round(found[0], 2), round(found[1], 2)


def _orientation(name: str, image: pyvips.Image, exif: bytes | None) -> int | None:
    """How the stored pixels are to be turned, 1 to 8; None when the file does not say."""
    # HEIF and JPEG XL carry their rotation outside EXIF, and their decoders have applied it.
    if name in ("avif", "heic", "jxl", "raw"):
        return 1
    if name == "png":
        with contextlib.suppress(BrokenMetadata):
            return None if exif is None else exif_orientation(exif)
        return None
    value = int(image.get("orientation")) if has(image, "orientation") else 0
    return value if 1 <= value <= 8 else None
