"""How many pixels a photo may have."""

from __future__ import annotations

from pathlib import Path

from img_enhance.errors import PhotoTooLarge
from img_enhance.geometry import Size
from img_enhance.words import Setting


def check_pixels(path: Path, size: Size, max_pixels: int) -> None:
    """Pass if a photo of this size may be read.

    Raises: PhotoTooLarge above `max_pixels`.
    """
    if size.pixels > max_pixels:
        raise PhotoTooLarge(
            f"{path} is {size} ({size.pixels / 1e6:.0f} million pixels), allowed {max_pixels / 1e6:g} million",
            *("if you trust it, raise ", Setting("max_pixels")),
        )
