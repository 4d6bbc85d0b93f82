"""The parser of the command line, whose refusals are one line as all others are: what is wrong, and what to do."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NoReturn

from img_enhance.errors import OptionError

# A letter or two are wrong, or left out.
_ALIKE = 0.75


class Parser(argparse.ArgumentParser):
    """Raises OptionError where argparse would print every flag there is and leave, and takes no part of a flag for the whole."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(allow_abbrev=False, **facts)

    def error(self, message: str) -> NoReturn:
        raise OptionError(message.removeprefix("argument "), self._help)

    def refuse(self, left: str) -> NoReturn:
        """Say why an argument is one too many.

        Raises: OptionError.
        """
        if left.startswith("-"):
            flag = left.partition("=")[0]
            advice = did_you_mean(flag, (name for action in self._actions for name in action.option_strings)) or self._help
            raise OptionError(f"{self.prog} has no {flag}", advice)
        names = [str(action.metavar) for action in self._actions if not action.option_strings and action.nargs is None]
        if not names:
            raise OptionError(f"{self.prog} takes nothing like {left!a}", self._help)
        advice = "run it for each" if names == ["PHOTO"] else self._help
        raise OptionError(f"{self.prog} takes one {' and one '.join(names)}, and {left!a} is one more", advice)

    @property
    def _help(self) -> str:
        return f"see {self.prog} --help"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question for what somebody may have meant; "" where nothing is alike."""
    near = get_close_matches(word, list(known), 1, _ALIKE)
    return f"did you mean {near[0]}?" if near else ""
