"""A GIF whose first frame is smaller than the picture: transparent around it, no invented black."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_pictures import read

WIDTH, HEIGHT = 40, 30
COLOUR = (200, 50, 60)


def gif(frame: tuple[int, int, int, int], *, comment: bytes = b"") -> bytes:
    """A picture of WIDTH times HEIGHT with one frame of one colour at left, top, width, height."""
    left, top, width, height = frame
    picture = Image.new("P", (width, height), 1)
    picture.putpalette([255, 255, 255, *COLOUR])
    file = io.BytesIO()
    picture.save(file, "GIF", comment=comment)
    data = bytearray(file.getvalue())
    data[6:10] = struct.pack("<HH", WIDTH, HEIGHT)
    at = data.index(b"\x2c" + struct.pack("<4H", 0, 0, width, height))
    data[at + 1 : at + 5] = struct.pack("<HH", left, top)
    return bytes(data)


@pytest.mark.parametrize("frame", [(5, 6, 10, 8), (0, 0, 40, 29), (39, 29, 1, 1)])
@pytest.mark.parametrize("comment", [b"", b"a comment with , in it" * 30])
def test_there_is_nothing_around_a_small_first_frame(frame: tuple[int, int, int, int], comment: bytes, tmp_path: Path) -> None:
    path = tmp_path / "small.gif"
    path.write_bytes(gif(frame, comment=comment))
    _, photo = read(path)
    left, top, width, height = frame
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[top : top + height, left : left + width] = 255
    assert photo.alpha is not None
    np.testing.assert_array_equal(photo.alpha, expected)
    assert (photo.pixels[expected == 255] == COLOUR).all()


def test_a_whole_frame_has_no_transparency(tmp_path: Path) -> None:
    path = tmp_path / "whole.gif"
    path.write_bytes(gif((0, 0, WIDTH, HEIGHT)))
    assert read(path)[1].alpha is None
