"""Every file of a folder read by us and by two other decoders, pixel by pixel: `python bench/formats_compare.py FOLDER [--json FILE]`.

The others are Pillow and OpenImageIO. All answers are brought to upright RGBA of 8 bits. A file is read in a process of its own, with a
time limit, so that whatever a decoder does with it is a line of the table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from img_enhance.errors import ImgEnhanceError
from img_enhance.image_io import open_photo, read_whole
from img_enhance.image_io.content import content_format

Pixels = npt.NDArray[np.uint8]
Verdict = Literal["equal", "close", "differs", "only we read it", "refused", "refused, others read it", "not ours", "crash"]

_MOST_SECONDS, _MOST_PIXELS, _MOST_IN_MEMORY = 120, 200_000_000, 2_000_000_000
_AT_ONCE = 2
# Rounding: of 16 bits to 8 in one decoder and of YCbCr to RGB in another.
_EQUAL = 2
# Colour of half the size is spread over its pixels in more ways than one.
_CLOSE = 1.0
_WORDS = 200


@dataclass(frozen=True)
class Row:
    """What became of a file. `format` is by its content.

    `least` is how far we are from the nearest other decoder: at most, and in the mean.
    """

    path: str
    verdict: Verdict
    format: str = ""
    least: tuple[int, float] | None = None
    details: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        for row in _compared(arguments.folder):
            print(json.dumps(asdict(row)), flush=True)
        return
    files = sorted(path for path in arguments.folder.rglob("*") if path.is_file())
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        rows = list(threads.map(_apart, files))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    for line in _table(rows):
        print(line)


def _apart(path: Path) -> Row:
    """The row of a file, found by a process of its own; the last that it came to, where another decoder ends it."""
    command = [sys.executable, __file__, str(path), "--one"]
    with tempfile.TemporaryFile("w+") as said:
        try:
            ended = subprocess.run(command, stdout=said, stderr=subprocess.DEVNULL, timeout=_MOST_SECONDS, check=False).returncode
        except subprocess.TimeoutExpired:
            ended = None
        said.seek(0)
        rows = [Row(**json.loads(line)) for line in said if line.startswith("{")]  # OpenImageIO says other things there
    row = rows[-1] if rows else Row(str(path), "crash", details="no answer")
    ending = "" if ended == 0 else f"; took more than {_MOST_SECONDS} s" if ended is None else f"; ended with {ended}"
    return replace(row, details=row.details + ending)


def _compared(path: Path) -> Iterator[Row]:
    """What is known of a file, after each decoder that has answered."""
    try:
        content_format(path)
    except ImgEnhanceError as error:
        yield Row(str(path), "not ours", details=str(error))
        return
    try:
        ours, format, warnings = _ours(path)
    except ImgEnhanceError as error:
        row = Row(str(path), "refused", details=str(error))
        yield row
        for name, read in OTHERS.items():
            if not isinstance(_tried(read, path), str):
                row = replace(row, verdict="refused, others read it", details=f"{row.details}; read by {name}")
                yield row
        return
    row = Row(str(path), "only we read it", format, details="; ".join(warnings))
    yield row
    for name, read in OTHERS.items():
        answer = _tried(read, path)
        found = answer if isinstance(answer, str) else _difference(ours, answer)
        if isinstance(found, str):
            row = replace(row, details=f"{row.details}; {name}: {found.splitlines()[0]}")
        elif row.least is None or found < row.least:
            row = replace(row, least=found, details=f"{row.details}; {name}: {found[0]} at most, {found[1]:.2f} in the mean")
        yield replace(row, verdict=_verdict(row.least))


def _verdict(least: tuple[int, float] | None) -> Verdict:
    if least is None:
        return "only we read it"
    return "equal" if least[0] <= _EQUAL else "close" if least[1] <= _CLOSE else "differs"


def _tried(read: Callable[[Path], Pixels], path: Path) -> Pixels | str:
    try:
        return read(path)
    except Exception as error:  # noqa: BLE001 - whatever another decoder fails with is its answer
        return str(error).strip()[:_WORDS] or type(error).__name__


def _difference(ours: Pixels, other: Pixels) -> tuple[int, float] | str:
    """The largest difference of a value and the mean one; what is transparent in both has no colour."""
    if ours.shape != other.shape:
        return f"{other.shape[1]} x {other.shape[0]} instead of {ours.shape[1]} x {ours.shape[0]}"
    seen = (ours[..., 3:] | other[..., 3:]) > 0
    difference = np.abs(ours.astype(np.int16) - other)
    difference[..., :3] *= seen
    return int(difference.max()), float(difference.mean())


def _ours(path: Path) -> tuple[Pixels, str, tuple[str, ...]]:
    file = open_photo(path, max_pixels=_MOST_PIXELS)
    photo = read_whole(file, most_in_memory=_MOST_IN_MEMORY)
    return _rgba(photo.pixels, photo.alpha), file.header.format, (*file.warnings, *photo.warnings)


def _pillow(path: Path) -> Pixels:
    import pillow_jxl  # noqa: F401 - registers JPEG XL
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened)
        if upright.mode.startswith("I;16"):
            return _rgba(np.asarray(upright)[..., None].astype(np.uint16))
        return np.asarray(upright.convert("RGBA"))


def _openimageio(path: Path) -> Pixels:
    import OpenImageIO

    spec = OpenImageIO.ImageSpec()
    spec.attribute("oiio:UnassociatedAlpha", 1)
    image = OpenImageIO.ImageBufAlgo.reorient(OpenImageIO.ImageBuf(str(path), 0, 0, spec))
    if image.has_error:
        raise OSError(image.geterror())
    facts = image.spec()
    values = np.asarray(image.get_pixels(OpenImageIO.UINT16))
    opacity = facts.alpha_channel
    colours = [channel for channel in range(values.shape[2]) if channel != opacity][:3]
    return _rgba(values[..., colours if len(colours) == 3 else colours[:1]], None if opacity < 0 else values[..., opacity])


OTHERS: dict[str, Callable[[Path], Pixels]] = {"Pillow": _pillow, "OpenImageIO": _openimageio}


def _rgba(pixels: npt.NDArray[Any], alpha: npt.NDArray[Any] | None = None) -> Pixels:
    """(H, W, 1 or 3) and (H, W) of 8 or 16 bits as (H, W, 4) of 8 bits."""
    height, width = pixels.shape[:2]
    made = np.full((height, width, 4), 255, np.uint8)
    made[..., :3] = _eight(pixels)
    if alpha is not None:
        made[..., 3] = _eight(alpha)
    return made


def _eight(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values if values.dtype == np.uint8 else np.rint(values / 257)


def _table(rows: list[Row]) -> Iterator[str]:
    """How many files of each format ended how, and then those to look at."""
    counts = Counter((row.format or Path(row.path).suffix.lower(), row.verdict) for row in rows)
    for (format, verdict), count in sorted(counts.items()):
        yield f"{format:8} {verdict:24} {count:5}"
    for row in rows:
        if row.verdict not in ("equal", "close", "refused", "not ours"):
            yield f"{row.verdict}: {row.path}: {row.details}"


if __name__ == "__main__":
    main()
