"""Names that spandrel's modules for faces and for holes in pictures import; no test calls what they stand for."""

from enum import Enum


class InterpolationMode(Enum):
    """As a default of an argument it is read when its module is imported."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"


def normalize(*_: object) -> None:
    """Not for these tests."""
    raise NotImplementedError


def rotate(*_: object) -> None:
    """Not for these tests."""
    raise NotImplementedError
