"""A picture as a pyramid of square tiles.

Level 0 has all its pixels, each next one half as many across and down, the last fits into one tile.
"""

from dataclasses import dataclass

from img_enhance.geometry import Box, Size

# The side of a tile. Larger ones are encoded and sent for what is not looked at; smaller ones are many files (5,300 for a gigapixel).
TILE = 512

# From this level on a pyramid is made before its finer levels, from a picture reduced eightfold, so that all of it is soon seen coarsely.
COARSE = 3


@dataclass(frozen=True)
class Level:
    """One level: its pixels, and how many tiles they are cut into."""

    size: Size

    @property
    def tiles(self) -> Size:
        return self.size.cells(TILE)

    def box(self, column: int, row: int) -> Box:
        """Where a tile lies in its level; those at the right and lower edge are smaller."""
        return Box(column * TILE, row * TILE, min(self.size.width, column * TILE + TILE), min(self.size.height, row * TILE + TILE))


def levels_of(size: Size) -> tuple[Level, ...]:
    """All levels of a picture of this size, the finest first."""
    levels = [Level(size)]
    while max(levels[-1].size.width, levels[-1].size.height) > TILE:
        levels.append(Level(levels[-1].size.cells(2)))
    return tuple(levels)


def tile_name(level: int, column: int, row: int) -> str:
    """Where a tile's file lies in the folder of its pyramid. Its kind is told by its first bytes."""
    return f"{level}/{column}_{row}"
