"""White balance: what is known of a light is taken out, what is coloured by nature stays."""

import pickle
import re
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from test_encodings import ADOBE_LIKE

from img_enhance.errors import OptionError
from img_enhance.geometry import Box
from img_enhance.light.colour import Encoding, Pixels, encoding_of, srgb
from img_enhance.light.illuminant import chromaticity, cones, cones_of_rgb, ordinary_duv
from img_enhance.light.toning import toned
from img_enhance.photo import Metadata, Photo
from img_enhance.request.step_options import WhiteBalance
from img_enhance.steps.white_balance import apply, measure, strength_asked_for

SAMPLE = Path(__file__).parents[2] / "samples" / "cat.png"
CASTS = [(2700, 0.0), (3500, 0.0), (9000, 0.0), (12000, 0.0), (6504, 0.015), (6504, -0.015)]


def cast(light: npt.NDArray[Any], encoding: Encoding, kelvin: float, duv: float = 0.0) -> npt.NDArray[Any]:
    """Linear RGB (..., 3) under this light, white keeping its luminance; `duv` is beside daylight and lamps."""
    to_cones = cones_of_rgb(encoding)
    responses = cones(chromaticity(kelvin, ordinary_duv(kelvin) + duv))
    return light @ (np.linalg.inv(to_cones) @ np.diag(responses) @ to_cones).T


def mondrian(*, seed: int = 3, brightest: float = 0.6) -> npt.NDArray[Any]:
    """(240, 320, 3) linear light of 192 patches: coloured ones, of which a third is near grey and some white."""
    random = np.random.default_rng(seed)
    reflectance = random.uniform(0.03, 0.7, (192, 1)) * np.exp(random.normal(0, 0.5, (192, 3)))
    reflectance[::3] = random.uniform(0.05, 0.9, (64, 1)) * np.exp(random.normal(0, 0.03, (64, 3)))
    reflectance[::24] = 0.95
    patches = np.clip(reflectance, 0, 1).reshape(12, 16, 3) * brightest
    return patches.repeat(20, axis=0).repeat(20, axis=1)


def photo_of(light: npt.NDArray[Any], *, depth: int = 8, icc: bytes | None = None) -> Photo:
    return Photo(encoding_of(icc).encode(light.astype(np.float32), depth), metadata=Metadata(icc=icc))


def balanced(photo: Photo, options: WhiteBalance | None = None, *, depth: int | None = None) -> Pixels:
    return apply(photo.pixels, photo.size.box, measure(photo, options or WhiteBalance()), depth or photo.depth)


def degrees(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Mean angle between colours (..., 3)."""
    cosine = (one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())


@pytest.mark.parametrize(("kelvin", "duv"), CASTS)
def test_finds_the_light_on_a_mondrian(kelvin: float, duv: float) -> None:
    light = mondrian()
    photo = photo_of(cast(light, srgb(), kelvin, duv))
    facts = measure(photo, WhiteBalance())
    answer = srgb().decode(apply(photo.pixels, photo.size.box, facts, 8))
    unclipped = (photo.pixels > 3).all(axis=-1) & (photo.pixels < 252).all(axis=-1)
    assert facts.strength > 0.9
    # The casts are 6 to 37 degrees. Patches are no photo, so the light is not quite certain, and a part of it stays.
    was = degrees(srgb().decode(photo.pixels)[unclipped], light[unclipped])
    assert degrees(answer[unclipped], light[unclipped]) < max(6.2, 0.45 * was)


@pytest.mark.parametrize("stops", [-2, -3])
@pytest.mark.parametrize("kelvin", [2700, 3500, 12000])
def test_finds_the_light_in_a_photo_that_is_dark_as_a_whole(kelvin: float, stops: float) -> None:
    facts = measure(photo_of(cast(mondrian(), srgb(), kelvin) * 2.0**stops), WhiteBalance())
    assert facts.confidence > 0.5
    assert facts.strength > 0.9
    assert abs(1e6 / facts.kelvin - 1e6 / kelvin) < 65, "mired"


@pytest.mark.parametrize("stops", [-2, -3])
def test_leaves_a_dark_photo_in_white_light_alone(stops: float) -> None:
    assert measure(photo_of(mondrian() * 2.0**stops), WhiteBalance()).confidence < 0.1


def test_a_lamp_smaller_than_the_share_that_is_white_is_measured() -> None:
    light = np.zeros((760, 760, 3))
    light[360:380, 360:380] = 0.5, 0.3, 0.1
    assert 1500 < measure(photo_of(light), WhiteBalance()).record()["kelvin"] < 6504


def test_leaves_a_mondrian_in_white_light_alone() -> None:
    photo = photo_of(mondrian())
    facts = measure(photo, WhiteBalance())
    assert facts.confidence < 0.1
    assert np.abs(balanced(photo).astype(int) - photo.pixels).max() <= 2


@pytest.mark.parametrize("kelvin", [2500, 3200, 5000, 12000])
@pytest.mark.parametrize("icc", [None, ADOBE_LIKE], ids=["srgb", "adobe"])
def test_given_temperature_undoes_that_cast(kelvin: float, icc: bytes | None) -> None:
    encoding = encoding_of(icc)
    light = mondrian(brightest=0.35)
    dimmed = cast(light, encoding, kelvin)
    photo = photo_of(dimmed, depth=16, icc=icc)
    answer = encoding.decode(balanced(photo, WhiteBalance(temperature=kelvin)))
    inside = (dimmed > 0.002).all(axis=-1) & (dimmed < 0.85).all(axis=-1)
    assert inside.mean() > 0.5
    # A just noticeable difference is about 1 % of the light; 16-bit values are far finer.
    np.testing.assert_allclose(answer[inside], light[inside], rtol=0.01, atol=1e-4)


@pytest.mark.parametrize("tint", [-60, 60])
def test_given_tint_undoes_that_cast(tint: float) -> None:
    light = mondrian(brightest=0.35)
    photo = photo_of(cast(light, srgb(), 6504, 0.0003 * tint), depth=16)
    inside = (photo.pixels > 2000).all(axis=-1) & (photo.pixels < 60000).all(axis=-1)
    answer = srgb().decode(balanced(photo, WhiteBalance(tint=tint)))
    np.testing.assert_allclose(answer[inside], light[inside], rtol=0.01, atol=1e-4)


@pytest.mark.parametrize("icc", [None, ADOBE_LIKE], ids=["srgb", "adobe"])
def test_white_of_the_photo_needs_nothing(icc: bytes | None) -> None:
    facts = measure(photo_of(mondrian(), icc=icc), WhiteBalance(temperature=6504))
    assert not facts.changes


@pytest.mark.parametrize("depth", [8, 16])
def test_grey_in_the_light_becomes_grey_of_the_same_luminance(depth: int) -> None:
    for icc in (None, ADOBE_LIKE):
        encoding = encoding_of(icc)
        ramp = np.linspace(0.02, 0.3, 50)[None, :, None] * np.ones(3)
        answer = balanced(photo_of(cast(ramp, encoding, 3000), depth=16, icc=icc), WhiteBalance(temperature=3000), depth=depth)
        # One 8-bit value of rounding; in 16 bits the rounding of the cast's own values, the faint blue times its gain.
        allowed = 1 if depth == 8 else 40
        assert (answer.max(axis=-1).astype(int) - answer.min(axis=-1)).max() <= allowed
        assert np.abs(answer.astype(int) - encoding.encode(ramp.astype(np.float32), depth)).max() <= allowed


@pytest.mark.parametrize("kelvin", [2500, 12000])
def test_clipped_white_stays_white(kelvin: float) -> None:
    white = Photo(np.full((4, 4, 3), 255, np.uint8))
    assert (balanced(white, WhiteBalance(temperature=kelvin)) == 255).all()


def test_highlights_that_clip_in_one_channel_go_to_white_without_pink() -> None:
    # Grey of rising brightness in lamp light: red clips first, then green, at last blue.
    ramp = np.linspace(0.1, 6, 200)[None, :, None] * np.ones(3)
    answer = balanced(photo_of(cast(ramp, srgb(), 3000)), WhiteBalance(temperature=3000)).astype(int)[0]
    assert (answer[-1] == 255).all()
    assert (np.diff(answer, axis=0) >= -1).all(), "brighter never becomes darker"
    assert (answer[:, 1] - answer[:, 0]).max() < 25
    assert (answer[:, 0] - answer[:, 1]).max() <= 1, "no pink"


def test_a_clipped_yellow_lamp_does_not_turn_turquoise() -> None:
    lamp = Photo(np.full((4, 4, 3), (250, 254, 229), np.uint8))
    for kelvin in (2700, 4300, 5500):
        red, green, blue = balanced(lamp, WhiteBalance(temperature=kelvin))[0, 0].astype(int)
        assert red >= green - 1
        assert red >= blue - 1
        assert min(red, green) >= 250


def test_highlights_are_closed_without_a_step() -> None:
    near = np.linspace(0.75, 1, 400)[None, :, None] * np.array([1, 0.9, 0.7])
    answer = balanced(photo_of(near, depth=16), WhiteBalance(temperature=4300), depth=16)[0].astype(int)
    # 400 colours over a third of an encoded unit: neighbours are some 50 of 65535 apart, more where the lift sets in.
    assert np.abs(np.diff(answer, axis=0)).max() < 500


def monochrome() -> npt.NDArray[Any]:
    """The lightness of a photo, in [0, 1]."""
    with Image.open(SAMPLE) as image:
        return np.asarray(image.convert("L")) / 255


def jpeg(values: npt.NDArray[Any]) -> Photo:
    """Encoded values in [0, 1] after JPEG of quality 80, whose colours are coarse."""
    file = BytesIO()
    Image.fromarray(np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)).save(file, "JPEG", quality=80)
    return Photo(np.asarray(Image.open(file)))


TONINGS = {
    "sepia": (0.8, 0.95, 1.25),
    "cyanotype": (1.6, 1.05, 0.7),
    "selenium": (0.95, 1.05, 0.98),
}


@pytest.mark.parametrize("name", TONINGS)
def test_a_toned_photo_keeps_its_colour(name: str) -> None:
    photo = jpeg(np.stack([monochrome() ** power for power in TONINGS[name]], axis=-1))
    facts = measure(photo, WhiteBalance())
    assert facts.confidence < 0.01
    assert not facts.changes


def test_a_photo_in_colour_is_not_toned_in_whatever_light() -> None:
    with Image.open(SAMPLE) as image:
        right = srgb().decode(np.asarray(image.convert("RGB")))
    counts = np.ones(right.shape[:2], bool)
    for kelvin in (2500, 4300, 6504, 12_000):
        assert toned(np.clip(cast(right, srgb(), kelvin), 0, 1).astype(np.float32), counts, srgb()) == 0
    assert toned(srgb().decode(jpeg(monochrome()[..., None] ** np.array(TONINGS["sepia"])).pixels), counts, srgb()) == 1


def test_who_asks_gets_more_than_the_confidence_and_no_more_than_all() -> None:
    strengths = [strength_asked_for(confidence) for confidence in np.linspace(0, 1, 51)]
    assert (np.diff(strengths) >= 0).all()
    assert strengths[0] < 0.001 < 0.999 < strengths[-1] <= 1
    assert strengths[25] > 0.5


def wall(hue: tuple[float, float, float]) -> Photo:
    """One coloured thing with shading and a little texture."""
    random = np.random.default_rng(1)
    shade = np.linspace(0.15, 0.6, 160)[:, None, None] * random.normal(1, 0.06, (160, 200, 1))
    return photo_of(np.clip(shade * np.array(hue) * random.normal(1, 0.02, (160, 200, 3)), 0, 1))


def sunset() -> Photo:
    """An orange sky, redder towards the horizon, over dark ground; the sun itself is white, and clipped."""
    y, x = np.mgrid[0:160, 0:240] / 160
    sky = np.array([0.55, 0.2, 0.06]) * (1 - 0.5 * y[..., None]) * np.exp(np.array([0.3, -0.2, -0.5]) * y[..., None])
    sun = (((x - 0.75) ** 2 + (y - 0.5) ** 2) < 0.004)[..., None]
    return photo_of(np.where(sun, 1, np.where(y[..., None] < 0.75, sky, np.array([0.02, 0.012, 0.01]))))


NATURAL = {
    "red wall": wall((0.8, 0.12, 0.1)),
    "green leaves": wall((0.15, 0.4, 0.05)),
    "blue sky": wall((0.2, 0.4, 0.9)),
    "sunset": sunset(),
}


@pytest.mark.parametrize("name", NATURAL)
def test_what_is_coloured_by_nature_is_changed_little(name: str) -> None:
    photo = NATURAL[name]
    unlike = degrees(srgb().decode(balanced(photo)), srgb().decode(photo.pixels))
    assert measure(photo, WhiteBalance()).confidence < 0.3
    assert unlike < 3


def test_cast_on_a_real_photo_is_found_and_a_right_one_left_alone() -> None:
    with Image.open(SAMPLE) as image:
        right = srgb().decode(np.asarray(image.convert("RGB")))
    assert measure(photo_of(right), WhiteBalance()).confidence < 0.6
    for kelvin in (2500, 3200):
        photo = photo_of(cast(right, srgb(), kelvin))
        assert measure(photo, WhiteBalance()).confidence > 0.8
        assert degrees(srgb().decode(balanced(photo)) + 1e-4, right) < 0.7 * degrees(srgb().decode(photo.pixels) + 1e-4, right)


def test_real_photo_of_natural_colours_is_left_alone(data: Path) -> None:
    with Image.open(data / "photos" / "OST_009.png") as image:
        photo = Photo(np.asarray(image.convert("RGB")))
    # Red bricks under a blue sky: the mean of the photo is far from grey.
    assert degrees(srgb().decode(balanced(photo)) + 1e-4, srgb().decode(photo.pixels) + 1e-4) < 3


def test_level_nought_changes_nothing_and_more_changes_more() -> None:
    photo = photo_of(cast(mondrian(), srgb(), 3500), depth=16)
    assert not measure(photo, WhiteBalance(enhance_level=0)).changes
    np.testing.assert_array_equal(balanced(photo, WhiteBalance(enhance_level=0)), photo.pixels)
    left = [
        degrees(srgb().decode(balanced(photo, WhiteBalance(enhance_level=level))) + 1e-4, mondrian() + 1e-4)
        for level in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert (np.diff(left) < 0).all()


@pytest.mark.parametrize("source", [np.uint8, np.uint16])
@pytest.mark.parametrize("depth", [8, 16])
def test_any_cut_into_windows_gives_the_same_pixels(source: type[np.uint8 | np.uint16], depth: int) -> None:
    random = np.random.default_rng(5)
    pixels: Pixels = random.integers(0, np.iinfo(source).max + 1, (57, 301, 3)).astype(source)
    photo = Photo(pixels)
    facts = pickle.loads(pickle.dumps(measure(photo, WhiteBalance(temperature=3300, tint=12))))
    whole = apply(pixels, photo.size.box, facts, depth)
    cut = np.zeros_like(whole)
    rows, columns = ([0, *sorted(random.choice(np.arange(1, side), 4, replace=False)), side] for side in (57, 301))
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            box = Box(int(left), int(top), int(right), int(bottom))
            cut[box.slices] = apply(pixels[box.slices], box, facts, depth)
    np.testing.assert_array_equal(cut, whole)


def test_neutral_facts_only_change_the_depth() -> None:
    deep = np.arange(65536, dtype=np.uint16).repeat(3).reshape(256, 256, 3)
    photo = Photo(deep)
    neutral = measure(photo, WhiteBalance(temperature=6504))
    np.testing.assert_array_equal(apply(deep, photo.size.box, neutral, 16), deep)
    shallow = apply(deep, photo.size.box, neutral, 8)
    np.testing.assert_array_equal(apply(shallow, photo.size.box, neutral, 16), shallow.astype(np.uint16) * 257)
    np.testing.assert_array_equal(shallow, np.rint(deep / 257))


def test_grey_photo_has_no_cast_even_when_a_light_is_given() -> None:
    photo = Photo(np.arange(48, dtype=np.uint8).repeat(3).reshape(6, 8, 3), grey=True)
    for options in (WhiteBalance(), WhiteBalance(temperature=2500)):
        facts = measure(photo, options)
        assert not facts.changes
        assert facts.unchanged == "a grey photo has no colour cast"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (WhiteBalance(temperature=6504), "the light that was given is white already"),
        (WhiteBalance(temperature=3000, enhance_level=0.001), "white_balance_enhance_level 0.001 is too little to show"),
        (WhiteBalance(temperature=3000), ""),
    ],
)
def test_says_why_nothing_changes(options: WhiteBalance, words: str) -> None:
    assert measure(photo_of(mondrian()), options).unchanged == words


def test_transparent_pixels_do_not_count() -> None:
    shown = photo_of(cast(mondrian(), srgb(), 3500)).pixels
    pixels = np.hstack([shown, np.full_like(shown, (30, 30, 200))])
    alpha = np.hstack([np.full(shown.shape[:2], 255, np.uint8), np.zeros(shown.shape[:2], np.uint8)])
    hidden = measure(Photo(pixels, alpha=alpha), WhiteBalance())
    assert hidden.kelvin == pytest.approx(3500, rel=0.05)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (7, 5), (64, 64)])
def test_photos_without_evidence_are_left_alone(shape: tuple[int, int], dtype: type[np.uint8 | np.uint16]) -> None:
    white = np.iinfo(dtype).max
    two_valued = np.zeros((*shape, 3), dtype)
    two_valued[::2, ::2] = white
    photos = [Photo(np.full((*shape, 3), value, dtype)) for value in (0, white, white // 3)]
    photos += [Photo(two_valued), Photo(np.full((*shape, 3), white // 2, dtype), alpha=np.zeros(shape, dtype))]
    for photo in photos:
        facts = measure(photo, WhiteBalance())
        assert not facts.changes
        assert re.fullmatch(r"the colours look natural: .*; white_balance_temperature names a light .*", facts.unchanged)
        assert balanced(photo, WhiteBalance(temperature=1667, tint=100), depth=16).shape == (*shape, 3)


def test_strided_photo_is_measured_as_its_copy() -> None:
    pixels = photo_of(cast(mondrian(), srgb(), 9000)).pixels
    turned = measure(Photo(pixels[::-1, ::-1]), WhiteBalance())
    assert turned.record() == measure(Photo(np.ascontiguousarray(pixels[::-1, ::-1])), WhiteBalance()).record()


def test_record_names_the_light_and_the_gains() -> None:
    record = measure(photo_of(mondrian()), WhiteBalance(temperature=3200)).record()
    assert record["kelvin"] == 3200
    assert (record["duv"], record["confidence"], record["method"]) == (0, 1, "given")
    red, green, blue = record["gains"]
    assert red < 1 < green < blue


def test_says_when_a_channel_cannot_be_brought_back() -> None:
    photo = photo_of(mondrian())
    assert measure(photo, WhiteBalance(temperature=3500)).warnings == ()
    assert "little blue" in measure(photo, WhiteBalance(temperature=1700)).warnings[0]


@pytest.mark.parametrize("wrong", [{"temperature": 1000}, {"temperature": 30_000}, {"tint": 101}, {"enhance_level": 1.5}])
def test_refuses_options_out_of_bounds(wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        WhiteBalance(**wrong)
