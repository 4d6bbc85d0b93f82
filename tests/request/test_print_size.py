"""Prints: what fits on the paper, at so many dots an inch."""

import pytest

from img_enhance.errors import OptionError
from img_enhance.geometry import Size
from img_enhance.request.print_size import print_from_text
from img_enhance.request.step_options import RealESRGAN


@pytest.mark.parametrize(
    ("text", "size", "pixels"),
    [
        # 40 cm at 300 dots an inch are 4724.4 pixels, 30 cm 3543.3.
        ("30x40cm@300dpi", Size(400, 300), Size(4724, 3543)),
        ("40x30cm@300", Size(300, 400), Size(3543, 4724)),
        ("30x40cm", Size(600, 300), Size(4724, 2362)),
        ("8x10in@100dpi", Size(100, 100), Size(800, 800)),
        ("254 x 254 mm @ 72.5 dpi", Size(10, 20), Size(362, 725)),
        ("1x1in@10", Size(4000, 3), Size(10, 1)),
    ],
)
def test_the_largest_size_that_fits_on_the_paper(text: str, size: Size, pixels: Size) -> None:
    assert print_from_text("print", text).pixels(size) == pixels


@pytest.mark.parametrize("text", ["", "30x40", "30cm", "0x40cm", "30x40cm@0", "1.2.3x4cm", "30x40km", "99999999x1in", "30x40cm@99999dpi"])
def test_what_is_no_print_is_refused_at_once(text: str) -> None:
    with pytest.raises(OptionError, match=r"^print must be a size and dots per inch, such as 30x40cm@300dpi"):
        RealESRGAN(print=text)


def test_a_print_is_a_size_as_the_others_are() -> None:
    with pytest.raises(OptionError, match="give width or print, not both"):
        RealESRGAN(width=5, print="30x40cm")
