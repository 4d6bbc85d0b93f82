"""Writes the tiny photos on which `img-enhance doctor` proves the formats that are only read.

They are committed, because no encoder of HEIC is installed with the project.

    python -m venv /tmp/heif; /tmp/heif/bin/pip install pillow-heif==1.8.1 pillow numpy
    PYTHONPATH=src /tmp/heif/bin/python scripts/make_doctor_photos.py
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import Image

from img_enhance.doctor.picture import picture
from img_enhance.geometry import Size

FOLDER = Path(__file__).parent.parent / "src" / "img_enhance" / "doctor"
TINY = Size(48, 32)

# XYZ to linear sRGB (IEC 61966-2-1): the camera's filters see that.
MATRIX = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
WHITE = 2**14 - 1
D65 = 21
ASCII, BYTE, SHORT, LONG, RATIONAL, SIGNED_RATIONAL = 2, 1, 3, 4, 5, 10
LENGTHS = {ASCII: 1, BYTE: 1, SHORT: 2, LONG: 4, RATIONAL: 8, SIGNED_RATIONAL: 8}


def main() -> None:
    """Write them all."""
    photo = Image.fromarray(picture(TINY).pixels)
    photo.save(FOLDER / "tiny.bmp")
    photo.quantize(64).save(FOLDER / "tiny.gif")
    pillow_heif.from_pillow(photo).save(FOLDER / "tiny.heic", quality=60)
    (FOLDER / "tiny.dng").write_bytes(dng(mosaic(np.asarray(photo))))


def mosaic(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """(H, W) of what a sensor with filters in the order RGGB sees of a photo in sRGB. Source: IEC 61966-2-1 for the curve."""
    values = pixels / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = np.rint(light * WHITE).astype(np.uint16)
    filtered: npt.NDArray[np.uint16] = seen[..., 1].copy()
    filtered[::2, ::2], filtered[1::2, 1::2] = seen[::2, ::2, 0], seen[1::2, 1::2, 2]
    return filtered


def dng(values: npt.NDArray[np.uint16]) -> bytes:
    """A DNG of uncompressed numbers. Source: Digital Negative specification 1.4."""
    height, width = values.shape
    tags: dict[int, tuple[int, bytes]] = {
        254: (LONG, longs(0)),
        256: (LONG, longs(width)),
        257: (LONG, longs(height)),
        258: (SHORT, shorts(16)),
        259: (SHORT, shorts(1)),
        262: (SHORT, shorts(32803)),
        271: (ASCII, b"img-enhance\0"),
        272: (ASCII, b"doctor\0"),
        273: (LONG, longs(0)),  # where the numbers begin, filled in below
        277: (SHORT, shorts(1)),
        278: (LONG, longs(height)),
        279: (LONG, longs(values.nbytes)),
        33421: (SHORT, shorts(2, 2)),
        33422: (BYTE, bytes((0, 1, 1, 2))),
        50706: (BYTE, bytes((1, 4, 0, 0))),
        50708: (ASCII, b"img-enhance doctor\0"),
        50714: (LONG, longs(0)),
        50717: (LONG, longs(WHITE)),
        50721: (SIGNED_RATIONAL, b"".join(struct.pack("<ii", round(value * 10_000), 10_000) for value in MATRIX)),
        50728: (RATIONAL, struct.pack("<II", 1, 1) * 3),
        50778: (SHORT, shorts(D65)),
    }
    start = 8 + 2 + 12 * len(tags) + 4
    tags[273] = (LONG, longs(start + sum(len(content) for _, content in tags.values() if len(content) > 4)))
    lines, contents = b"", b""
    for tag, (kind, content) in tags.items():
        lines += struct.pack("<HHI", tag, kind, len(content) // LENGTHS[kind])
        if len(content) > 4:
            lines += longs(start + len(contents))
            contents += content
        else:
            lines += content.ljust(4, b"\0")
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + lines + longs(0) + contents + values.astype("<u2").tobytes()


def shorts(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}H", *values)


def longs(*values: Any) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


if __name__ == "__main__":
    main()
