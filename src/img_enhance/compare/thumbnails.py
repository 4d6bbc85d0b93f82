"""Small pictures of photos, as files for a page that shows many of them."""

import secrets
from pathlib import Path

from PIL import Image

from img_enhance.compare.display import view
from img_enhance.geometry import Size
from img_enhance.image_io import PhotoFile, read_reduced
from img_enhance.photo import Photo

# The longer side: what a list of photos shows is half as large, on screens of double density.
SIDE = 320
_QUALITY = 80


def write_thumbnail(photo: Photo | PhotoFile, path: Path) -> None:
    """Write the photo in sRGB, at most 320 pixels a side, as a JPEG to `path`, whose folder is made if missing.

    The file appears complete or not at all, and replaces another. A photo in memory is only read; a JPEG is decoded small.

    Raises: PhotoError when the photo's file is damaged, OSError when nothing can be written there.
    """
    picture = _thumbnail(photo)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not synced as results are, which would take longer than many a photo: a page can do without one that a power cut takes.
    partial = path.parent / f".img-enhance-{secrets.token_hex(8)}.part"
    try:
        with partial.open("xb") as file:
            picture.save(file, "JPEG", quality=_QUALITY)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _thumbnail(photo: Photo | PhotoFile) -> Image.Image:
    whole = photo.size if isinstance(photo, Photo) else photo.header.size
    share = min(1, SIDE / max(whole.width, whole.height))
    size = Size(max(1, round(share * whole.width)), max(1, round(share * whole.height)))
    small = photo if isinstance(photo, Photo) else read_reduced(photo, 2 * SIDE)
    return Image.fromarray(view(small, (0, 0, small.size.width, small.size.height), size))
