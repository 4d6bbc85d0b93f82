"""TIFFs made by hand: channels beside the colours, and values in floating point with a colour profile."""

import struct
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from small_pictures import Array, joined, read, smooth
from test_colour import P3, SRGB, matrix_profile
from test_stated_colours import srgb_light

from img_enhance.errors import UnsupportedPhoto
from img_enhance.metadata.colours import SRGB as SRGB_COLOURS
from img_enhance.metadata.made_profile import colours_profile

GREY, RGB, CMYK = 1, 2, 5
SHORT, LONG, UNDEFINED = 3, 4, 7
LEFT_OUT = "a channel beside its colours was left out, as the file does not call it transparency"


def tiff(
    path: Path, pixels: Array, photometric: int, *, extra: tuple[int, ...] = (), profile: bytes = b"", order: Literal["<", ">"] = "<"
) -> Path:
    """A TIFF of one strip. Source: TIFF 6.0, sections 2 and 8, and 18 for ExtraSamples."""
    height, width, channels = pixels.shape
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    tags: list[tuple[int, int, tuple[int, ...] | bytes]] = [
        (256, SHORT, (width,)),
        (257, SHORT, (height,)),
        (258, SHORT, (8 * pixels.itemsize,) * channels),
        (259, SHORT, (1,)),
        (262, SHORT, (photometric,)),
        (273, LONG, (8,)),
        (277, SHORT, (channels,)),
        (278, SHORT, (height,)),
        (279, LONG, (len(data),)),
        (338, SHORT, extra),
        (339, SHORT, (3 if pixels.dtype.kind == "f" else 1,) * channels),
        (34675, UNDEFINED, profile),
    ]
    tags = [tag for tag in tags if tag[2]]
    directory = 8 + len(data) + len(data) % 2
    outside = directory + 2 + 12 * len(tags) + 4
    lines, values = struct.pack(order + "H", len(tags)), b""
    for number, kind, value in tags:
        body = value if isinstance(value, bytes) else struct.pack(f"{order}{len(value)}{'H' if kind == SHORT else 'I'}", *value)
        place = body.ljust(4, b"\0") if len(body) <= 4 else struct.pack(order + "I", outside + len(values))
        values += body + b"\0" * (len(body) % 2) if len(body) > 4 else b""
        lines += struct.pack(order + "HHI", number, kind, len(value)) + place
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, directory)
    path.write_bytes(head + data.ljust(directory - 8, b"\0") + lines + bytes(4) + values)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    ("photometric", "colours", "extra", "kept"),
    [
        (RGB, 3, (), ()),
        (RGB, 3, (2,), (3,)),
        (RGB, 3, (0,), ()),
        (RGB, 3, (0, 0), ()),
        (RGB, 3, (0, 2), (4,)),
        (RGB, 3, (2, 0), (3,)),
        (GREY, 1, (0,), ()),
        (GREY, 1, (2,), (1,)),
        (GREY, 1, (0, 0, 2), (3,)),
    ],
)
def test_only_transparency_is_taken_for_it(
    photometric: int, colours: int, extra: tuple[int, ...], kept: tuple[int, ...], dtype: str, order: Literal["<", ">"], tmp_path: Path
) -> None:
    channels = colours + len(extra)
    pixels = smooth(channels, dtype=dtype).reshape(32, 48, channels)
    file, photo = read(tiff(tmp_path / "photo.tif", pixels, photometric, extra=extra, order=order))
    assert file.warnings == (() if len(extra) == len(kept) else (LEFT_OUT,))
    assert file.header.alpha == bool(kept)
    assert photo.grey == (photometric == GREY)
    np.testing.assert_array_equal(joined(photo).reshape(32, 48, -1), pixels[..., [*range(colours), *kept]])


def test_a_spot_colour_beside_cmyk_is_left_out(tmp_path: Path) -> None:
    inks = smooth(5)
    _, plain = read(tiff(tmp_path / "plain.tif", inks[..., :4], CMYK))
    file, photo = read(tiff(tmp_path / "photo.tif", inks, CMYK, extra=(0,)))
    assert file.warnings == (LEFT_OUT, "CMYK was converted to sRGB")
    assert photo.alpha is None
    np.testing.assert_array_equal(photo.pixels, plain.pixels)


def floats(bands: int) -> Array:
    """Waves, and values below black and above white."""
    values = smooth(bands).reshape(32, 48, bands).astype(np.float32) / 255
    values[0, 0], values[0, 1] = -0.5, 1.5
    return values


@pytest.mark.parametrize("profile", [colours_profile(SRGB_COLOURS, grey=False), matrix_profile(P3, 2.2)])
@pytest.mark.parametrize("extra", [(), (2,)])
def test_floats_mean_what_their_profile_says(profile: bytes, extra: tuple[int, ...], tmp_path: Path) -> None:
    values = floats(3 + len(extra))
    file, photo = read(tiff(tmp_path / "photo.tif", values, RGB, extra=extra, profile=profile))
    assert file.warnings == ("floating-point values were brought to 16 bits; below black and above white they were cut off",)
    assert photo.metadata.icc == profile
    np.testing.assert_array_equal(joined(photo), np.rint(np.clip(values, 0, 1).astype(float) * 65_535))


def test_grey_floats_need_a_profile(tmp_path: Path) -> None:
    profile = colours_profile(SRGB_COLOURS, grey=True)
    _, photo = read(tiff(tmp_path / "photo.tif", floats(1), GREY, profile=profile))
    assert (photo.grey, photo.metadata.icc) == (True, profile)
    np.testing.assert_array_equal(photo.pixels[..., 0], np.rint(np.clip(floats(1)[..., 0], 0, 1).astype(float) * 65_535))
    with pytest.raises(UnsupportedPhoto):
        read(tiff(tmp_path / "plain.tif", floats(1), GREY))


@pytest.mark.parametrize(
    ("profile", "added"),
    [(b"", ""), (matrix_profile(SRGB, 1), ""), (bytes(600), ", without its colour profile: it is no colour profile")],
)
def test_linear_floats_are_converted_and_said(profile: bytes, added: str, tmp_path: Path) -> None:
    file, photo = read(tiff(tmp_path / "photo.tif", floats(3), RGB, profile=profile))
    assert file.warnings == ("linear floating-point light was converted to sRGB of 16 bits" + added,)
    assert photo.metadata.icc is None
    np.testing.assert_allclose(srgb_light(photo.pixels / 65_535), np.clip(floats(3), 0, 1), atol=2e-3)
