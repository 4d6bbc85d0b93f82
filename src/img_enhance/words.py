"""Sentences for people in which settings and downloads stand as values, because each door has names of its own for them."""

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


@dataclass(frozen=True)
class Pull:
    """Weights to be downloaded, by the names of their rows. As a plain text it is the command: no call from Python downloads unasked."""

    names: tuple[str, ...]

    @property
    def command(self) -> str:
        return f"img-enhance models pull {' '.join(self.names)}"

    def __str__(self) -> str:
        return f"run: {self.command}"


# What stands in a sentence as a value, for each door to say in its own way.
Term = Setting | Pull


class Words(str):
    """A text that knows where it speaks of settings and weights; as a plain text it has the names of the settings' fields.

    >>> words = Words("try a larger ", Setting("max_memory"), ", or ", Setting("format", "png"))
    >>> str(words)
    'try a larger max_memory, or format png'
    >>> spoken(words, lambda term: f"--{term}".replace("_", "-"))
    'try a larger --max-memory, or --format png'
    """

    parts: tuple[str | Term, ...]

    def __new__(cls, *parts: str | Term) -> "Words":
        words = super().__new__(cls, "".join(map(str, parts)))
        words.parts = parts
        return words

    def __getnewargs__(self) -> tuple[str | Term, ...]:  # type: ignore[override]  # str's own would forget the terms
        return self.parts


def settled(text: str, say: Callable[[Setting], str | Setting]) -> str:
    """The text with its settings as `say` has them, where others would say them wrongly; downloads stay values."""
    return Words(*settled_parts(text.parts, say)) if isinstance(text, Words) else text


def settled_parts(parts: Iterable[str | Term], say: Callable[[Setting], str | Setting]) -> list[str | Term]:
    """The parts of a text, as `settled`."""
    return [say(part) if isinstance(part, Setting) else settled(part, say) if isinstance(part, str) else part for part in parts]


def asks_nothing(setting: Setting) -> Words:
    """Why a step with this setting leaves a photo as it is."""
    return Words(setting, " asks for no change")


def joined(separator: str, texts: Iterable[str]) -> Words:
    """The texts with the separator between, which still know where they speak of settings."""
    first, *others = [*texts] or [""]
    return Words(first, *(part for text in others for part in (separator, text)))


def spoken(text: str, say: Callable[[Term], str]) -> str:
    """The text with every term as a door says it."""
    if not isinstance(text, Words):
        return text
    return "".join(spoken(part, say) if isinstance(part, str) else say(part) for part in text.parts)
