"""Values to light and back, by the encoding of the photo's own profile."""

import struct

import numpy as np
import pytest
from PIL import ImageCms

from img_enhance.light.colour import Encoding, encoding_of, srgb
from img_enhance.metadata.icc import matrix_profile

# A Pillow sRGB profile states its curve by parameters of 16 fractional bits.
_ROUNDING = 2e-4


def profile_of(*tags: tuple[bytes, bytes], space: bytes = b"RGB ") -> bytes:
    """A small profile with these tags."""
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags:
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data
    header = bytearray(128)
    header[12:16], header[16:20], header[36:40] = b"mntr", space, b"acsp"
    struct.pack_into(">I", header, 0, start + len(body))
    return bytes(header) + table + body


def gamma(value: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(value * 256)) + bytes(2)


def xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in (x, y, z)))


ADOBE_LIKE = profile_of(
    (b"rXYZ", xyz(0.60974, 0.31111, 0.01947)),
    (b"gXYZ", xyz(0.20528, 0.62567, 0.06087)),
    (b"bXYZ", xyz(0.14919, 0.06322, 0.74457)),
    *((name, gamma(2.19921875)) for name in (b"rTRC", b"gTRC", b"bTRC")),
)


@pytest.fixture(params=["srgb", "adobe", "grey"])
def encoding(request: pytest.FixtureRequest) -> Encoding:
    grey = profile_of((b"kTRC", gamma(1.8)), space=b"GRAY")
    made: dict[str, Encoding] = {"srgb": srgb(), "adobe": encoding_of(ADOBE_LIKE), "grey": encoding_of(grey)}
    return made[request.param]


def test_profile_of_srgb_describes_srgb() -> None:
    found = encoding_of(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert found is not srgb()
    np.testing.assert_allclose(found.curves, srgb().curves, atol=_ROUNDING)
    np.testing.assert_allclose(found.to_xyz, srgb().to_xyz, atol=_ROUNDING)


def test_white_of_srgb_is_d50() -> None:
    d50 = [0.9642, 1.0, 0.8249]  # the white of the profile connection space (ICC.1:2022, 7.2.16)
    # The published matrix is rounded to five digits.
    np.testing.assert_allclose(srgb().to_xyz.sum(axis=1), d50, atol=3e-4)


def test_gamma_profile_decodes_by_its_gamma() -> None:
    half = encoding_of(ADOBE_LIKE).decode(np.full((1, 1, 3), 128, np.uint8))
    np.testing.assert_allclose(half, (128 / 255) ** 2.19921875, rtol=1e-5)


def test_grey_profile_has_its_curve_and_luminance(encoding: Encoding) -> None:
    assert encoding.luminance.sum() == pytest.approx(1)
    assert (encoding.luminance > 0).all()


@pytest.mark.parametrize("depth", [8, 16])
def test_encode_undoes_decode(encoding: Encoding, depth: int) -> None:
    every = np.arange(2**depth).astype(np.uint8 if depth == 8 else np.uint16)
    pixels = np.stack([every] * 3, axis=-1)[None]
    back = encoding.encode(encoding.decode(pixels), depth).astype(int)
    # 16-bit values near black are less than one step of the index apart in a pure gamma; two values is what the docstring promises.
    assert np.abs(back - pixels.astype(int)).max() <= (0 if depth == 8 else 2)


def test_light_outside_its_range_is_clipped(encoding: Encoding) -> None:
    light = np.array([[[-0.5, 0.0, 1.5]]], np.float32)
    np.testing.assert_array_equal(encoding.encode(light, 8), [[[0, 0, 255]]])


@pytest.mark.parametrize(
    "profile",
    [None, b"", b"nonsense", profile_of((b"A2B0", bytes(64))), profile_of((b"rTRC", gamma(2.2)))],
    ids=["none", "empty", "nonsense", "a table", "incomplete"],
)
def test_other_profiles_are_taken_for_srgb(profile: bytes | None) -> None:
    assert encoding_of(profile) is srgb()


def parametric(kind: int, *numbers: float) -> bytes:
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + struct.pack(f">{len(numbers)}i", *(round(n * 65536) for n in numbers))


@pytest.mark.parametrize(
    ("tag", "at_half"),
    [
        (b"curv" + bytes(4) + struct.pack(">I", 0), 0.5),
        (b"curv" + bytes(4) + struct.pack(">I3H", 3, 0, 16384, 65535), 0.25),
        (parametric(0, 2.0), 0.25),
        (parametric(1, 2.0, 1.5, -0.5), 0.0625),
        (parametric(2, 1.0, 1.0, 0.0, 0.1), 0.6),
        (parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045), 0.21404),
        (parametric(4, 1.0, 0.5, 0.0, 1.0, 0.6, 0.3, 0.05), 0.55),
    ],
)
def test_every_kind_of_curve_is_read(tag: bytes, at_half: float) -> None:
    found = matrix_profile(profile_of((b"kTRC", tag), space=b"GRAY"), 3)
    assert found is not None
    assert found[0][0, 1] == pytest.approx(at_half, abs=1e-3)


@pytest.mark.parametrize("tag", [b"", b"curv", b"curv" + bytes(4) + struct.pack(">I", 10**6), parametric(4, 1.0), b"mft2" + bytes(40)])
def test_damaged_curve_is_no_curve(tag: bytes) -> None:
    assert matrix_profile(profile_of((b"kTRC", tag), space=b"GRAY"), 3) is None
