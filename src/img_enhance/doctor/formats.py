"""Formats of photos: each is written and read here and now, and how long that takes is measured."""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

from img_enhance.doctor.finding import Finding, error, failed, ok, warning
from img_enhance.doctor.golden import LEAST_DECIBELS, agreement, decibels
from img_enhance.doctor.patient import Patient
from img_enhance.doctor.picture import LARGE, SMALL, part_of, picture
from img_enhance.errors import ImgEnhanceError
from img_enhance.image_io import open_photo, read_into, write_photo
from img_enhance.image_io.extras import missing_extra
from img_enhance.photo import FORMATS, Format, Photo
from img_enhance.planning.speeds import reading_work, writing_work
from img_enhance.request.options import Output

# What formats with loss make of the photo in their usual qualities is nearer to it than this (2026-11: 37 dB and more, AVIF is farthest).
_LEAST_WRITTEN = 30.0

_BEST_OF = 2

# By the packages that read or write a format.
_LIBVIPS, _HEIF, _PILLOW, _JXL, _RAW = "pyvips[binary]", "pi-heif", "pillow", "OpenImageIO pyjpegxl", "rawpy"
_PACKAGES = {"heic": _HEIF, "bmp": _PILLOW, "jxl": _JXL, "raw": _RAW}

_TINY_ENDINGS = {"gif": ".gif", "bmp": ".bmp", "heic": ".heic", "raw": ".dng"}


def formats(patient: Patient) -> Iterator[Finding]:
    """Each format."""
    photo = picture(LARGE)
    with tempfile.TemporaryDirectory(prefix="img-enhance-doctor-") as folder:
        for entry in FORMATS:
            yield _format(entry, photo, Path(folder), patient)


def tiny(format: str) -> Path:
    """The name of the tiny photo of a format that is only read, in this folder."""
    return Path("tiny" + _TINY_ENDINGS[format])


def _format(entry: Format, photo: Photo, folder: Path, patient: Patient) -> Finding:
    title, lacking = f"Format {entry.name}", missing_extra(entry.name)
    if lacking is not None:
        return warning(title, "cannot be read or written: a package is not installed", f"if you want it, run: {lacking}")
    mend = f"run: pip install --force-reinstall {' '.join(map(repr, _PACKAGES.get(entry.name, _LIBVIPS).split()))}"
    try:
        if entry.written_as:
            return _read_only(entry, title, mend)
        return _both_ways(entry, photo, folder, patient, title=title, mend=mend)
    except ImgEnhanceError as problem:
        return failed(title, problem, mend)
    except Exception as problem:  # noqa: BLE001 - codecs fail in ways of their own, and whatever it is must be told
        return error(title, f"cannot be read or written: {type(problem).__name__}: {problem}", mend)


def _read_only(entry: Format, title: str, mend: str) -> Finding:
    with as_file(files(__package__) / tiny(entry.name).name) as path:
        photo = _read(path)
    near = agreement(f"read {entry.name}", photo.pixels)
    if near is None or near < LEAST_DECIBELS:
        return error(title, "is read with wrong colours", mend)
    return ok(title, f"is read; results are written as {entry.written_as}")


def _both_ways(entry: Format, photo: Photo, folder: Path, patient: Patient, *, title: str, mend: str) -> Finding:
    path, small = folder / f"photo{entry.endings[0]}", part_of(photo, SMALL)
    writing = [_timed(partial(_write, each, path, entry.name)) for each in (small, photo)]
    _write(small, path, entry.name)
    reading = [_timed(partial(_read, path))]
    near = decibels(_read(path).pixels, small.pixels)
    _write(photo, path, entry.name)
    reading.append(_timed(partial(_read, path)))
    if near < _LEAST_WRITTEN:
        return error(title, f"what is written is not what is read again ({near:.0f} dB)", mend)
    amounts = (SMALL.pixels, LARGE.pixels)
    patient.learn(writing_work(entry.name), *zip(amounts, writing, strict=True))
    patient.learn(reading_work(entry.name), *zip(amounts, reading, strict=True))
    megapixels = LARGE.pixels / 1e6
    return ok(title, f"is read and written; {megapixels:.1f} megapixels in {reading[1]:.2f} s and {writing[1]:.2f} s")


def _timed(work: Callable[[], object]) -> float:
    """The seconds that work takes, the fastest of a few times: what is slower was held up by something else."""
    taken = []
    for _ in range(_BEST_OF):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def _write(photo: Photo, path: Path, format: str) -> None:
    write_photo(photo, path, format=format, output=Output(), overwrite=True, note="img-enhance doctor", tick=lambda: None)


def _read(path: Path) -> Photo:
    return read_into(open_photo(path, max_pixels=LARGE.pixels), "memory", None)
