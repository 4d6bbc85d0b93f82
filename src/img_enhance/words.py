"""Sentences for people in which settings stand as values, because the command line and the API have names of their own for them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """What a person can set, and the value it should have, "" where any may do.

    `name` is the field's; those of a step's options begin with the step's name, but for super-resolution. What only commands have
    (overwrite, offline) has the command's name for it.
    """

    name: str
    value: str = ""

    def __str__(self) -> str:
        return self.called(self.name)

    def called(self, name: str) -> str:
        """The setting by a door's `name` for it, with the value."""
        return f"{name} {self.value}" if self.value else name


class Words(str):
    """A text that knows where it speaks of settings; as a plain text it has the names of their fields.

    >>> words = Words("try a larger ", Setting("max_memory"), ", or ", Setting("format", "png"))
    >>> str(words)
    'try a larger max_memory, or format png'
    >>> spoken(words, lambda setting: setting.called("--" + setting.name.replace("_", "-")))
    'try a larger --max-memory, or --format png'
    """

    parts: tuple[str | Setting, ...]

    def __new__(cls, *parts: str | Setting) -> "Words":
        words = super().__new__(cls, "".join(map(str, parts)))
        words.parts = parts
        return words

    def __getnewargs__(self) -> tuple[str | Setting, ...]:  # type: ignore[override]  # str's own would forget the settings
        return self.parts


def asks_nothing(setting: Setting) -> Words:
    """Why a step with this setting leaves a photo as it is."""
    return Words(setting, " asks for no change")


def joined(separator: str, texts: Iterable[str]) -> Words:
    """The texts with the separator between, which still know where they speak of settings."""
    first, *others = [*texts] or [""]
    return Words(first, *(part for text in others for part in (separator, text)))


def spoken(text: str, name: Callable[[Setting], str]) -> str:
    """The text with every setting by its `name`."""
    if not isinstance(text, Words):
        return text
    return "".join(name(part) if isinstance(part, Setting) else spoken(part, name) for part in text.parts)
