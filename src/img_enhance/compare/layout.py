"""Where everything lies on a sheet: arithmetic only.

From top to bottom: what the two photos are; both whole, each beside its histogram; the picture that is compared; steps and remarks.
"""

from dataclasses import dataclass

from img_enhance.compare.region import fitted_size
from img_enhance.geometry import Box, Size

MARGIN = 48
GAP = 24
SPACE = 40

# Two pictures of 900 pixels are what a screen shows without scrolling sideways much; words and histograms need this much.
DETAIL = {"side-by-side": Size(900, 900), "split": Size(1824, 1000), "stacked": Size(1824, 640)}
LEAST_WIDTH = 1200

# The name of a column, the name of its file, and what is known of it.
TITLE_LINES = (26, 40, 26)
LINE = 26
CAPTION = 36
LEAST_HISTOGRAM, MOST_HISTOGRAM = Size(220, 200), Size(380, 200)
_WHOLE_HEIGHT = 360
_DIVIDER = 4


@dataclass(frozen=True)
class Layout:
    """Boxes on a sheet of `size`; pairs are for before and after.

    `whole` is None where the compared picture is the whole photo already. Both `detail` are one box in a split picture, whose part
    right of the column `divider` shows the result; the line covers `divider_line`. `steps` and `remarks` are where those begin.
    """

    size: Size
    titles: tuple[Box, Box]
    whole: tuple[Box, Box] | None
    histograms: tuple[Box, Box]
    captions: tuple[Box, Box]
    detail: tuple[Box, Box]
    divider: int | None
    steps: Box
    remarks: Box

    @property
    def divider_line(self) -> Box | None:
        if self.divider is None:
            return None
        box = self.detail[0]
        half = min(_DIVIDER, box.size.width // 8) // 2
        return Box(self.divider - half, box.top, self.divider + half, box.bottom)


def lay_out(layout: str, detail: Size, photos: tuple[Size, Size], *, whole: bool, lines: int) -> Layout:
    """A sheet whose compared picture is `detail` large, with both `photos` small above it if `whole`, and so many lines of text."""
    width = content_width(layout, detail)
    columns = _columns(width)
    titles = (_below(MARGIN, columns[0], sum(TITLE_LINES)), _below(MARGIN, columns[1], sum(TITLE_LINES)))
    top = titles[0].bottom + GAP
    pictures, histograms = _light_row(columns, photos, top, whole=whole)
    top = max(box.bottom for box in (*(pictures or ()), *(_with_text(box) for box in histograms))) + SPACE
    captions, boxes = _detail_row(layout, detail, columns, top)
    bottom = max(box.bottom for box in boxes)
    steps, remarks = (_below(bottom + SPACE, column, lines * LINE) for column in columns)
    return Layout(
        size=Size(width + 2 * MARGIN, steps.bottom + MARGIN),
        titles=titles,
        whole=pictures,
        histograms=histograms,
        captions=captions,
        detail=boxes,
        divider=boxes[0].left + detail.width // 2 if layout == "split" else None,
        steps=steps,
        remarks=remarks,
    )


def content_width(layout: str, detail: Size) -> int:
    """The width between the margins of a sheet that shows a picture of this size."""
    return max(LEAST_WIDTH, 2 * detail.width + GAP if layout == "side-by-side" else detail.width)


def column_width(width: int) -> int:
    """The width of one of two columns in so much."""
    return (width - GAP) // 2


def _columns(width: int) -> tuple[Box, Box]:
    column = column_width(width)
    second = MARGIN + column + GAP
    return Box(MARGIN, 0, MARGIN + column, 0), Box(second, 0, second + column, 0)


def _below(top: int, column: Box, height: int) -> Box:
    return Box(column.left, top, column.right, top + height)


def _light_row(
    columns: tuple[Box, Box], photos: tuple[Size, Size], top: int, *, whole: bool
) -> tuple[tuple[Box, Box] | None, tuple[Box, Box]]:
    """Whole pictures and, at the right end of their columns, histograms; those begin on the left where there are no pictures."""
    if not whole:
        first, second = (_sized(column.left, top, MOST_HISTOGRAM) for column in columns)
        return None, (first, second)
    column = columns[0].size.width
    most = Size(column - LEAST_HISTOGRAM.width - GAP, _WHOLE_HEIGHT)
    # Both as large as there is room, so that they can be compared.
    one, other = (fitted_size(_grown(photo, most), most) for photo in photos)
    pictures = _sized(columns[0].left, top, one), _sized(columns[1].left, top, other)
    left_over = Size(column - max(one.width, other.width) - GAP, MOST_HISTOGRAM.height)
    first, second = (_sized(box.right + GAP, top, Size(min(MOST_HISTOGRAM.width, left_over.width), left_over.height)) for box in pictures)
    return pictures, (first, second)


def _grown(size: Size, most: Size) -> Size:
    """`size` times the whole number that makes it at least as large as `most` on one side."""
    return size.scaled(max(1, -(-most.width // size.width), -(-most.height // size.height)))


def _sized(left: int, top: int, size: Size) -> Box:
    return Box(left, top, left + size.width, top + size.height)


def _with_text(box: Box) -> Box:
    return Box(box.left, box.top, box.right, box.bottom + 2 * LINE)


def _detail_row(layout: str, detail: Size, columns: tuple[Box, Box], top: int) -> tuple[tuple[Box, Box], tuple[Box, Box]]:
    """Captions and the boxes below them."""
    left, right = columns
    across = Box(left.left, 0, right.right, 0)
    first = _sized(left.left, top + CAPTION, detail)
    if layout == "side-by-side":
        return (_below(top, left, CAPTION), _below(top, right, CAPTION)), (first, _sized(right.left, top + CAPTION, detail))
    if layout == "split":
        return (_below(top, left, CAPTION), _below(top, right, CAPTION)), (first, first)
    second_top = first.bottom + GAP
    second = _sized(left.left, second_top + CAPTION, detail)
    return (_below(top, across, CAPTION), _below(second_top, across, CAPTION)), (first, second)
