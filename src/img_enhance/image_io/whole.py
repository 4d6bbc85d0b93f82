"""A photo read whole, onto canvases of its own."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from img_enhance.cancelling import Tick
from img_enhance.image_io.read import PhotoFile, read_photo
from img_enhance.machine.canvas import Pixels, check_room, new_canvas, scratch_folder
from img_enhance.photo import Header, Photo
from img_enhance.planning.sweep_plan import Medium

Reading = Callable[[PhotoFile, Pixels, Pixels | None, Tick], Photo]


def read_into(file: PhotoFile, medium: Medium, folder: Path | None, tick: Tick = lambda: None, *, read: Reading = read_photo) -> Photo:
    """The photo of a file, in memory or in an unnamed file in `folder`, by `read_photo` or `read_values`. Nobody else has its arrays.

    Raises: PhotoError when it is damaged, DiskError when the disk has no room.
    """
    header = file.header
    pixels = new_canvas(header.size, medium, folder, depth=header.depth)
    alpha = new_canvas(header.size, medium, folder, channels=1, depth=header.depth) if header.alpha else None
    return read(file, pixels, alpha, tick)


def read_whole(file: PhotoFile, *, most_in_memory: int, scratch: str | None = None, tick: Tick = lambda: None) -> Photo:
    """The photo of a file: in memory up to so many bytes, else in an unnamed file in the folder `scratch`.

    Raises: PhotoError when it is damaged, DiskError when the disk has no room.
    """
    medium = medium_of(file.header, most_in_memory)
    folder = scratch_folder(scratch) if medium == "disk" else None
    if folder is not None:
        check_room(folder, file.header.bytes)
    return read_into(file, medium, folder, tick)


def moved_to_disk(photo: Photo, scratch: str | None) -> Photo:
    """The photo in an unnamed file in the folder `scratch`.

    Raises: DiskError when the disk has no room.
    """
    folder = scratch_folder(scratch)
    check_room(folder, photo.pixels.nbytes + (0 if photo.alpha is None else photo.alpha.nbytes))
    pixels = new_canvas(photo.size, "disk", folder, depth=photo.depth)
    pixels[:] = photo.pixels
    alpha = None
    if photo.alpha is not None:
        alpha = new_canvas(photo.size, "disk", folder, channels=1, depth=photo.depth)
        alpha[:] = photo.alpha
    return dataclasses.replace(photo, pixels=pixels, alpha=alpha)


def medium_of(header: Header, most_in_memory: int) -> Medium:
    """Where `read_whole` puts a photo."""
    return "memory" if header.bytes <= most_in_memory else "disk"
