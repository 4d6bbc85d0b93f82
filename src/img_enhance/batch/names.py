"""What results are called: by a template, and no two alike, not even where upper and lower case or the forms of Unicode are the same."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import PurePosixPath

from img_enhance.errors import OptionError
from img_enhance.photo import FORMATS, format_named
from img_enhance.words import Setting, Words

DEFAULT = "{stem}{ext}"
_FIELDS = ("stem", "scale", "format", "ext")
_FIELD = re.compile(r"\{(\w*)\}")

_ENDINGS = frozenset(ending for entry in FORMATS for ending in entry.endings)

# Stands for the scale while it is not known: a character that is for private use, as here.
SCALE = "\U000f5ca1"

# What no file system that people use takes in a name, and what would lead into another folder.
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f]')


@dataclass(frozen=True)
class NameTemplate:
    """How the name of a result is made of its photo's: {stem} without the ending, {scale}, {format}, and at its end {ext}, the ending."""

    text: str = DEFAULT

    def __post_init__(self) -> None:
        unknown = [name for name in _FIELD.findall(self.text) if name not in _FIELDS]
        known = ", ".join(f"{{{name}}}" for name in _FIELDS)
        rest, asked = _FIELD.sub("", self.text), Setting("name", f"'{self.text}'")
        if unknown or "{" in rest or "}" in rest:
            fault = f" has {{{unknown[0]}}}" if unknown else " has a brace of no field"
            raise OptionError(Words(Setting("name"), fault), f"known are {known}")
        if _FORBIDDEN.search(rest):
            says = Words(asked, " has a character that names of files cannot have")
            raise OptionError(says, "use letters, digits, - and _")
        if "{stem}" not in self.text or not self.text.endswith("{ext}") or self.text.count("{ext}") > 1:
            says = Words(asked, " would not tell results apart")
            raise OptionError(says, "use {stem}, and {ext} at the end, such as '{stem}_big{ext}'")

    def filled(self, stem: str, ending: str, *, scale: str, format: str) -> str:
        """The name."""
        values = {"stem": stem, "ext": ending, "scale": scale, "format": format}
        return _FIELD.sub(lambda match: values[match.group(1)], self.text)


class Names:
    """The names that are given in a run, each once. Those with {scale} hold SCALE in its place until it is known."""

    def __init__(self, template: NameTemplate) -> None:
        self._template = template
        self._taken: dict[str, str] = {}

    def keep(self, name: str, source: str) -> None:
        """Let a name belong to a photo: it has had it before."""
        self._taken[_same(name)] = source

    def name_for(self, source: str, result_format: str) -> str:
        """The name, with / between folders, of the result of a photo called `source`; nobody else gets it.

        The photo's own ending stays where it is one of the format's. A name that another photo has is told apart by the photo's ending,
        then by a number.
        """
        stem, own = _parts(source)
        endings = format_named(result_format).endings
        ending = own if own.lower() in endings else endings[0]
        names = (self._template.filled(each, ending, scale=SCALE, format=result_format) for each in _numbered(stem, own))
        return self._first_free((str(PurePosixPath(source).with_name(name)) for name in names), source)

    def is_plain(self, source: str, result_format: str) -> bool:
        """Whether the photo's own ending is one of the result's: it has the first right to the name."""
        return _parts(source)[1].lower() in format_named(result_format).endings

    def scaled(self, name: str, source: str, scale: str) -> str:
        """A name of `name_for`, with the scale in it."""
        if SCALE not in name:
            return name
        stem, ending = os.path.splitext(name.replace(SCALE, scale))
        return self._first_free((f"{each}{ending}" for each in _numbered(stem, "")), source)

    def _first_free(self, names: Iterator[str], source: str) -> str:
        return next(name for name in names if self._taken.setdefault(_same(name), source) == source)


def scale_text(size: tuple[int, int], result_size: tuple[int, int]) -> str:
    """How many times wider a result is, as a name has it: 2, 1.5, 0.33."""
    return f"{result_size[0] / size[0]:.2f}".rstrip("0").rstrip(".")


def _parts(source: str) -> tuple[str, str]:
    """The name of a photo without its folders and ending, and the ending, "" where it has none that photos have."""
    name = PurePosixPath(source)
    return (name.stem, name.suffix) if name.suffix.lower() in _ENDINGS else (name.name, "")


def _numbered(stem: str, ending: str) -> Iterator[str]:
    yield stem
    if ending:
        yield f"{stem}_{ending[1:]}"
    yield from (f"{stem}_{number}" for number in count(2))


def _same(name: str) -> str:
    """Equal for names that some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
