"""BMPs by Pillow, in a process of its own: what it cannot read, or reads wrongly, is named and not called damaged."""

import struct
from pathlib import Path

import numpy as np
import PIL
import pytest
from small_pictures import joined, read

from img_enhance.errors import UnsupportedPhoto

RLE4, BITFIELDS = 2, 3
READS_RLE4 = int(PIL.__version__.split(".")[0]) >= 13


def bmp(path: Path, data: bytes, *, bits: int, compression: int, palette: bytes = b"", masks: bytes = b"") -> Path:
    """A picture of 8 x 2 pixels. Source: Microsoft, BITMAPINFOHEADER and "Bitmap Compression"."""
    start = 14 + 40 + len(masks) + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, 8, 2, 1, bits, compression, len(data), 0, 0, len(palette) // 4, 0)
    path.write_bytes(b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + masks + palette + data)
    return path


def test_rle4_is_read_or_refused_and_never_wrong(tmp_path: Path) -> None:
    greys = np.arange(16, dtype=np.uint8) * 17
    palette = b"".join(bytes((grey, grey, grey, 0)) for grey in greys)
    # From the lowest row: 8 pixels alternating between 1 and 2; 5 of 3, then 3 as they are: 4, 5, 6.
    data = bytes((8, 0x12, 0, 0, 5, 0x33, 0, 3, 0x45, 0x60, 0, 0, 0, 1))
    path = bmp(tmp_path / "photo.bmp", data, bits=4, compression=RLE4, palette=palette)
    if not READS_RLE4:
        with pytest.raises(UnsupportedPhoto, match=r"RLE4, which Pillow .* reads wrongly; run: pip install 'pillow>=13'"):
            read(path)
        return
    rows = np.array([[3, 3, 3, 3, 3, 4, 5, 6], [1, 2] * 4])
    np.testing.assert_array_equal(joined(read(path)[1])[..., 0], greys[rows])


def test_a_layout_that_pillow_does_not_read_is_named(tmp_path: Path) -> None:
    masks = struct.pack("<III", 0x00F00000, 0x000F0000, 0x0000F000)
    path = bmp(tmp_path / "photo.bmp", bytes(8 * 2 * 4), bits=32, compression=BITFIELDS, masks=masks)
    with pytest.raises(UnsupportedPhoto, match=r"a BMP of a kind that is not taken \(Unsupported BMP bitfields layout\)"):
        read(path)
