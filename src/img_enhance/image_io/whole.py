"""A photo read whole, where it is only to be looked at."""

from img_enhance.cancelling import Tick
from img_enhance.image_io.read import PhotoFile, read_photo
from img_enhance.machine.canvas import check_room, new_canvas, scratch_folder
from img_enhance.photo import Photo
from img_enhance.planning.sweep_plan import Store


def read_whole(file: PhotoFile, *, most_in_memory: int, scratch: str | None = None, tick: Tick = lambda: None) -> Photo:
    """The photo of a file: in memory up to so many bytes, else in an unnamed file in the folder `scratch`.

    Raises: PhotoError when it is damaged, DiskError when the disk has no room.
    """
    header = file.header
    needed = header.size.pixels * header.pixel_bytes
    store: Store = "memory" if needed <= most_in_memory else "disk"
    folder = scratch_folder(scratch) if store == "disk" else None
    if folder is not None:
        check_room(folder, needed)
    canvas = new_canvas(header.size, store, folder, depth=header.depth)
    alpha = new_canvas(header.size, store, folder, channels=1, depth=header.depth) if header.alpha else None
    return read_photo(file, canvas, alpha, tick)
