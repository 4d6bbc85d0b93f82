"""Sheets of files: photos read to disk where they are large, steps read from the result's own note."""

import os
import re
from pathlib import Path

from img_enhance.compare.drawing import sheet
from img_enhance.errors import OutputError
from img_enhance.files import RESULT
from img_enhance.image_io import check_output, open_photo, read_whole, write_photo
from img_enhance.metadata import BrokenMetadata, xmp
from img_enhance.photo import Photo, check_holds, format_of_ending
from img_enhance.request.options import CompareOptions, Machine, Output

TOOL = "img-enhance"

_MOST_IN_MEMORY = 150_000_000
_MOST_ENLARGED = 16
_SIZES = re.compile(r"\d+x\d+ to \d+x\d+")


def compare_files(
    before: Path, after: Path, output: Path | None = None, *, options: CompareOptions | None = None, overwrite: bool = False
) -> Path:
    """Write the sheet of two files to `output`, else to NAME_compared.png beside `after`, and say where. The steps are those noted in
    `after` since `before`.

    Raises: PhotoError, OptionError, OutputError, DiskError.
    """
    output = output or compared_name(after)
    check_sheet(output, before, after, overwrite=overwrite)
    old, new = read_file(before), read_file(after)
    write_sheet(
        old,
        new,
        output,
        before_name=before.name,
        after_name=after.name,
        steps=steps_between(old, new),
        options=options,
        file_bytes=(before.stat().st_size, after.stat().st_size),
        overwrite=overwrite,
    )
    return output


def write_sheet(
    before: Photo | Path,
    after: Photo | Path,
    output: Path,
    *,
    before_name: str,
    after_name: str,
    steps: tuple[str, ...] = (),
    options: CompareOptions | None = None,
    file_bytes: tuple[int | None, int | None] = (None, None),
    overwrite: bool = False,
) -> None:
    """Write the sheet of two photos, each in memory or a file, to `output`, in the format of its ending.

    Raises: PhotoError, OptionError, OutputError, DiskError; nothing is then written.
    """
    options = options or CompareOptions()
    format = format_of_ending(output.suffix)
    check_output(output, overwrite=overwrite)
    made = sheet(
        before if isinstance(before, Photo) else read_file(before),
        after if isinstance(after, Photo) else read_file(after),
        before_name=before_name,
        after_name=after_name,
        steps=steps,
        layout=options.layout,
        region=options.box,
        overview=bool(options.overview),
        file_bytes=file_bytes,
    )
    check_holds(format, made.size)
    note = f"comparison of {before_name} and {after_name}"
    write_photo(made, output, format=format.name, output=Output(), overwrite=overwrite, note=note, tick=lambda: None)


def check_sheet(output: Path, before: Path, after: Path, *, overwrite: bool) -> None:
    """Pass if a sheet of these files could be written to `output`.

    Raises: OutputError when it is one of them, exists, or has an ending of no format; DiskError as `check_output`.
    """
    format_of_ending(output.suffix)
    for path in (before, after):
        if path.exists() and output.exists() and os.path.samefile(path, output):
            raise OutputError(f"the sheet would replace {path}", "name another file with ", RESULT)
    check_output(output, overwrite=overwrite)


def compared_name(after: Path) -> Path:
    """NAME_compared.png beside `after`."""
    return after.parent / f"{after.stem}_compared.png"


def read_file(path: Path) -> Photo:
    """The photo of a file, in memory unless it is large.

    Raises: PhotoError, DiskError.
    """
    return read_whole(open_photo(path, max_pixels=Machine().max_pixels * _MOST_ENLARGED**2), most_in_memory=_MOST_IN_MEMORY)


def steps_between(before: Photo, after: Photo) -> tuple[str, ...]:
    """What was done to `after`, by its notes, without what had been done to `before` already."""
    old, new = _notes(before), _notes(after)
    return steps_of(*(new[len(old) :] if new[: len(old)] == old else new))


def steps_of(*notes: str) -> tuple[str, ...]:
    """The steps in the notes of results, such as `Result.note()`: "real_esrgan(upscale=2); 4x3 to 8x6" has one."""
    parts = [part for note in notes for part in note.split("; ") if part and not _SIZES.fullmatch(part)]
    return tuple(re.sub(r"^(\w+)\((.*)\)$", _readable, part) for part in parts)


def _readable(match: re.Match[str]) -> str:
    name, options = match.groups()
    return f"{name}: {options.replace('=', ' ')}" if options else name


def _notes(photo: Photo) -> tuple[str, ...]:
    try:
        return () if photo.metadata.xmp is None else xmp.notes(photo.metadata.xmp, tool=TOOL)
    except BrokenMetadata:  # such a photo says nothing of its steps; it was read without its XMP, or made in memory
        return ()
