"""A child that cuts the pictures of one job into tiles, coarse ones first, and ends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from img_enhance.errors import ImgEnhanceError
from img_enhance.jobs.refusals import StorageFull
from img_enhance.workers.catalogue import as_data
from img_enhance.workers.channel import Channel
from img_enhance.workers.faults import die_at
from img_enhance.workers.protocol import CutPictures, Ready, RowCut, Setup, SizeKnown, TilesCut

# Somebody waits for the coarse tiles, which are little work; the others come after all other work, but come.
_FINE_NICER = 8

if TYPE_CHECKING:
    from img_enhance.image_io import PhotoFile
    from img_enhance.image_io.tiles import Done


def cut_pictures(channel: Channel, setup: Setup) -> None:
    """Cut the pictures of one message. What can be seen of one that cannot be read is nothing; the others are cut all the same."""
    # The rows of tiles are encoded side by side already; libvips' own threads would only change places with those.
    os.environ["VIPS_CONCURRENCY"] = "1"
    from img_enhance.image_io.tiles import cut_coarse, cut_fine

    channel.send(Ready())
    message = channel.receive()
    assert isinstance(message, CutPictures)
    folder, most = Path(message.folder), max(setup.max_pixels, setup.max_result_pixels)
    files = {name: file for name, path in message.pictures.items() if (file := _opened(channel, name, Path(path), most))}
    for cut in (cut_coarse, cut_fine):
        if cut is cut_fine:
            os.nice(_FINE_NICER)
            die_at("cutter half done", message.fault)
        for name, file in list(files.items()):
            try:
                cut(file, folder / name, _telling(channel, name))
            except ImgEnhanceError as error:
                del files[name]
                channel.send(SizeKnown(name, None, as_data(error).detail.replace(str(file.path), "the picture")))
            except OSError as error:
                channel.send(as_data(StorageFull(f"the disk of the service cannot be written ({error.strerror})", "try again later")))
                return
    channel.send(TilesCut())


def _opened(channel: Channel, name: str, path: Path, most_pixels: int) -> PhotoFile | None:
    """A picture's file, of which the size is told."""
    from img_enhance.image_io import open_photo

    try:
        file = open_photo(path, max_pixels=most_pixels, salvage=True)
    except ImgEnhanceError as error:
        channel.send(SizeKnown(name, None, as_data(error).detail.replace(str(path), "the picture")))
        return None
    channel.send(SizeKnown(name, (file.header.size.width, file.header.size.height)))
    return file


def _telling(channel: Channel, name: str) -> Done:
    return lambda level, rows, written: channel.send(RowCut(name, level, rows, written))
