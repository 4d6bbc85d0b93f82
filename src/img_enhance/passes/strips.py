"""Passes whose result is as large as the picture before it, which they change strip by strip."""

from collections.abc import Iterator

from img_enhance.geometry import Box, Size

# Whole pictures are changed in strips of so many pixels.
STRIP_PIXELS = 256 * 1024


class SizeStays:
    """A plan's part of it: needs the whole picture, and answers with the whole of one."""

    size: Size

    @property
    def result(self) -> Size:
        return self.size

    @property
    def part(self) -> Box:
        return self.size.box

    def strips(self) -> Iterator[Box]:
        """The picture from top to bottom in boxes of whole rows."""
        rows = max(1, STRIP_PIXELS // self.size.width)
        for top in range(0, self.size.height, rows):
            yield Box(0, top, self.size.width, min(top + rows, self.size.height))
