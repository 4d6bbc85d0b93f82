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
            f"{path} is {size} ({_count(size.pixels)} pixels), allowed {_count(max_pixels)}",
            *("if you trust it, raise ", Setting("max_pixels")),
        )


def _count(pixels: int) -> str:
    return f"{pixels / 1e6:g} million" if pixels >= 1_000_000 else str(pixels)
