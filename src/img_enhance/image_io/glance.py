"""How many pixels a photo has, as far as its first bytes tell to a reader in plain Python."""

from __future__ import annotations

import warnings
from pathlib import Path

# What Pillow reads the size of without a library of decoders: such a library, once in this process, could be made to end it.
_PLAIN = ("JPEG", "PNG", "TIFF", "GIF", "BMP")


def glanced_pixels(path: Path) -> int:
    """The pixels that the photo's header speaks of, 0 where that cannot be told at a glance. For guesses of time only."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=_PLAIN) as image:
                return image.width * image.height
        except Exception:  # noqa: BLE001 - whatever is wrong with it is said when its turn comes
            return 0
