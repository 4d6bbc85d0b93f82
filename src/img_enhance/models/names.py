"""What a model may be called, and what is no name but a file."""

import re

# No name is a path or has an ending, so that a file never passes for a name, nor a name for a file.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

RULE = "up to 64 letters, digits, - and _, such as my-model_x4"


def is_name(text: str) -> bool:
    """Whether a model that somebody added may be called so."""
    return _NAME.fullmatch(text) is not None


def is_file(text: str) -> bool:
    """Whether what stands for a model names a file: a path, or anything with an ending."""
    return not is_name(text)
