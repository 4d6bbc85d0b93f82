"""Sizes and boxes in pixels."""

from dataclasses import dataclass
from math import ceil, floor


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def box(self) -> "Box":
        """The whole of a picture of this size."""
        return Box(0, 0, self.width, self.height)

    @property
    def turned(self) -> "Size":
        """Width for height."""
        return Size(self.height, self.width)

    def scaled(self, factor: int) -> "Size":
        return Size(self.width * factor, self.height * factor)

    def cells(self, side: int) -> "Size":
        """How many squares of `side` pixels it takes to cover this size."""
        return Size(-(-self.width // side), -(-self.height // side))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels from `left`, `top` up to but without `right`, `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> Size:
        return Size(self.right - self.left, self.bottom - self.top)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of an `(H, W, ...)` array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def halves(self) -> "tuple[Box, Box]":
        """The two parts that a cut across the longer side leaves."""
        if self.size.width > self.size.height:
            middle = (self.left + self.right) // 2
            return Box(self.left, self.top, middle, self.bottom), Box(middle, self.top, self.right, self.bottom)
        middle = (self.top + self.bottom) // 2
        return Box(self.left, self.top, self.right, middle), Box(self.left, middle, self.right, self.bottom)

    def grown(self, margin: int, *, within: "Box") -> "Box":
        """This box with `margin` pixels more on each side, cut off where `within` ends."""
        return Box(
            max(within.left, self.left - margin),
            max(within.top, self.top - margin),
            min(within.right, self.right + margin),
            min(within.bottom, self.bottom + margin),
        )

    def scaled(self, factor: int) -> "Box":
        """What this box covers in a picture that is `factor` times as wide and high."""
        return Box(self.left * factor, self.top * factor, self.right * factor, self.bottom * factor)

    def covered(self, across: float, down: float) -> "Box":
        """The smallest box in a picture `across` times as wide and `down` times as high that covers what this one does."""
        return Box(floor(self.left * across), floor(self.top * down), ceil(self.right * across), ceil(self.bottom * down))

    def shifted(self, columns: int) -> "Box":
        """This box so many pixels further to the right."""
        return Box(self.left + columns, self.top, self.right + columns, self.bottom)

    def seen_from(self, origin: "Box") -> "Box":
        """This box in coordinates that start at the top left corner of `origin`."""
        return Box(self.left - origin.left, self.top - origin.top, self.right - origin.left, self.bottom - origin.top)

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.size.width},{self.size.height}"


def share_in_common(one: Box, other: Box) -> float:
    """Which part of all that two boxes cover both cover, 0 to 1."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(0, across) * max(0, down)
    return common / (one.size.pixels + other.size.pixels - common)


@dataclass(frozen=True, slots=True)
class Framing:
    """How a picture came of another one: that was of `size`, was brought to the size `result`, and this is the `part` of it."""

    size: Size
    result: Size
    part: Box
