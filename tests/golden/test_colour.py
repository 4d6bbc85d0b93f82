"""Colour: RGB stays in its own encoding with its profile; what cannot is converted to sRGB, and said."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms
from small_pictures import Array, photo_of, read, smooth, vips, write

from img_enhance.engine import Engine
from img_enhance.metadata.colours import BT709, Colours, Curve
from img_enhance.metadata.made_profile import colours_profile
from img_enhance.photo import WRITTEN, Metadata, format_named
from img_enhance.request.options import Output
from img_enhance.request.recipe import Recipe

# D50-adapted primaries, columns of RGB to XYZ. Source: Adobe RGB (1998) encoding, section 4; SMPTE EG 432-1 for Display P3.
ADOBE = ((0.60974, 0.20528, 0.14919), (0.31111, 0.62567, 0.06322), (0.01947, 0.06087, 0.74457))
P3 = ((0.51512, 0.29198, 0.15710), (0.24120, 0.69225, 0.06657), (-0.00105, 0.04189, 0.78407))
SRGB = ((0.43607, 0.38515, 0.14307), (0.22249, 0.71687, 0.06061), (0.01392, 0.09708, 0.71410))
WHITE = (0.9642, 1.0, 0.8249)
LARGEST_DELTA_E = 1.0


def matrix_profile(columns: tuple[tuple[float, ...], ...], gamma: float) -> bytes:
    """A profile of three primaries and one curve. Source: ICC.1:2001-04, sections 6.1, 6.3.1."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65_536))

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(fixed(value) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78 + 5)
    tags = {b"desc": text + bytes(-len(text) % 4), b"cprt": b"text\0\0\0\0none\0\0\0\0", b"wtpt": xyz(WHITE)}
    for number, colour in enumerate("rgb"):
        tags[f"{colour}XYZ".encode()] = xyz(tuple(row[number] for row in columns))
        tags[f"{colour}TRC".encode()] = curve
    at, table, body = 132 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        table += struct.pack(">4sII", name, at + len(body), len(value))
        body += value
    header = bytearray(128)
    header[8:12], header[12:24], header[36:40] = b"\2\x20\0\0", b"mntrRGB XYZ ", b"acsp"
    header[24:36] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    header[68:80] = b"".join(fixed(value) for value in WHITE)
    header[:4] = struct.pack(">I", at + len(body))
    return bytes(header) + struct.pack(">I", len(tags)) + table + body


PROFILES = {
    "Adobe RGB": (matrix_profile(ADOBE, 2.19921875), ADOBE, 2.19921875),
    "Display P3": (matrix_profile(P3, 2.2), P3, 2.2),
}


def lab(pixels: Array, columns: tuple[tuple[float, ...], ...], gamma: float) -> Array:
    """CIELAB (D50) of encoded RGB, 0 to 1."""
    xyz = np.clip(pixels, 0, 1) ** gamma @ np.array(columns).T / np.array(WHITE)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def delta_e(one: Array, other: Array) -> Array:
    """CIEDE2000. Source: Sharma, Wu and Dalal, Color Research and Application 30 (2005)."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    mean_c = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)))
    c1, c2 = np.hypot((1 + g) * a1, b1), np.hypot((1 + g) * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, (1 + g) * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = h2 - h1
    turn = np.where(c1 * c2 == 0, 0, np.where(turn > 180, turn - 360, np.where(turn < -180, turn + 360, turn)))
    delta_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    apart = np.abs(h1 - h2) > 180
    mean_h = np.where(c1 * c2 == 0, h1 + h2, (h1 + h2 + np.where(apart, np.where(h1 + h2 < 360, 360, -360), 0)) / 2)
    t = 1 - 0.17 * _cos(mean_h - 30) + 0.24 * _cos(2 * mean_h) + 0.32 * _cos(3 * mean_h + 6) - 0.2 * _cos(4 * mean_h - 63)
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    angle = 30 * np.exp(-(((mean_h - 275) / 25) ** 2))
    r = -np.sin(np.radians(2 * angle)) * 2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    light, chroma, hue = (l2 - l1) / s_l, (c2 - c1) / s_c, delta_h / s_h
    return np.asarray(np.sqrt(np.maximum(light**2 + chroma**2 + hue**2 + r * chroma * hue, 0)))


def _cos(degrees: Array) -> Array:
    return np.asarray(np.cos(np.radians(degrees)))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1, 2), (50, 0, 0), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((90.8027, -2.0831, 1.441), (91.1528, -1.6435, 0.0447), 1.4441),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_measure_of_colour_agrees_with_its_published_pairs(one: Array, other: Array, expected: float) -> None:
    assert float(delta_e(np.array(one, float), np.array(other, float))) == pytest.approx(expected, abs=1e-4)


def saturated() -> Array:
    """Patches at the corners of the gamut and between, with soft edges."""
    corners = np.array([(r, g, b) for r in (0, 255) for g in (0, 255) for b in (0, 255)], np.uint8).reshape(2, 4, 3)
    return np.kron(corners, np.ones((8, 8, 1), np.uint8))


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("format", [entry.name for entry in WRITTEN])
def test_rgb_keeps_its_encoding_and_its_profile(name: str, format: str, engine: Engine, recipe: Recipe, tmp_path: Path) -> None:
    profile, columns, gamma = PROFILES[name]
    path = tmp_path / "photo.png"
    Image.fromarray(saturated()).save(path, icc_profile=profile)
    result = engine.enhance(path, recipe)
    plain = engine.enhance(photo_of(saturated()), recipe)
    assert result.warnings == ()
    np.testing.assert_array_equal(result.photo.pixels, plain.photo.pixels)  # no profile changes a value
    out = tmp_path / f"result.{format}"
    result.save(out)
    with Image.open(out) as picture:
        # JPEG XL with loss describes the primaries of a profile that it knows instead of keeping it.
        assert format == "jxl" or picture.info["icc_profile"] == profile
        got = np.asarray(picture.convert("RGB")) / 255
    # Inside the patches; a format with loss smears their edges, and WebP halves the resolution of colour.
    inner = np.kron(np.ones((2, 4)), np.pad(np.ones((16, 16)), 8)).astype(bool)
    difference = delta_e(lab(got, columns, gamma), lab(plain.photo.pixels / 255, columns, gamma))
    most = LARGEST_DELTA_E if format in ("png", "tiff") else 3 * LARGEST_DELTA_E
    assert difference[inner].mean() <= LARGEST_DELTA_E
    assert np.percentile(difference[inner], 95) <= most


@pytest.mark.parametrize("name", PROFILES)
def test_flat_saturated_colours_stay_the_colours_they_are(name: str, engine: Engine, recipe: Recipe) -> None:
    _, columns, gamma = PROFILES[name]
    for colour in [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (180, 30, 90)]:
        flat = np.full((16, 16, 3), colour, np.uint8)
        got = engine.enhance(photo_of(flat, Metadata(icc=PROFILES[name][0])), recipe).photo.pixels[16:-16, 16:-16]
        difference = delta_e(lab(got / 255, columns, gamma), lab(np.array(colour) / 255, columns, gamma))
        # The network's own error in flat colour, which no profile can change; measured: 2.1 at most.
        assert np.median(difference) <= 3


def converted(picture: Image.Image, profile: bytes) -> Array:
    """Pillow's conversion to sRGB, which is told the profile by us."""
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    answer = ImageCms.profileToProfile(picture, source, target, renderingIntent=intent, outputMode="RGB")
    assert answer is not None
    return np.asarray(answer).astype(int)


@pytest.mark.parametrize("ending", ["jpg", "tif"])
@pytest.mark.parametrize("embedded", [False, True])
def test_cmyk_is_converted_and_said(ending: str, embedded: bool, tmp_path: Path) -> None:
    profile = bytes(pyvips.Image.profile_load("cmyk"))
    inks = smooth(4)
    picture = Image.fromarray(inks, "CMYK")
    path = tmp_path / f"photo.{ending}"
    picture.save(path, quality=100, subsampling="4:4:4", icc_profile=profile if embedded else None)
    file, photo = read(path)
    assert file.warnings == ("CMYK was converted to sRGB",)
    assert photo.metadata.icc is None
    with Image.open(path) as stored:
        expected = converted(stored, profile)
    assert np.abs(photo.pixels - expected).max() <= 2


def test_cmyk_with_a_broken_profile_is_converted_with_the_built_in_one(tmp_path: Path) -> None:
    picture = Image.fromarray(smooth(4), "CMYK")
    picture.save(tmp_path / "plain.tif")
    picture.save(tmp_path / "broken.tif", icc_profile=b"broken" * 100)
    plain, (file, broken) = read(tmp_path / "plain.tif")[1], read(tmp_path / "broken.tif")
    assert file.warnings == ("CMYK was converted to sRGB, without its colour profile: it has 600 bytes and says 1651666795",)
    np.testing.assert_array_equal(plain.pixels, broken.pixels)


def test_cmyk_of_16_bits_is_converted_to_16_bits(tmp_path: Path) -> None:
    inks = smooth(4, dtype="uint16")
    vips(inks).copy(interpretation="cmyk").tiffsave(str(tmp_path / "photo.tif"))
    eight = vips((inks // 257).astype(np.uint8)).copy(interpretation="cmyk")
    file, photo = read(tmp_path / "photo.tif")
    assert file.header.depth == 16
    expected = eight.icc_transform("srgb", input_profile="cmyk", intent="relative").numpy()
    assert np.abs(photo.pixels / 257 - expected).max() <= 2


@pytest.mark.parametrize("kind", ["lab", "labs", "8 bits"])
def test_cielab_is_converted_and_said(kind: str, tmp_path: Path) -> None:
    rgb = smooth(3)
    path = tmp_path / "photo.tif"
    if kind == "8 bits":
        values = vips(rgb).colourspace("lab").numpy()
        stored = np.rint(np.stack([values[..., 0] * 2.55, values[..., 1] + 128, values[..., 2] + 128], 2)).astype(np.uint8)
        picture = Image.merge("LAB", [Image.fromarray(np.ascontiguousarray(stored[..., band])) for band in range(3)])
        picture.save(path)
    else:
        vips(rgb).colourspace(kind).tiffsave(str(path))
    file, photo = read(path)
    assert file.warnings == ("CIELAB was converted to sRGB",)
    # 8 bits of CIELAB are coarser than those of sRGB.
    assert np.abs(photo.pixels / 257 - rgb).max() <= (6 if kind == "8 bits" else 1)


def test_linear_rgb_is_converted_to_srgb_of_16_bits_and_said(tmp_path: Path) -> None:
    rgb = smooth(3, dtype="uint16")
    profile = matrix_profile(SRGB, 1.0)
    write(photo_of(rgb, Metadata(icc=profile)), tmp_path / "photo.png", "png")
    file, photo = read(tmp_path / "photo.png")
    assert "linear light was converted to sRGB of 16 bits" in file.warnings
    assert photo.metadata.icc is None
    linear = rgb / 65_535
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
    assert np.abs(photo.pixels / 65_535 - expected).max() <= 2 / 255


def of_grey(*, by: str) -> bytes:
    """A profile of grey with gamma 1.5, to `by`: light or lightness."""
    profile = colours_profile(Colours(BT709, Curve(1.5)), grey=True)
    return profile if by == "light" else profile[:20] + b"Lab " + profile[24:]


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("by", ["light", "lightness"])
@pytest.mark.parametrize("format", [entry.name for entry in WRITTEN])
def test_grey_keeps_its_tones_in_formats_that_hold_no_grey_too(format: str, by: str, depth: int, tmp_path: Path) -> None:
    grey, profile = smooth(1, dtype=f"uint{depth}"), of_grey(by=by)
    output = Output(lossless=True) if format in ("webp", "avif", "jxl") else None
    write(photo_of(grey, Metadata(icc=profile)), tmp_path / "photo", format, output)
    _, photo = read(tmp_path / "photo")
    assert photo.metadata.icc is not None
    assert photo.grey == format_named(format).grey
    shown = converted(Image.fromarray(eight_bits(grey)), profile)
    again = Image.fromarray(eight_bits(photo.pixels[..., 0] if photo.grey else photo.pixels))
    # AVIF without loss and JPEG are exact within a level or two, which this curve spreads where it is steep.
    assert np.abs(converted(again, photo.metadata.icc) - shown).max() <= 3


def eight_bits(pixels: Array) -> Array:
    return pixels if pixels.dtype == np.uint8 else np.rint(pixels / 257).astype(np.uint8)


def test_a_profile_of_another_kind_of_photo_is_dropped(tmp_path: Path) -> None:
    profile = PROFILES["Adobe RGB"][0]
    Image.fromarray(smooth(1)).save(tmp_path / "grey.tif", icc_profile=profile)
    file, photo = read(tmp_path / "grey.tif")
    assert photo.metadata.icc is None
    assert "colour profile was dropped" in file.warnings[0]


def test_a_profile_of_version_4_or_2_made_by_others_is_kept(tmp_path: Path) -> None:
    profile = bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    Image.fromarray(smooth(3)).save(tmp_path / "photo.png", icc_profile=profile)
    assert read(tmp_path / "photo.png")[1].metadata.icc == profile
