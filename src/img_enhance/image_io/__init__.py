"""Photos from files and to files, in a stream through libvips, so that a gigapixel result never lies in memory."""

from img_enhance.files import check_output
from img_enhance.image_io.extras import check_writable
from img_enhance.image_io.read import PhotoFile, open_photo, read_photo, read_reduced, read_values
from img_enhance.image_io.strips import resample
from img_enhance.image_io.whole import medium_of, moved_to_disk, read_into, read_whole
from img_enhance.image_io.write import encoded_jpeg, write_photo

__all__ = [
    "PhotoFile",
    "check_output",
    "check_writable",
    "encoded_jpeg",
    "medium_of",
    "moved_to_disk",
    "open_photo",
    "read_into",
    "read_photo",
    "read_reduced",
    "read_values",
    "read_whole",
    "resample",
    "write_photo",
]
