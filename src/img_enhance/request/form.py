"""Options as data: what a door needs to build its flags, schema or widgets, and the one check of their bounds.

An options class is a frozen dataclass whose fields are made by `option`. Its `__post_init__` calls `check`.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from img_enhance.errors import OptionError
from img_enhance.geometry import Box
from img_enhance.words import Setting, Words

Unit = Literal["", "bytes", "pixels"]

# No option has a use for more; NaN and infinity are outside too.
LARGEST = 10**18

# No format holds a longer side of a picture.
LONGEST_SIDE = 2**31 - 1

# Of what may be a path: the most that systems take.
LONGEST_TEXT = 4096

# Of a smaller number nobody reads the digits.
_LEAST_WRITTEN_OUT = 1e-9

_SUFFIX = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
Options = TypeVar("Options")


@dataclass(frozen=True)
class Field:
    """One option as a door sees it. `exclusive` names the group of which at most one may be given.

    `aliases` are what else people call some of `choices`.

    `extensible` says that `choices` are those that are always there: more may be known where the work is done, and there they are checked.
    """

    name: str
    type: type[int] | type[float] | type[str] | type[bool]
    default: int | float | str | None
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    extensible: bool = False
    unit: Unit = ""
    exclusive: str = ""
    placeholder: str = ""
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def optional(self) -> bool:
        return self.default is None


def option(
    default: Any,
    *,
    help: str,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    extensible: bool = False,
    unit: Unit = "",
    exclusive: str = "",
    placeholder: str = "",
    aliases: Mapping[str, str] | None = None,
) -> Any:
    """A dataclass field with what doors need to know of it; a default of None means it may be left out."""
    facts: dict[str, Any] = {"help": help, "minimum": minimum, "maximum": maximum, "choices": choices, "extensible": extensible}
    facts |= {"unit": unit, "exclusive": exclusive, "placeholder": placeholder, "aliases": aliases or {}}
    return dataclasses.field(default=default, metadata=facts)


def fields(options: type[Any]) -> tuple[Field, ...]:
    """The fields of an options class, in the order of their declaration."""
    hints = get_type_hints(options)
    rows = []
    for field in dataclasses.fields(options):
        plain = [t for t in (get_args(hints[field.name]) or (hints[field.name],)) if t is not NoneType]
        default: Any = field.default
        rows.append(Field(name=field.name, type=plain[0], default=default, **field.metadata))
    return tuple(rows)


def field_named(options: type[Any], name: str) -> Field:
    """The field of an options class with this name."""
    return next(field for field in fields(options) if field.name == name)


def check(options: Any) -> None:
    """Pass if every value has the declared type and lies within its bounds.

    Raises: OptionError that names the option, its value and what it may be.
    """
    given: dict[str, str] = {}
    for field in fields(type(options)):
        value = getattr(options, field.name)
        if value is None and field.optional:
            continue
        _check_value(field, value)
        if field.exclusive:
            if field.exclusive in given:
                raise OptionError(Words("give ", Setting(given[field.exclusive]), " or ", Setting(field.name), ", not both"))
            given[field.exclusive] = field.name


def _check_value(field: Field, value: Any) -> None:
    accepted = (int, float) if field.type is float else field.type
    if not isinstance(value, accepted) or isinstance(value, bool) != (field.type is bool):
        raise _refused(field.name, f"{_described(field)}, not {value!r}")
    if field.extensible and isinstance(value, str) and not (0 < len(value) <= LONGEST_TEXT and value.isprintable()):
        raise _refused(field.name, f"a name of up to {LONGEST_TEXT} characters, not {value[:100]!a}")
    if field.choices and not field.extensible and value not in field.choices:
        raise _refused(field.name, f"one of {', '.join(field.choices)}, not '{value}'")
    if isinstance(value, str | bool):
        return
    below = field.minimum is not None and value < field.minimum
    above = field.maximum is not None and value > field.maximum
    if below or above or not -LARGEST <= value <= LARGEST:
        raise _refused(field.name, f"{_described(field)}, not {_typed(value, field)}")


def _refused(name: str, words: str) -> OptionError:
    return OptionError(Words(Setting(name), f" must be {words}"))


def _described(field: Field) -> str:
    kind = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}[field.type]
    if field.minimum is not None and field.maximum is not None:
        return f"{kind} from {_typed(field.minimum, field)} to {_typed(field.maximum, field)}"
    if field.minimum is not None:
        return f"{kind} of at least {_typed(field.minimum, field)}"
    return kind


def _typed(number: float, field: Field) -> str:
    """A number as a person types it: 100M where the unit is bytes or pixels, and never 1e+08."""
    if number and not _LEAST_WRITTEN_OUT <= abs(number) <= LARGEST:
        return str(number)
    for suffix, size in reversed(_SUFFIX.items()) if field.unit else ():
        if number and number % size == 0:
            return f"{int(number) // size}{suffix}"
    return f"{Decimal(str(number)).normalize():f}"


def from_text(field: Field, text: str) -> int | float | str:
    """The value that a person typed for `field`; "2G" and "1.5M" are taken where the unit is bytes or pixels, choices in capitals too.

    Raises: OptionError when it is no such value. Bounds are checked by the options class.
    """
    if field.type is str:
        return meant(field, text)
    match = re.fullmatch(r"([+-]?[0-9.]+(?:e[+-]?[0-9]+)?)([KMGT]?)(?:I?B|P|PX)?", text.strip(), re.IGNORECASE)
    suffix = match.group(2).upper() if match else ""
    if not match or (suffix and not field.unit):
        raise _refused(field.name, f"{_described(field)}, not '{text}'")
    try:
        number = Decimal(match.group(1)) * _SUFFIX[suffix]
    except ArithmeticError:
        raise _refused(field.name, f"{_described(field)}, not '{text}'") from None
    if abs(number) > LARGEST or (field.type is int and number % 1):
        raise _refused(field.name, f"{_described(field)}, not '{text}'")
    return int(number) if field.type is int else float(number)


def meant(field: Field, word: str) -> str:
    """The choice that a person means by a word, in capitals or by another of its names; a word that means none as it is."""
    lower = word.lower()
    return field.aliases.get(lower, lower if lower in field.choices else word)


def box_from_text(name: str, text: str, *, largest_side: int = LONGEST_SIDE) -> Box:
    """The box that a person typed as "X,Y,W,H".

    Raises: OptionError when it is none, or covers nothing, or one of its sides is longer than `largest_side`.
    """
    match = re.fullmatch(r"(\d{1,10}),(\d{1,10}),(\d{1,10}),(\d{1,10})", text.replace(" ", ""), re.ASCII)
    if match is None:
        raise _refused(name, f"X,Y,W,H in whole pixels, such as 100,50,900,600, not '{text}'")
    left, top, width, height = map(int, match.groups())
    if not (1 <= width <= largest_side and 1 <= height <= largest_side):
        raise _refused(name, f"1 to {largest_side} pixels wide and high, not {width}x{height}")
    return Box(left, top, left + width, top + height)


def to_mapping(options: Any) -> dict[str, Any]:
    """The options that were given, as JSON values; those left out (None) are left out here too."""
    values = ((field.name, getattr(options, field.name)) for field in fields(type(options)))
    return {name: value for name, value in values if value is not None}


def from_mapping(options: type[Options], values: Mapping[str, Any]) -> Options:
    """Options from JSON values, in which every door has the fields' own names. A person may have typed them: see `meant`.

    Raises: OptionError for a name that `options` does not have, or a value out of bounds.
    """
    known = {field.name: field for field in fields(options)}
    for name in values:
        if name not in known:
            raise OptionError(f"unknown option '{name}'", f"known are {', '.join(known)}")
    given = {name: meant(known[name], value) if isinstance(value, str) else value for name, value in values.items()}
    try:
        return options(**given)
    except OptionError as error:
        raise error.settled(str) from None
