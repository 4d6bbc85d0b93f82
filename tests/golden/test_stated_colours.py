"""Colours said in numbers: by PNG's chunks, and by the nclx of AVIF and HEIC. The files are made here, or patched."""

import contextlib
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_pictures import Array, joined, photo_of, read, smooth, write
from test_colour import ADOBE, P3, SRGB
from test_formats import png

from img_enhance.light.colour import encoding_of
from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.av1 import sequence_colours
from img_enhance.metadata.colours import coded_colours
from img_enhance.metadata.heif import read_nclx
from img_enhance.metadata.icc import profile_problem
from img_enhance.metadata.made_profile import colours_profile
from img_enhance.photo import Metadata

HEIC = Path(__file__).parents[1] / "heic"

# Chromaticities of white, red, green and blue in hundred thousandths, as cHRM has them. Source: SMPTE EG 432-1; Adobe RGB (1998).
P3_POINTS = (31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000)
ADOBE_POINTS = (31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000)
SRGB_POINTS = (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)

# 16 bits after the point in a profile, and white points that standards round in different ways.
ROUNDING = 0.0005


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def gama(gamma: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000)))


def chrm(points: tuple[int, ...]) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *points))


def cicp(primaries: int, transfer: int, *, matrix: int = 0, full: int = 1) -> bytes:
    return chunk(b"cICP", bytes((primaries, transfer, matrix, full)))


def iccp(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"a\0\0" + zlib.compress(profile))


SRGB_CHUNK = chunk(b"sRGB", b"\0")


def made(path: Path, extra: bytes, pixels: Array | None = None) -> Path:
    samples = smooth(3, dtype="uint16") if pixels is None else pixels
    depth, colour = 8 * samples.itemsize, {1: 0, 3: 2, 4: 6}[samples.shape[2]]
    path.write_bytes(png(samples, colour=colour, depth=depth, interlaced=False, extra=extra))
    return path


def srgb_light(values: Array) -> Array:
    """Source: IEC 61966-2-1."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


CURVES: dict[str, Callable[[Array], Array]] = {"sRGB": srgb_light, "2.2": lambda x: x**2.2, "1.8": lambda x: x**1.8}


@pytest.mark.parametrize(
    ("extra", "columns", "curve"),
    [
        (cicp(12, 13), P3, "sRGB"),
        (cicp(12, 13) + iccp(colours_profile(coded_colours(9, 4), grey=False)) + SRGB_CHUNK, P3, "sRGB"),
        (chrm(P3_POINTS), P3, "sRGB"),
        (gama(1 / 2.2) + chrm(P3_POINTS), P3, "2.2"),
        (gama(1 / 2.2) + chrm(ADOBE_POINTS), ADOBE, "2.2"),
        (gama(1 / 1.8), SRGB, "1.8"),
        (gama(1 / 1.8) + chrm(SRGB_POINTS), SRGB, "1.8"),
    ],
)
def test_a_png_gets_the_profile_that_its_numbers_mean(extra: bytes, columns: Array, curve: str, tmp_path: Path) -> None:
    file, photo = read(made(tmp_path / "photo.png", extra))
    assert file.warnings == ()
    np.testing.assert_array_equal(photo.pixels, smooth(3, dtype="uint16"))
    encoding = encoding_of(photo.metadata.icc)
    np.testing.assert_allclose(encoding.to_xyz, columns, atol=ROUNDING)
    np.testing.assert_allclose(encoding.curves, np.tile(CURVES[curve](np.linspace(0, 1, 65_536)), (3, 1)), atol=1e-5)


@pytest.mark.parametrize(
    "extra",
    [b"", SRGB_CHUNK, SRGB_CHUNK + gama(1) + chrm(P3_POINTS), gama(1 / 2.2), gama(0.45455) + chrm(SRGB_POINTS), cicp(1, 13), cicp(1, 1)],
)
def test_a_png_that_says_srgb_in_whatever_way_needs_no_profile(extra: bytes, tmp_path: Path) -> None:
    file, photo = read(made(tmp_path / "photo.png", extra))
    assert file.warnings == ()
    assert photo.metadata.icc is None
    np.testing.assert_array_equal(photo.pixels, smooth(3, dtype="uint16"))


def test_a_profile_goes_before_gamma_and_primaries_and_after_cicp(tmp_path: Path) -> None:
    profile = colours_profile(coded_colours(9, 4), grey=False)
    extra = iccp(profile) + gama(1) + chrm(SRGB_POINTS)
    assert read(made(tmp_path / "with.png", extra))[1].metadata.icc == profile
    assert read(made(tmp_path / "after.png", cicp(1, 13) + extra))[1].metadata.icc is None


@pytest.mark.parametrize("extra", [gama(1), gama(1) + chrm(SRGB_POINTS), cicp(1, 8)])
def test_linear_light_is_converted_and_said(extra: bytes, tmp_path: Path) -> None:
    light = smooth(3, dtype="uint16")
    file, photo = read(made(tmp_path / "photo.png", extra, light))
    assert file.warnings == ("linear light was converted to sRGB of 16 bits",)
    assert photo.metadata.icc is None
    # littlecms rounds a profile's curve to 16 bits.
    np.testing.assert_allclose(srgb_light(photo.pixels / 65_535), light / 65_535, atol=1e-3)


def test_a_grey_png_gets_a_grey_profile(tmp_path: Path) -> None:
    pixels = smooth(1)[..., None]
    file, photo = read(made(tmp_path / "photo.png", gama(1 / 1.8), pixels))
    assert (file.warnings, photo.grey) == ((), True)
    assert photo.metadata.icc is not None
    assert profile_problem(photo.metadata.icc, channels=1) is None
    np.testing.assert_allclose(encoding_of(photo.metadata.icc).curves[0], np.linspace(0, 1, 65_536) ** 1.8, atol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_png_with_the_range_of_video_is_stretched_and_said(dtype: str, tmp_path: Path) -> None:
    unit = 1 if dtype == "uint8" else 256
    values = np.array([[[16, 16, 235, 9], [0, 255, 125, 255]]]) * unit
    file, photo = read(made(tmp_path / "photo.png", cicp(1, 13, full=0), values.astype(dtype)))
    assert "stretched to the full range" in file.warnings[0]
    white = np.iinfo(dtype).max
    middle = round((125 - 16) / 219 * white)
    np.testing.assert_array_equal(joined(photo), [[[0, 0, white, 9 * unit], [0, white, middle, 255 * unit]]])


@pytest.mark.parametrize(
    "extra",
    [cicp(3, 13), cicp(1, 17), cicp(1, 13, matrix=9), cicp(1, 13, full=2), gama(0), gama(1000), chrm((0,) * 8), chrm((31_270, 0) * 4)],
)
def test_numbers_without_a_meaning_are_left_out_and_said(extra: bytes, tmp_path: Path) -> None:
    file, photo = read(made(tmp_path / "photo.png", extra))
    assert len(file.warnings) == 1
    assert file.warnings[0].startswith("what it says of its colours was left out: ")
    assert photo.metadata.icc is None


def coded(path: Path, source: bytes, primaries: int, transfer: int) -> Path:
    """A file with its nclx changed."""
    at = source.index(b"colrnclx") + 8
    path.write_bytes(source[:at] + struct.pack(">HH", primaries, transfer) + source[at + 4 :])
    return path


def sample(ending: str, folder: Path, *, profile: bytes | None = None) -> bytes:
    if ending == ".heic":
        return (HEIC / "exact.heic").read_bytes()
    Image.fromarray(smooth(3)).save(folder / "plain.avif", quality=100, subsampling="4:4:4", icc_profile=profile)
    return (folder / "plain.avif").read_bytes()


@pytest.mark.parametrize("ending", [".avif", ".heic"])
@pytest.mark.parametrize(("codes", "columns"), [((12, 13), P3), ((1, 13), None), ((2, 2), None)])
def test_a_photo_gets_the_profile_that_its_nclx_means(ending: str, codes: tuple[int, int], columns: Array | None, tmp_path: Path) -> None:
    plain = sample(ending, tmp_path)
    (tmp_path / f"plain{ending}").write_bytes(plain)
    file, photo = read(coded(tmp_path / f"photo{ending}", plain, *codes))
    assert file.warnings == ()
    np.testing.assert_array_equal(photo.pixels, read(tmp_path / f"plain{ending}")[1].pixels)
    assert (photo.metadata.icc is None) == (columns is None)
    if columns is not None:
        np.testing.assert_allclose(encoding_of(photo.metadata.icc).to_xyz, columns, atol=ROUNDING)


def test_linear_nclx_is_converted_and_said(tmp_path: Path) -> None:
    file, photo = read(coded(tmp_path / "photo.avif", sample(".avif", tmp_path), 1, 8))
    assert "linear light was converted to sRGB of 16 bits" in file.warnings
    assert np.abs(srgb_light(photo.pixels / 65_535) * 255 - smooth(3)).max() <= 4  # AVIF's own loss


def test_a_profile_goes_before_nclx(tmp_path: Path) -> None:
    profile = colours_profile(coded_colours(9, 4), grey=False)
    _, photo = read(write(photo_of(smooth(3), Metadata(icc=profile)), tmp_path / "profile.avif", "avif"))
    assert photo.metadata.icc == profile


@pytest.mark.parametrize("with_profile", [False, True])
def test_grey_with_values_as_in_video_is_not_faded(with_profile: bool, tmp_path: Path) -> None:
    profile = colours_profile(coded_colours(9, 4), grey=False) if with_profile else None
    ramp = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    Image.fromarray(ramp).save(tmp_path / "grey.avif", quality=100, range="limited", subsampling="4:0:0", icc_profile=profile)
    file, photo = read(tmp_path / "grey.avif")
    assert file.warnings == ()
    assert np.abs(photo.pixels.astype(int) - ramp[..., None]).max() <= 1


@pytest.mark.parametrize("alpha", [False, True])
def test_grey_keeps_its_profile_of_grey(alpha: bool, tmp_path: Path) -> None:
    profile, ramp = colours_profile(coded_colours(9, 4), grey=True), np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    picture = Image.merge("LA", [Image.fromarray(ramp), Image.fromarray(255 - ramp)]) if alpha else Image.fromarray(ramp)
    picture.save(tmp_path / "grey.avif", quality=100, range="full", subsampling="4:0:0", icc_profile=profile)
    file, photo = read(tmp_path / "grey.avif")
    assert file.warnings == ()
    assert (photo.grey, photo.metadata.icc) == (True, profile)
    np.testing.assert_array_equal(photo.pixels[..., 1], ramp)
    assert (photo.alpha is not None) == alpha
    assert photo.alpha is None or np.abs(photo.alpha - (255.0 - ramp)).max() <= 1


def sequence_header(folder: Path, **options: Any) -> bytes:
    """The first OBU behind the temporal delimiter of an AVIF made with `options` of libavif."""
    Image.fromarray(smooth(3)).save(folder / "photo.avif", **options)
    data = (folder / "photo.avif").read_bytes()
    at = data.index(b"mdat") + 4 + 2
    return data[at : at + 2 + data[at + 1]]


@pytest.mark.parametrize(
    ("subsampling", "values", "full"), [("4:0:0", "limited", False), ("4:0:0", "full", True), ("4:2:0", "limited", True)]
)
def test_av1_says_the_range_of_grey_where_no_nclx_does(subsampling: str, values: str, full: bool, tmp_path: Path) -> None:
    header = sequence_header(tmp_path, subsampling=subsampling, range=values)
    file = meta(box(b"av1C", b"\x81\0\x1c\0", header), ipma=struct.pack(">IIHBB", 0, 1, 1, 1, 1))
    (tmp_path / "photo").write_bytes(file)
    assert read_nclx(tmp_path / "photo") == coded_colours(1, 13, full=full)


def test_headers_of_av1_cut_off_anywhere_are_broken_or_none(tmp_path: Path) -> None:
    header = sequence_header(tmp_path, subsampling="4:0:0")
    for count in range(len(header) - 1):
        with contextlib.suppress(BrokenMetadata):
            assert sequence_colours(header[:count]) is None


def test_grey_heic_with_values_as_in_video_is_not_faded(tmp_path: Path) -> None:
    source = bytearray((HEIC / "grey.heic").read_bytes())
    source[source.index(b"colrnclx") + 8 + 6] = 0
    (tmp_path / "video.heic").write_bytes(source)
    expected = np.clip((read(HEIC / "grey.heic")[1].pixels.astype(float) - 16) * 255 / 219, 0, 255)
    assert np.abs(read(tmp_path / "video.heic")[1].pixels - expected).max() <= 0.51


def test_an_nclx_without_a_meaning_is_left_out_and_said(tmp_path: Path) -> None:
    file, photo = read(coded(tmp_path / "photo.heic", sample(".heic", tmp_path), 1, 17))
    assert file.warnings[0].startswith("what it says of its colours was left out: ")
    assert photo.metadata.icc is None


def box(kind: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def heif(*, ipma: bytes, iref: bytes = b"", pitm: bytes = b"\0\0\0\0\0\1") -> bytes:
    """The boxes of a file whose second property is P3's nclx, and whose third is BT.2020's."""
    properties = [box(b"ispe", bytes(12))] + [box(b"colr", b"nclx", struct.pack(">HHHB", code, 13, 6, 128)) for code in (12, 9)]
    return meta(*properties, ipma=ipma, iref=iref, pitm=pitm)


def meta(*properties: bytes, ipma: bytes, iref: bytes = b"", pitm: bytes = b"\0\0\0\0\0\1") -> bytes:
    iprp = box(b"iprp", box(b"ipco", *properties), box(b"ipma", ipma))
    return box(b"ftyp", b"heic0000") + box(b"meta", bytes(4), box(b"pitm", pitm), iprp, iref) + box(b"mdat", bytes(9))


GRID = box(b"iref", bytes(4), box(b"thmb", struct.pack(">HHH", 9, 1, 1)), box(b"dimg", struct.pack(">HHHH", 1, 2, 7, 8)))


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (heif(ipma=struct.pack(">IIHBBB", 0, 1, 1, 2, 0x81, 2)), 12),
        (heif(ipma=struct.pack(">IIHBHH", 1, 1, 1, 2, 0x8001, 3)), 9),
        (heif(ipma=struct.pack(">IIIBB", 1 << 24, 1, 1, 1, 2), pitm=struct.pack(">II", 1 << 24, 1)), 12),
        (heif(ipma=struct.pack(">IIHBBHBB", 0, 2, 1, 1, 1, 7, 1, 3), iref=GRID), 9),  # a grid whose tiles say it
        (heif(ipma=struct.pack(">IIHBB", 0, 1, 5, 1, 2)), None),  # another picture's
        (box(b"ftyp", b"heic0000"), None),
    ],
)
def test_the_nclx_of_the_main_picture_is_found(file: bytes, code: int | None, tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(file)
    assert read_nclx(tmp_path / "photo") == (None if code is None else coded_colours(code, 13))


def test_boxes_cut_off_anywhere_are_none_or_broken(tmp_path: Path) -> None:
    whole = heif(ipma=struct.pack(">IIHBBHBB", 0, 2, 1, 1, 1, 7, 1, 3), iref=GRID)
    path = tmp_path / "photo"
    for count in range(len(whole)):
        path.write_bytes(whole[:count])
        try:
            assert read_nclx(path) in (None, coded_colours(9, 13))
        except BrokenMetadata:
            continue
