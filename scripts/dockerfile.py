"""A Dockerfile as a list of instructions, read as docs.docker.com/reference/dockerfile says, without heredocs and parser directives."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_NAME = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name in capitals, and everything after it on one line."""

    name: str
    text: str


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions in their order; comments are left out, also those between the lines of one."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", "").splitlines():
        name, _, rest = line.partition(" ")
        yield Instruction(name.upper(), rest.strip())


def pairs(instruction: Instruction) -> dict[str, str]:
    """What an ARG or ENV sets: names and values, "" where there is none."""
    return {name: value for name, _, value in (part.partition("=") for part in shlex.split(instruction.text))}


def expanded(text: str, values: Mapping[str, str]) -> str:
    """`text` with $NAME and ${NAME} replaced; unknown names are empty."""
    return _NAME.sub(lambda found: values.get(found[1] or found[2], ""), text)
