import struct
import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageCms

from img_enhance.metadata.colours import BT709, Colours, Curve
from img_enhance.metadata.icc import is_linear, matrix_profile, profile_problem
from img_enhance.metadata.made_profile import colours_profile

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# Of the processor, because machines are shared; what grows with the square takes minutes.
SECONDS = 10.0

XYZ = {
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7142),
    b"wtpt": (0.9642, 1.0, 0.8249),
}


def curve(*points: int) -> bytes:
    return b"curv" + bytes(4) + struct.pack(f">I{len(points)}H", len(points), *points)


def parametric(gamma: float, kind: int = 0) -> bytes:
    return b"para" + bytes(4) + struct.pack(">HHi", kind, 0, round(gamma * 65536)) + bytes(24 if kind else 0)


def fixed(numbers: Iterable[float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def profile(tags: dict[bytes, bytes], *, space: bytes = b"RGB ", kind: bytes = b"mntr") -> bytes:
    """A profile of version 2 with these tags."""
    table, data = b"", b""
    start = 132 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    body = struct.pack(">I", len(tags)) + table + data
    head = struct.pack(">I", 128 + len(body)) + b"lcms\x02\x10\0\0" + kind + space + b"XYZ " + bytes(12) + b"acsp" + bytes(28)
    head += struct.pack(">iii", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + body


def matrix(red: bytes, green: bytes | None = None, blue: bytes | None = None) -> bytes:
    text = b"desc" + bytes(4) + struct.pack(">I", 2) + b"x\0" + bytes(78)
    curves = {b"rTRC": red, b"gTRC": green or red, b"bTRC": blue or red}
    return profile({b"desc": text, b"cprt": b"text" + bytes(4) + b"x\0", **{name: fixed(xyz) for name, xyz in XYZ.items()}, **curves})


GREY = profile({b"wtpt": fixed(XYZ[b"wtpt"]), b"kTRC": curve(0x0233)}, space=b"GRAY")
LINEAR = matrix(curve())


def test_good_profiles_have_no_problem() -> None:
    assert profile_problem(SRGB, channels=3) is None
    assert profile_problem(LINEAR, channels=3) is None
    assert profile_problem(GREY, channels=1) is None
    assert profile_problem(SRGB + bytes(100), channels=3) is None, "padding"


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (b"", "0 bytes"),
        (SRGB[:127], "127 bytes"),
        (bytes(131), "131 bytes"),
        (SRGB + bytes(4 << 20), "bytes, allowed"),
        (SRGB[:-4], "says"),
        (SRGB + b"something else", "says"),
        (SRGB[:36] + b"acsq" + SRGB[40:], "no colour profile"),
        (SRGB[:12] + b"link" + SRGB[16:], "class 'link'"),
        (SRGB[:16] + b"CMYK" + SRGB[20:], "'CMYK'"),
        (SRGB[:16] + b"\x1b[1m" + SRGB[20:], "colour space '\\\\x1b"),
        (SRGB[:128] + b"\xff\xff\xff\xff" + SRGB[132:], "table"),
        (SRGB[:136] + b"\xff\xff\xff\xf0" + SRGB[140:], "table"),
        (SRGB[:140] + b"\xff\xff\xff\xf0" + SRGB[144:], "table"),
        (profile({}), "littlecms"),
        (profile({b"rTRC": curve()}), "littlecms"),
        (matrix(b"????" + bytes(40)), "littlecms"),
    ],
)
def test_the_problem_is_put_in_words(broken: bytes, words: str) -> None:
    problem = profile_problem(broken, channels=3)
    assert problem is not None
    assert words in problem.replace("\\", "\\\\")
    assert problem.isascii()


@pytest.mark.parametrize("channels", [0, 1, 2, 4, 5])
def test_the_colour_space_must_fit_the_channels(channels: int) -> None:
    assert profile_problem(SRGB, channels=channels) is not None
    if channels != 1:
        assert profile_problem(GREY, channels=channels) is not None


@pytest.mark.parametrize(
    "line",
    [
        curve(),
        curve(0x0100),
        parametric(1.0),
        curve(0, 65535),
        curve(*(round(n * 65535 / 1023) for n in range(1024))),
        curve(*(257 * round(n * 255 / 99) for n in range(100))),
    ],
)
def test_straight_lines_are_linear(line: bytes) -> None:
    assert is_linear(matrix(line))


@pytest.mark.parametrize(
    "bent",
    [
        curve(0x0233),
        curve(0x0101),
        parametric(2.2),
        parametric(1.0, kind=3),
        curve(65535, 0),
        curve(*(round((n / 255) ** 1.01 * 65535) for n in range(256))),
        curve(0, 65535)[:-1],
        b"curv" + bytes(4) + b"\xff\xff\xff\xff",
        b"para" + bytes(8),
        b"mft2" + bytes(8),
        b"",
    ],
)
def test_other_curves_are_not(bent: bytes) -> None:
    assert not is_linear(matrix(bent))
    assert not is_linear(matrix(curve(), curve(), bent or b"?"))


def test_only_rgb_matrix_profiles_can_be_linear() -> None:
    assert not is_linear(SRGB)
    assert not is_linear(GREY)
    assert not is_linear(LINEAR.replace(b"rXYZ", b"zXYZ"))
    assert not is_linear(LINEAR.replace(b"wtpt", b"A2B0")), "a table wins over the matrix"
    assert not is_linear(LINEAR.replace(b"RGB ", b"CMYK"))


def test_a_profile_cut_anywhere_is_refused_and_not_linear() -> None:
    for end in range(len(LINEAR)):
        assert profile_problem(LINEAR[:end], channels=3) is not None
        assert not is_linear(LINEAR[:end])


def test_a_profile_forged_anywhere_raises_nothing() -> None:
    for good in (SRGB, LINEAR):
        for at in range(0, len(good), 4):
            for forged in (b"\xff\xff\xff\xff", bytes(4), b"\0\0\0\x01"):
                blob = (good[:at] + forged + good[at + 4 :])[: len(good)]
                start = time.process_time()
                profile_problem(blob, channels=3)
                is_linear(blob)
                assert time.process_time() - start < SECONDS


@given(st.integers(0, len(SRGB)), st.binary(max_size=300))
def test_random_bytes_raise_nothing(end: int, rest: bytes) -> None:
    blob = SRGB[:end] + rest
    profile_problem(struct.pack(">I", len(blob)) + blob[4:], channels=3)
    is_linear(blob)


def test_the_lightness_of_a_grey_profile_is_light() -> None:
    profile = colours_profile(Colours(BT709, Curve(1.0)), grey=True)
    found = matrix_profile(profile[:20] + b"Lab " + profile[24:], 101)
    assert found is not None
    # Of the lightnesses 0, 8 and 50 (CIE 15:2004).
    assert [found[0][0][at] for at in (0, 8, 50, 100)] == pytest.approx([0, 0.008856, 0.184187, 1], abs=2e-5)
