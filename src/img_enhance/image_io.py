"""Photos from files and to files, in a stream through libvips, so that a gigapixel result never lies in memory."""

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips

from img_enhance.canvas import Pixels
from img_enhance.errors import DiskError, OutputError, PhotoError, PhotoTooLarge, UnsupportedPhoto
from img_enhance.geometry import Size
from img_enhance.photo import FORMAT_NAMES, Header, Photo, check_holds, format_named
from img_enhance.plan import CHANNELS

Tick = Callable[[], None]

_ROWS_AT_A_TIME = 128
_JPEG_QUALITY = 95
_WEBP_QUALITY = 90
_PNG_COMPRESSION = 6
_BIGTIFF_BYTES = 3_500_000_000

# The operation cache would keep pixels of photos that are long done; loaders that libvips marks as unsafe for files from strangers
# are never needed here.
pyvips.cache_set_max(0)
pyvips.block_untrusted_set(True)


@dataclass(frozen=True)
class PhotoFile:
    """A photo's file whose header has been read and found good. `dropped` names the metadata that a result will not have."""

    path: Path
    header: Header
    orientation: int
    icc: bytes | None
    dropped: tuple[str, ...]


def open_photo(path: Path, *, max_pixels: int) -> PhotoFile:
    """The header of a photo; pixels are not read.

    Raises: PhotoError when the file cannot be read, UnsupportedPhoto when it is no photo that we take, PhotoTooLarge above `max_pixels`.
    """
    image = _load(path)
    size = Size(image.width, image.height)
    if size.pixels > max_pixels:
        raise PhotoTooLarge(
            f"{path} is {size} ({size.pixels / 1e6:.0f} million pixels), allowed {max_pixels / 1e6:g} million; "
            "if you trust it, raise --max-pixels"
        )
    _refuse_unsupported(path, image)
    orientation = image.get("orientation") if image.get_typeof("orientation") else 1
    if orientation >= 5:
        size = Size(size.height, size.width)
    interlaced = bool(image.get_typeof("interlaced") and image.get("interlaced"))
    present = {"EXIF": "exif-data", "XMP": "xmp-data", "IPTC": "iptc-data"}
    return PhotoFile(
        path=path,
        header=Header(_content_format(path), size, interlaced),
        orientation=orientation,
        icc=image.get("icc-profile-data") if image.get_typeof("icc-profile-data") else None,
        dropped=tuple(name for name, field in present.items() if image.get_typeof(field)),
    )


def read_photo(file: PhotoFile, canvas: Pixels, tick: Tick) -> Photo:
    """The photo, upright. Its pixels are a view of `canvas`, which must be the size of the header in any order of sides.

    Raises: PhotoError when the file is truncated or damaged.
    """
    image = _load(file.path)
    stored = canvas.reshape(image.height, image.width, CHANNELS)
    try:
        _fill(stored, image, tick)
    except pyvips.Error as error:
        raise PhotoError(f"{file.path} is truncated or damaged ({_reason(error)}); get it again from where it came, or repair it") from None
    return Photo(_upright(stored, file.orientation), file.icc)


def resample(pixels: Pixels, canvas: Pixels, tick: Tick) -> None:
    """Fill `canvas` with `pixels` reduced to its size, anti-aliased (Lanczos, three lobes), in the photo's own encoding."""
    image = _image(pixels)
    height, width = canvas.shape[:2]
    reduced = image.resize(width / image.width, vscale=height / image.height, kernel="lanczos3")
    _fill(canvas, reduced, tick)


def check_output(path: Path, *, overwrite: bool) -> None:
    """Pass if a result could be written to `path`.

    Raises: OutputError when it exists or is a folder, DiskError when its folder is missing or cannot be written.
    """
    folder = path.parent
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it with -o")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} already exists; use --overwrite, or another name with -o")
    if not folder.is_dir():
        raise DiskError(f"the folder {folder} does not exist; create it, or name another with -o")
    if not os.access(folder, os.W_OK):
        raise DiskError(f"the folder {folder} cannot be written; name another with -o")


def write_photo(photo: Photo, path: Path, *, format: str, quality: int | None, overwrite: bool, tick: Tick) -> None:  # noqa: A002
    """Write `photo` to `path`, which appears complete or not at all.

    Raises: OutputError, DiskError as `check_output`, and when the disk fills up.
    """
    check_output(path, overwrite=overwrite)
    check_holds(format_named(format), photo.size)
    image = _image(photo.pixels)
    if photo.icc is not None:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", photo.icc)
    failures: list[Exception] = []

    def ask(image: pyvips.Image, _progress: object) -> None:
        try:
            tick()
        except Exception as failure:
            failures.append(failure)
            image.set_kill(True)

    image.set_progress(True)
    image.signal_connect("eval", ask)
    with _partial(path) as partial:
        try:
            _save(image, partial, format, quality)
        except pyvips.Error as error:
            if failures:
                raise failures[0] from None
            if os.strerror(errno.ENOSPC) in str(error):
                raise DiskError(f"the disk of {path.parent} is full; free some, or name another with -o") from None
            raise DiskError(f"cannot write {path}: {_reason(error)}") from None
        _publish(partial, path, overwrite=overwrite)


@contextlib.contextmanager
def _partial(path: Path) -> Iterator[Path]:
    """A new file beside `path` that is gone afterwards, unless it was moved."""
    partial = path.parent / f".img-enhance-{secrets.token_hex(8)}.part"
    try:
        with partial.open("xb"):
            yield partial
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskError(f"the disk of {path.parent} is full; free some, or name another with -o") from None
        raise DiskError(f"cannot write {path}: {error.strerror}; name another file with -o") from None
    finally:
        partial.unlink(missing_ok=True)


def _publish(partial: Path, path: Path, *, overwrite: bool) -> None:
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    if overwrite:
        partial.replace(path)
        return
    try:
        path.hardlink_to(partial)  # unlike a rename, it never replaces what somebody else has put there
    except FileExistsError:
        raise OutputError(f"{path} already exists; use --overwrite, or another name with -o") from None
    except OSError:
        partial.rename(path)  # a file system without hard links


def _save(image: pyvips.Image, path: Path, format: str, quality: int | None) -> None:  # noqa: A002
    name = os.fspath(path)
    if format == "jpeg":
        # Optimised or progressive coding would hold the whole picture's coefficients: 12 GB for a gigapixel.
        image.jpegsave(name, Q=quality or _JPEG_QUALITY, subsample_mode="off")
    elif format == "png":
        image.pngsave(name, compression=_PNG_COMPRESSION)
    elif format == "webp":
        image.webpsave(name, Q=quality or _WEBP_QUALITY)
    else:
        big = image.width * image.height * CHANNELS > _BIGTIFF_BYTES
        image.tiffsave(name, compression="deflate", predictor="horizontal", bigtiff=big)


def _load(path: Path) -> pyvips.Image:
    loaders: dict[str, Callable[..., pyvips.Image]] = {
        "jpeg": pyvips.Image.jpegload,
        "png": pyvips.Image.pngload,
        "webp": pyvips.Image.webpload,
        "tiff": pyvips.Image.tiffload,
    }
    load = loaders[_content_format(path)]
    try:
        # A warning of the decoder means that pixels are missing or made up.
        return load(os.fspath(path), access="sequential", fail_on="warning")
    except pyvips.Error as error:
        raise PhotoError(f"{path} is truncated or damaged ({_reason(error)}); get it again from where it came") from None


def _content_format(path: Path) -> str:
    """What a file is by its first bytes; its name is not asked."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except FileNotFoundError:
        raise PhotoError(f"{path} does not exist; check the name") from None
    except IsADirectoryError:
        raise PhotoError(f"{path} is a folder; name a photo in it") from None
    except OSError as error:
        raise PhotoError(f"{path} cannot be read: {error.strerror}; check its permissions") from None
    if not start:
        raise PhotoError(f"{path} is empty; get it again from where it came")
    if start.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    raise UnsupportedPhoto(f"{path} is not an image of a known kind, whatever its name says; known are {', '.join(FORMAT_NAMES)}")


def _refuse_unsupported(path: Path, image: pyvips.Image) -> None:
    kind = None
    if image.get_n_pages() > 1:
        kind = f"has {image.get_n_pages()} pages or frames"
    elif image.interpretation == "cmyk":
        kind = "is in CMYK"
    elif image.format != "uchar":
        kind = "has more than 8 bits a channel"
    elif image.hasalpha():
        kind = "has transparency"
    elif image.bands == 1:
        kind = "is grey"
    elif image.bands != CHANNELS or image.interpretation not in ("srgb", "rgb"):
        kind = f"is in the colour space {image.interpretation}"
    if kind is not None:
        raise UnsupportedPhoto(f"{path} {kind}, which this version does not take; save it as 8-bit RGB first")


def _image(pixels: Pixels) -> pyvips.Image:
    height, width = pixels.shape[:2]
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels), width, height, CHANNELS, "uchar")
    return image.copy(interpretation="srgb")


def _fill(canvas: Pixels, image: pyvips.Image, tick: Tick) -> None:
    region = pyvips.Region.new(image)
    for top in range(0, image.height, _ROWS_AT_A_TIME):
        tick()
        rows = min(_ROWS_AT_A_TIME, image.height - top)
        strip = np.frombuffer(region.fetch(0, top, image.width, rows), np.uint8)
        canvas[top : top + rows] = strip.reshape(rows, image.width, CHANNELS)


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """A view of stored pixels as EXIF orientation 1 to 8 says they should be seen."""
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    return pixels.transpose(1, 0, 2) if orientation >= 5 else pixels


def _reason(error: pyvips.Error) -> str:
    """The last line of libvips' account, which is the first thing that went wrong further down."""
    lines = [line.strip() for line in str(error.detail or error.message).splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
