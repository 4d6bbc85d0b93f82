"""Photos of high dynamic range: white stays white, what is darker stays as it is, and it is said. The files are made here, or patched."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_pictures import Array, read, smooth
from test_colour import P3, matrix_profile
from test_stated_colours import cicp, coded, made, sample, srgb_light

from img_enhance.light.colour import encoding_of
from img_enhance.light.hdr import pq_nits, pq_values

WHITE, PEAK = 203.0, 1000.0
PQ, HLG = 16, 18

# BT.2020's primaries adapted to D50. Source: ICC's Rec2020 profile (rec2020.icc of 2015).
BT2020 = ((0.67348, 0.16566, 0.12505), (0.27904, 0.67535, 0.04561), (-0.00194, 0.02998, 0.79686))
BT2020_LUMINANCE = (0.2627, 0.6780, 0.0593)


def pq(nits: Array) -> Array:
    """16-bit values. Source: SMPTE ST 2084:2014, equation 5.1 and the numbers below it, written as decimals."""
    power = (np.asarray(nits, float) / 10_000) ** 0.1593017578125
    return np.asarray(np.rint(65_535 * ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375), np.uint16)


def hlg(nits: Array) -> Array:
    """16-bit values of light on a screen of 1000 cd/m2, (..., 3). Source: BT.2100-2, table 5: inverse OOTF, OETF."""
    light = np.asarray(nits, float) / PEAK
    luminance = np.maximum(light @ BT2020_LUMINANCE, 1e-9)[..., None]
    scene = light * luminance ** (1 / 1.2 - 1)
    curved = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.asarray(np.rint(65_535 * np.where(scene <= 1 / 12, np.sqrt(3 * scene), curved)), np.uint16)


def light_in_p3(light: Array) -> Array:
    """Light in BT.2020's primaries in those of Display P3."""
    return np.asarray(light @ (np.linalg.inv(P3) @ BT2020).T)


def shown(nits: Array, path: Path, *, transfer: int = PQ) -> Array:
    """The light, white at 1, of a PNG of BT.2020 with this light, (H, W, 3), as it is read."""
    file, photo = read(made(path, cicp(9, transfer), (pq if transfer == PQ else hlg)(nits)))
    name = "PQ" if transfer == PQ else "HLG"
    assert file.warnings == (
        f"{name} of high dynamic range was tone-mapped to the standard range (BT.2390, white at 203 cd/m2); "
        "the result is Display P3, not HDR",
    )
    np.testing.assert_allclose(encoding_of(photo.metadata.icc).to_xyz, P3, atol=0.0005)
    return srgb_light(photo.pixels / 65_535)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_a_photo_with_nothing_above_white_keeps_its_light(transfer: int, tmp_path: Path) -> None:
    light = smooth(3) / 255 * 0.9
    light[0] = 1
    expected = np.clip(light_in_p3(light), 0, 1)
    np.testing.assert_allclose(shown(light * WHITE, tmp_path / "photo.png", transfer=transfer), expected, atol=0.002)


def ramp(brightest: float) -> Array:
    """Grey from 0 to white in 100 steps, then up to the brightest: light in cd/m2, (1, 201, 3)."""
    steps = np.concatenate([np.linspace(0, WHITE, 101), np.geomspace(WHITE, max(brightest, WHITE), 101)[1:]])
    return np.repeat(steps[None, :, None], 3, 2)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_highlights_are_drawn_below_white_and_white_stays_white(transfer: int, tmp_path: Path) -> None:
    got = shown(ramp(PEAK), tmp_path / "photo.png", transfer=transfer)[0]
    assert got[200] == pytest.approx(1, abs=1e-3)
    # The curve by hand for 203 cd/m2 on a screen of 1000 shown on one of 203: 160 cd/m2.
    assert got[100] * WHITE == pytest.approx(160, abs=2)
    assert (np.diff(got[:, 0]) >= 0).all()
    assert (np.diff(got[:190, 0]) > 0).all()  # the curve ends flat
    # Below the knee, which lies at 89 cd/m2, nothing changes.
    np.testing.assert_allclose(got[:43, 0], np.linspace(0, 1, 101)[:43], atol=0.002)
    assert np.ptp(got, axis=1).max() < 1e-3


def test_a_glint_does_not_make_white_grey(tmp_path: Path) -> None:
    usual, glint = (shown(ramp(brightest), tmp_path / f"{brightest:g}.png")[0, :101] for brightest in (PEAK, 10_000))
    np.testing.assert_allclose(glint, usual, atol=1e-3)


def test_highlights_keep_their_hue(tmp_path: Path) -> None:
    orange = np.array([1.0, 0.5, 0.2]) * np.linspace(0, PEAK, 100)[1:, None]
    got = shown(orange[None], tmp_path / "photo.png")[0]
    expected = light_in_p3(orange)
    np.testing.assert_allclose(got / got[:, :1], expected / expected[:, :1], atol=0.01)


@pytest.mark.parametrize(("values", "nits"), [(0, 0), (0.5081, 100), (0.5807, 203), (0.7518, 1000), (1, 10_000)])
def test_the_curve_of_pq_agrees_with_published_values(values: float, nits: float) -> None:
    """Source: BT.2408-5, table 1 and annex 2, in per cent of PQ."""
    assert float(pq_nits(np.array(values))) == pytest.approx(nits, rel=0.002, abs=1e-6)
    assert float(pq_values(np.array(float(nits)))) == pytest.approx(values, abs=1e-4)


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_transparency_and_the_range_of_video_are_understood(depth: str, tmp_path: Path) -> None:
    unit, largest = (1, 255) if depth == "uint8" else (256, 65_535)
    full = pq(np.full((1, 9, 3), WHITE)) / 65_535 * np.linspace(0, 1, 9)[:, None]
    narrow = np.rint(full * 219 * unit + 16 * unit)
    opacity = np.rint(np.linspace(0, largest, 9)).reshape(1, 9, 1)
    _, one = read(made(tmp_path / "full.png", cicp(9, PQ), np.dstack([np.rint(full * largest), opacity]).astype(depth)))
    _, other = read(made(tmp_path / "narrow.png", cicp(9, PQ, full=0), np.dstack([narrow, opacity]).astype(depth)))
    assert one.alpha is not None
    np.testing.assert_array_equal(one.alpha[0], np.rint(opacity[0, :, 0] * (65_535 / largest)))
    # A step of 8 bits of PQ is 4 per cent of light.
    np.testing.assert_allclose(other.pixels / 65_535, one.pixels / 65_535, atol=0.02 if unit == 1 else 0.001)


def test_a_grey_photo_stays_grey(tmp_path: Path) -> None:
    _, colour = read(made(tmp_path / "colour.png", cicp(9, PQ), pq(ramp(PEAK))))
    file, grey = read(made(tmp_path / "grey.png", cicp(9, PQ), pq(ramp(PEAK))[..., :1]))
    assert grey.grey
    assert file.header.grey
    assert np.ptp(grey.pixels, axis=2).max() == 0
    assert np.abs(grey.pixels.astype(int) - colour.pixels).max() <= 2


@pytest.mark.parametrize("ending", [".avif", ".heic"])
@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_avif_and_heic_say_so_by_nclx_whatever_profile_they_carry(ending: str, transfer: int, tmp_path: Path) -> None:
    source = sample(ending, tmp_path, profile=matrix_profile(P3, 2.2) if ending == ".avif" else None)
    (tmp_path / f"plain{ending}").write_bytes(source)
    values = read(tmp_path / f"plain{ending}")[1].pixels * np.uint16(257)
    _, expected = read(made(tmp_path / "same.png", cicp(9, transfer), values))
    file, photo = read(coded(tmp_path / f"photo{ending}", source, 9, transfer))
    assert any("tone-mapped" in warning for warning in file.warnings)
    np.testing.assert_array_equal(photo.pixels, expected.pixels)


def cicp_tag(primaries: int, transfer: int) -> bytes:
    """Source: ICC.1:2022, section 10.3."""
    return b"cicp\0\0\0\0" + bytes((primaries, transfer, 0, 1))


def with_tag(profile: bytes, name: bytes, tag: bytes) -> bytes:
    """A profile with one more tag, at its end."""
    count, end = struct.unpack_from(">I", profile, 128)[0], 132
    tags = [struct.unpack_from(">4sII", profile, end + 12 * number) for number in range(count)]
    table = b"".join(struct.pack(">4sII", known, at + 12, size) for known, at, size in tags)
    table += struct.pack(">4sII", name, len(profile) + 12, len(tag))
    body = profile[4:128] + struct.pack(">I", count + 1) + table + profile[end + 12 * count :] + tag
    return struct.pack(">I", len(body) + 4) + body


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp"])
def test_a_profile_may_say_so_too(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"photo{ending}"
    values = np.full((16, 16, 3), round(0.5807 * 255), np.uint8)
    profile = with_tag(matrix_profile(P3, 2.2), b"cicp", cicp_tag(9, PQ))
    Image.fromarray(values).save(path, icc_profile=profile, quality=100)
    file, photo = read(path)
    assert any("tone-mapped" in warning for warning in file.warnings)
    assert photo.pixels.min() / 257 > 250  # white
