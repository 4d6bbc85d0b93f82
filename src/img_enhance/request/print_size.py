"""How large a print is to be, as a person types it."""

import re
from dataclasses import dataclass

from img_enhance.errors import OptionError
from img_enhance.geometry import Size
from img_enhance.words import Setting, Words

_INCHES = {"cm": 1 / 2.54, "mm": 1 / 25.4, "in": 1.0}
# What labs ask for.
_USUAL_DPI = 300.0
_MOST_DPI, _LONGEST_INCHES = 10_000, 10_000


@dataclass(frozen=True)
class PrintSize:
    """Paper, in inches, and how many pixels are printed on an inch."""

    width: float
    height: float
    dpi: float

    def pixels(self, size: Size) -> Size:
        """The largest size with the proportions of `size` that fits on the paper, which is turned as the picture is."""
        long, short = max(self.width, self.height) * self.dpi, min(self.width, self.height) * self.dpi
        across, down = (long, short) if size.width >= size.height else (short, long)
        factor = min(across / size.width, down / size.height)
        return Size(max(1, round(size.width * factor)), max(1, round(size.height * factor)))


def print_from_text(name: str, text: str) -> PrintSize:
    """The print that a person typed as "30x40cm@300dpi"; 300 dots per inch where none are named.

    Raises: OptionError when it is none.
    """
    match = re.fullmatch(r"([0-9.]{1,9})x([0-9.]{1,9})(cm|mm|in)(?:@([0-9.]{1,9})(?:dpi)?)?", text.replace(" ", "").lower())
    try:
        width, height, dpi = (float(part) for part in (match[1], match[2], match[4] or _USUAL_DPI)) if match else (0.0, 0.0, 0.0)
    except ValueError:
        width = height = dpi = 0.0
    inches = _INCHES[match[3]] if match else 0.0
    if not (0 < width * inches <= _LONGEST_INCHES and 0 < height * inches <= _LONGEST_INCHES and 1 <= dpi <= _MOST_DPI):
        words = f" must be a size and dots per inch, such as 30x40cm@300dpi or 8x10in@300dpi, not '{text}'"
        raise OptionError(Words(Setting(name), words))
    return PrintSize(width * inches, height * inches, dpi)
