"""Results in other formats than they were made in: each written for one answer, within bounds, and gone when that was sent."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from img_enhance.errors import OptionError
from img_enhance.geometry import Size
from img_enhance.jobs.refusals import StorageFull
from img_enhance.photo import check_holds, format_named
from img_enhance.request.form import field_named, from_text
from img_enhance.request.options import Output
from img_enhance.service.problems import Problem
from img_enhance.service.service import Service
from img_enhance.workers.catalogue import as_data
from img_enhance.workers.convert import Bounds, converted

# Of the disk, while a conversion is under way: no format of ours needs more a pixel than 16 bits without compression.
_BYTES_PER_PIXEL = 8


def output_of(format: str | None, quality: int | None, stored: dict[str, Any]) -> Output | None:
    """How a stored result is to be written anew; None where it will do as it is.

    Raises: OptionError; OutputError for a format that cannot hold so many pixels a side.
    """
    if format is not None:
        format = str(from_text(field_named(Output, "format"), format))
    try:
        wanted = Output(format=format, quality=quality)
    except OptionError as error:
        raise error.settled(str) from None
    if format in (None, stored["format"]) and quality is None:
        return None
    name = format or stored["format"]
    check_holds(format_named(name), Size(stored["width"], stored["height"]))
    return Output(format=name, quality=wanted.quality)


async def converted_file(service: Service, result: Path, stored: dict[str, Any], output: Output) -> BinaryIO:
    """A result as it was asked for, in a file without a name, which goes when it is closed.

    Raises: Problem.
    """
    return await asyncio.to_thread(_converted_file, service, result, stored, output)


def _converted_file(service: Service, result: Path, stored: dict[str, Any], output: Output) -> BinaryIO:
    assert output.format is not None
    settings, scratch, pixels = service.settings, service.spool.scratch, stored["width"] * stored["height"]
    if shutil.disk_usage(scratch).free - pixels * _BYTES_PER_PIXEL < settings.free_disk_mb * 1e6:
        raise Problem(as_data(StorageFull("the disk of the service is nearly full", "take the result as it is")))
    bounds = Bounds(int(settings.convert_seconds), settings.reader_memory, pixels)
    # All that a process leaves that was ended half-way lies in here, and the file that is open outlives its name.
    with TemporaryDirectory(dir=scratch) as folder:
        target = Path(folder, f"result{format_named(output.format).endings[0]}")
        failed = converted(result, target, output, bounds)
        if failed is not None:
            raise Problem(failed)
        return target.open("rb")
