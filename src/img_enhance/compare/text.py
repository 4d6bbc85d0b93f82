"""Text on a sheet, in the one font that comes with Pillow."""

import unicodedata
from functools import cache

from PIL import ImageFont

SMALL, LARGE = 18, 28
_LONGEST_TEXT = 1000
_NOT_A_CHARACTER = "\uffff"


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font at so many pixels.

    Pillow without FreeType has only a bitmap font, which cannot be measured in parts; its wheels all have it.
    """
    found = ImageFont.load_default(size=size)
    assert isinstance(found, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return found


def plain(text: str) -> str:
    """`text` in characters that the font has: an accented letter without its accent, any other as "?"."""
    return "".join(_plain_character(character) for character in text)


@cache
def _plain_character(character: str) -> str:
    if _has(character):
        return character
    base = unicodedata.normalize("NFKD", character)
    kept = "".join(part for part in base if _has(part))
    return kept or ("" if unicodedata.combining(character) else "?")


def _has(character: str) -> bool:
    if len(character) != 1 or not character.isprintable():
        return False
    return bytes(font(SMALL).getmask(character)) != bytes(font(SMALL).getmask(_NOT_A_CHARACTER))


def fitted(text: str, size: int, width: int) -> str:
    """`text` in the font's characters, its middle left out where it is wider than `width` pixels: names end in what tells them apart."""
    whole = plain(text)
    if len(whole) <= width and font(size).getlength(whole) <= width:
        return whole
    for kept in range(min(len(whole) - 1, width), 0, -1):  # no character is narrower than a pixel
        shown = whole[: (kept + 1) // 2] + "..." + whole[len(whole) - kept // 2 :]
        if font(size).getlength(shown) <= width:
            return shown
    return "..."


def wrapped(text: str, size: int, width: int) -> tuple[str, ...]:
    """`text` in the font's characters, in lines of at most `width` pixels; what is longer than a paragraph is cut off."""
    lines: list[str] = []
    for word in plain(text[:_LONGEST_TEXT]).split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and font(size).getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(fitted(word, size, width))
    return tuple(lines)
