"""Pictures as they are stored, seen upright."""

from img_enhance.machine.canvas import Pixels


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """A view of stored pixels as EXIF orientation 1 to 8 says they should be seen."""
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    return pixels.swapaxes(0, 1) if orientation >= 5 else pixels
