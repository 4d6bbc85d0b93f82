"""How far work is, wherever it is done."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far the work on a photo of `megapixels` is: `fraction` of its estimated time."""

    fraction: float
    megapixels: float


OnProgress = Callable[[Progress], None]
