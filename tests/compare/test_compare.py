"""Before/after sheets: exact geometry, true colours, bounded memory, plain words."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
from PIL import ImageCms

from img_enhance.compare import layout as layouts
from img_enhance.compare import sheet
from img_enhance.compare.display import CHECKERBOARD, preview, transform_of, view
from img_enhance.compare.drawing import srgb_profile
from img_enhance.compare.files import steps_between, steps_of
from img_enhance.compare.histogram import Histogram, drawn, histogram, peak
from img_enhance.compare.layout import DETAIL, MARGIN, Layout, lay_out
from img_enhance.compare.region import detailed_region, matching_part, same_shape
from img_enhance.compare.text import SMALL, fitted, font, plain, wrapped
from img_enhance.errors import OptionError
from img_enhance.geometry import Box, Size
from img_enhance.machine.canvas import new_canvas, scratch_folder
from img_enhance.machine.memory import Peak, anonymous_bytes
from img_enhance.metadata.xmp import with_note
from img_enhance.photo import Metadata, Photo
from img_enhance.request.options import CompareOptions

Pixels = npt.NDArray[Any]
LAYOUTS = tuple(DETAIL)

# What a sheet of a photo of any size may need: the sheet itself a few times over, strips and the sample of the histogram.
_MOST_MEMORY = 100_000_000


def noise(width: int, height: int, *, depth: int = 8, alpha: bool = False, seed: int = 0) -> Photo:
    random = np.random.RandomState(seed)
    dtype, white = (np.uint16, 65_536) if depth == 16 else (np.uint8, 256)
    pixels: Pixels = random.randint(0, white, (height, width, 3)).astype(dtype)
    opacity: Pixels | None = random.randint(0, white, (height, width)).astype(dtype) if alpha else None
    return Photo(pixels, opacity)


def profile(name: str) -> bytes:
    if name == "littlecms":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return bytes(pyvips.Image.profile_load(name))


def plan_of(layout: str, detail: Size, *, whole: bool = True, lines: int = 0) -> Layout:
    return lay_out(layout, detail, (Size(300, 200), Size(1200, 800)), whole=whole, lines=lines)


def made(before: Photo, after: Photo, **options: Any) -> Photo:
    return sheet(before, after, before_name="a.png", after_name="b.png", **options)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_detail_is_the_result_bit_for_bit(layout: str) -> None:
    before, after, region = noise(60, 45), noise(240, 180, seed=1), Box(31, 17, 171, 137)
    page = made(before, after, layout=layout, region=region)
    plan = lay_out(layout, region.size, (before.size, after.size), whole=True, lines=0)
    assert page.size == plan.size
    expected = after.pixels[region.slices]
    found = page.pixels[plan.detail[1].slices]
    if plan.divider is None or plan.divider_line is None:
        np.testing.assert_array_equal(found, expected)
    else:
        start = plan.divider_line.right - plan.detail[1].left
        np.testing.assert_array_equal(found[:, start:], expected[:, start:])


def test_split_shows_before_left_of_its_divider_and_after_right_of_it() -> None:
    dark, light = (Photo(np.full((90, 120, 3), value, np.uint8)) for value in (60, 200))
    page, plan = made(dark, light, layout="split"), plan_of("split", Size(120, 90), whole=False)
    box, line = plan.detail[0], plan.divider_line
    assert line is not None
    assert plan.divider == box.left + 60
    assert line == Box(plan.divider - 2, box.top, plan.divider + 2, box.bottom)
    assert (page.pixels[box.top : box.bottom, box.left : line.left] == 60).all()
    assert (page.pixels[box.top : box.bottom, line.right : box.right] == 200).all()
    assert (page.pixels[box.top : box.bottom, plan.divider] == 255).all()


@pytest.mark.parametrize(("layout", "width"), [("side-by-side", 2 * 900 + 24), ("split", 1824), ("stacked", 1824)])
def test_boxes_lie_on_the_sheet_apart_from_each_other(layout: str, width: int) -> None:
    plan = plan_of(layout, DETAIL[layout], lines=3)
    assert plan.whole is not None
    assert plan.size.width == width + 2 * MARGIN
    pictures = {*plan.titles, *plan.whole, *plan.histograms, *plan.captions, *plan.detail, plan.steps, plan.remarks}
    for box in pictures:
        assert MARGIN <= box.left < box.right <= plan.size.width - MARGIN
        assert MARGIN <= box.top < box.bottom <= plan.size.height - MARGIN
    for one, other in itertools.combinations(pictures, 2):
        apart = one.right <= other.left or other.right <= one.left or one.bottom <= other.top or other.bottom <= one.top
        assert apart, (one, other)
    assert plan.detail[1].size == DETAIL[layout]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sizes", list(itertools.product([(1, 1), (3000, 30), (3, 1000), (70, 50)], repeat=2)))
def test_any_two_sizes_make_a_sheet(sizes: tuple[tuple[int, int], tuple[int, int]], layout: str) -> None:
    before, after = noise(*sizes[0], depth=16), noise(*sizes[1], alpha=True)
    page = made(before, after, layout=layout)
    assert page.pixels.dtype == np.uint8
    assert page.size.width >= layouts.LEAST_WIDTH


def test_overview_shows_all_of_both_reduced_to_fit() -> None:
    after = Photo(np.repeat(np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 1000, 0), 10, 1).repeat(3, 2))
    page = made(after, after, overview=True)
    plan = plan_of("side-by-side", Size(900, 450), whole=False)
    row = page.pixels[plan.detail[1].slices][200, :, 0]
    assert plan.whole is None
    assert abs(int(row[0])) <= 1
    assert abs(int(row[-1]) - 199) <= 1


def test_a_photo_that_changed_in_light_only_is_shown_at_its_own_size() -> None:
    before = noise(90, 70)
    page = made(before, Photo(255 - before.pixels))
    box = plan_of("side-by-side", Size(90, 70), whole=False).detail[0]
    np.testing.assert_array_equal(page.pixels[box.slices], before.pixels)


def test_photos_are_not_modified_and_a_sheet_is_the_same_every_time() -> None:
    before, after = noise(30, 20, alpha=True), noise(60, 40, seed=1, depth=16)
    copies = before.pixels.copy(), after.pixels.copy()
    first, second = made(before, after), made(before, after)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.metadata == second.metadata
    np.testing.assert_array_equal(before.pixels, copies[0])
    np.testing.assert_array_equal(after.pixels, copies[1])


def test_sheet_says_that_it_is_srgb() -> None:
    page = made(noise(4, 3), noise(8, 6))
    assert page.metadata.icc == srgb_profile()
    assert transform_of(page) is None


@pytest.mark.parametrize("name", ["srgb", "littlecms"])
def test_photo_with_a_profile_of_srgb_keeps_its_pixels(name: str) -> None:
    photo = dataclasses.replace(noise(40, 30), metadata=Metadata(icc=profile(name)))
    np.testing.assert_array_equal(view(photo, (0, 0, 40, 30), Size(40, 30)), photo.pixels)


def test_display_p3_is_shown_as_the_colour_it_stands_for() -> None:
    photo = Photo(np.full((9, 9, 3), (204, 102, 77), np.uint8), metadata=Metadata(icc=profile("p3")))
    np.testing.assert_allclose(view(photo, (0, 0, 9, 9), Size(9, 9))[4, 4], _p3_in_srgb((204, 102, 77)), atol=1)
    page = made(photo, photo)
    box = plan_of("side-by-side", Size(9, 9), whole=False).detail[1]
    np.testing.assert_allclose(page.pixels[box.slices][4, 4], _p3_in_srgb((204, 102, 77)), atol=1)


def _p3_in_srgb(colour: tuple[int, int, int]) -> npt.NDArray[np.float64]:
    """By the linear matrix between the primaries. Source: CSS Color 4, sample code for Display P3 to sRGB."""
    values = np.array(colour) / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[1.2249401, -0.2249402, 0.0], [-0.0420569, 1.0420571, 0.0], [-0.0196376, -0.0786361, 1.0982736]])
    light = matrix @ light
    return np.asarray(255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055), np.float64)


def test_a_profile_that_cannot_be_used_is_left_aside() -> None:
    photo = dataclasses.replace(noise(8, 8), metadata=Metadata(icc=b"no profile" * 40))
    np.testing.assert_array_equal(view(photo, (0, 0, 8, 8), Size(8, 8)), photo.pixels)
    assert made(photo, photo).size.width > 0


def test_sixteen_bits_are_rounded_to_eight() -> None:
    values = np.array([0, 128, 129, 32_768, 65_406, 65_407, 65_535], np.uint16)
    photo = Photo(np.repeat(values[None, :, None], 3, axis=2))
    assert view(photo, (0, 0, 7, 1), Size(7, 1))[0, :, 0].tolist() == [0, 0, 1, 128, 254, 255, 255]


def test_transparency_is_laid_on_a_checkerboard() -> None:
    photo = Photo(np.full((30, 30, 3), 90, np.uint8), np.zeros((30, 30), np.uint8))
    shown = view(photo, (0, 0, 30, 30), Size(30, 30))
    assert sorted(np.unique(shown)) == sorted(CHECKERBOARD)
    opaque = dataclasses.replace(photo, alpha=np.full((30, 30), 255, np.uint8))
    np.testing.assert_array_equal(view(opaque, (0, 0, 30, 30), Size(30, 30)), opaque.pixels)


@pytest.mark.parametrize("size", [Size(37, 21), Size(5, 3), Size(1, 1), Size(400, 300)])
def test_view_of_a_turned_photo_is_the_turned_view(size: Size) -> None:
    photo = noise(120, 90, alpha=True)
    assert photo.alpha is not None
    turned = Photo(photo.pixels.swapaxes(0, 1)[:, ::-1], photo.alpha.T[:, ::-1])
    straight = Photo(np.ascontiguousarray(turned.pixels), np.ascontiguousarray(turned.alpha))
    found = view(turned, (3, 5, 83, 105), size)
    np.testing.assert_allclose(found.astype(int), view(straight, (3, 5, 83, 105), size), atol=1)


def test_reduced_view_is_the_mean_whatever_the_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = np.linspace(0, 255, 997).round().astype(np.uint8)
    photo = Photo(np.repeat(np.repeat(ramp[:, None, None], 301, 1), 3, 2))
    whole = view(photo, (0, 0, 301, 997), Size(13, 41))
    expected = np.interp((np.arange(41) + 0.5) / 41 * 997 - 0.5, np.arange(997), ramp)
    np.testing.assert_allclose(whole[2:-2, 6, 0], expected[2:-2], atol=1.5)
    monkeypatch.setattr("img_enhance.compare.display._STRIP_PIXELS", 5000)
    np.testing.assert_array_equal(view(photo, (0, 0, 301, 997), Size(13, 41)), whole)


def test_a_preview_changes_nothing_but_the_size_of_large_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = dataclasses.replace(noise(90, 60, alpha=True, depth=16), metadata=Metadata(icc=profile("p3")))
    assert preview(photo) is photo
    monkeypatch.setattr("img_enhance.compare.display.PREVIEW_PIXELS", 600)
    small = preview(photo)
    assert (small.size, small.depth, small.metadata) == (Size(30, 20), 8, photo.metadata)
    found, expected = (view(each, (0, 0, each.size.width, each.size.height), Size(15, 10)).astype(int) for each in (small, photo))
    assert np.abs(found - expected).mean() < 4


def test_enlarged_view_lies_where_the_result_lies() -> None:
    """A ramp, four times enlarged by the definition of pixels as areas, at any part."""
    ramp = Photo(np.repeat(np.repeat(np.arange(0, 200, 4, dtype=np.uint8)[None, :, None], 20, 0), 3, 2))
    part = matching_part(Box(41, 8, 121, 48), Size(200, 80), Size(50, 20))
    shown = view(ramp, part, Size(80, 40))[20, :, 0]
    np.testing.assert_allclose(shown, (np.arange(41, 121) + 0.5) / 4 * 4 - 2, atol=1)


def test_most_detailed_part_is_found() -> None:
    pixels = np.full((800, 1200, 3), 128, np.uint8)
    pixels[500:700, 100:300] = noise(200, 200).pixels
    box = detailed_region(Photo(pixels), Size(1200, 800), Size(300, 300))
    assert box.size == Size(300, 300)
    assert box.left <= 105
    assert box.top <= 505
    assert box.right >= 295
    assert box.bottom >= 695


def test_a_photo_of_one_colour_shows_its_middle() -> None:
    box = detailed_region(Photo(np.full((900, 900, 3), 7, np.uint8)), Size(900, 900), Size(300, 300))
    assert abs(box.left - 300) <= 4
    assert abs(box.top - 300) <= 4


def test_a_photo_that_fits_is_shown_whole() -> None:
    assert detailed_region(noise(50, 40), Size(50, 40), Size(900, 900)) == Box(0, 0, 50, 40)


@pytest.mark.parametrize("region", [Box(0, 0, 61, 10), Box(0, 30, 10, 41), Box(-1, 0, 5, 5)])
def test_a_region_beyond_the_result_is_refused(region: Box) -> None:
    with pytest.raises(OptionError, match="reaches beyond AFTER, which is 60x40"):
        made(noise(30, 20), noise(60, 40), region=region)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "-1,0,5,5", "0,0,0,5", "0,0,5,4097", "0,0,1e3,5", "1.5,0,5,5"])
def test_a_region_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="region must be"):
        CompareOptions(region=text)


def test_options_describe_a_box() -> None:
    assert CompareOptions(region="10, 20,30,40").box == Box(10, 20, 40, 60)
    assert CompareOptions().box is None
    with pytest.raises(OptionError, match="not both"):
        CompareOptions(region="0,0,5,5", overview=True)
    with pytest.raises(OptionError, match="layout must be one of side-by-side, split, stacked"):
        CompareOptions(layout="diagonal")


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (Size(548, 365), Size(1000, 666), True),
        (Size(3, 2), Size(1000, 667), True),
        (Size(1000, 667), Size(3, 2), True),
        (Size(451, 300), Size(451, 300), True),
        (Size(1000, 700), Size(1000, 666), False),
        (Size(300, 200), Size(200, 300), False),
    ],
)
def test_shapes_are_the_same_up_to_rounding(before: Size, after: Size, same: bool) -> None:
    assert same_shape(before, after) is same


def test_middle_of_another_shape_is_compared() -> None:
    assert matching_part(Box(0, 0, 100, 100), Size(100, 100), Size(400, 200)) == (100, 0, 300, 200)
    assert matching_part(Box(0, 0, 100, 100), Size(100, 100), Size(50, 80)) == (0, 15, 50, 65)


def test_histogram_counts_what_is_not_transparent() -> None:
    pixels = np.array([[[0, 0, 0], [255, 0, 0], [255, 255, 255], [9, 9, 9]]], np.uint8)
    found = histogram(Photo(pixels, np.array([[255, 255, 255, 0]], np.uint8)))
    np.testing.assert_allclose(found.shares.sum(axis=1), 1)
    assert found.shares[1, [0, 255]].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert found.shares[2, [0, 255]].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert found.shares[:, 9].sum() == 0
    # The grey that is as light as sRGB's red: 0.2225 of white, which is level 130.
    assert np.flatnonzero(found.shares[0]).tolist() == [0, 130, 255]
    assert found.median == 130


def test_histogram_of_nothing_is_empty() -> None:
    found = histogram(Photo(np.full((5, 5, 3), 9, np.uint8), np.zeros((5, 5), np.uint8)))
    assert found.shares.sum() == 0
    assert np.unique(drawn(found, Size(64, 32), peak((found,)))).size == 1


def test_drawn_histogram_has_each_channel_at_its_place() -> None:
    shares = np.zeros((4, 256))
    for row, level in enumerate((20, 70, 130, 200)):
        shares[row, level - 3 : level + 4] = 1 / 7
    found = Histogram(shares)
    picture = drawn(found, Size(256, 50), peak((found,)))
    for channel, level in enumerate((70, 130, 200)):
        assert int(np.argmax(picture[30, level])) == channel
        assert picture[30, level].min() < 200
    assert (picture[:, 20] < 150).all(axis=1).any()
    assert (picture[30, 230] == picture[0, 0]).all()


def test_characters_without_a_glyph_are_replaced() -> None:
    assert plain("M\u00fcller \u732b.png") == "Muller ?.png"
    assert plain("a\tb\u202e\n") == "a?b??"
    assert plain("e\u0301") == "e"


def test_long_names_lose_their_middle() -> None:
    shown = fitted("a" * 300 + "_enhanced.png", SMALL, 400)
    assert font(SMALL).getlength(shown) <= 400
    assert shown.startswith("aaa")
    assert "..." in shown
    assert shown.endswith("_enhanced.png")
    assert fitted("cat.png", SMALL, 400) == "cat.png"
    assert len(fitted("x" * 100_000, SMALL, 400)) < 400


def test_long_steps_are_wrapped_within_their_column() -> None:
    lines = wrapped("one two three " * 30 + "y" * 500, SMALL, 300)
    assert all(font(SMALL).getlength(line) <= 300 for line in lines)
    assert " ".join(lines).startswith("one two three one two")
    assert len(wrapped("word " * 100_000, SMALL, 300)) < 100


def test_more_steps_than_fit_leave_a_bounded_sheet() -> None:
    few, many = (made(noise(9, 9), noise(9, 9), steps=("tone",) * count) for count in (21, 5000))
    assert few.size == many.size


def test_steps_are_those_since_before() -> None:
    def noted(xmp: bytes | None, note: str, tool: str = "img-enhance 0.1") -> bytes:
        return with_note(xmp, note=note, tool=tool, width=1, height=1, keep_gps=True)

    first = noted(noted(None, "crop(all=1)", "Other 3"), "white_balance(); tone(level=0.5); 4x3 to 4x3")
    second = noted(first, "real_esrgan(model=a, upscale=2); 4x3 to 8x6")
    plain_photo, old, new = (Photo(np.zeros((1, 1, 3), np.uint8), metadata=Metadata(xmp=xmp)) for xmp in (None, first, second))
    assert steps_between(old, new) == ("real_esrgan: model a, upscale 2",)
    assert steps_between(plain_photo, new) == ("white_balance", "tone: level 0.5", "real_esrgan: model a, upscale 2")
    assert steps_between(plain_photo, plain_photo) == ()
    assert steps_between(plain_photo, Photo(new.pixels, metadata=Metadata(xmp=b"<broken"))) == ()


def test_note_becomes_its_steps() -> None:
    assert steps_of("a(); b(c=1); 10x10 to 20x20") == ("a", "b: c 1")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_is_bounded_for_a_photo_of_100_million_pixels(layout: str) -> None:
    after = Photo(new_canvas(Size(10_000, 10_000), "disk", scratch_folder(None)))
    before = noise(500, 500)
    made(before, before, layout=layout)  # fonts and profiles are loaded before
    start = anonymous_bytes()
    with Peak(seconds=0.005) as memory:
        page = made(before, after, layout=layout)
    assert memory.bytes - start < _MOST_MEMORY
    assert page.size.width == 1920


def test_names_and_facts_are_on_the_sheet() -> None:
    before = noise(9, 9)
    with_size = made(before, before, file_bytes=(1234, 5_000_000))
    box = plan_of("side-by-side", Size(9, 9), whole=False).titles[0]
    without = made(before, before)
    assert (with_size.pixels[box.slices] != without.pixels[box.slices]).any()
    renamed = sheet(before, before, before_name="c.png", after_name="b.png")
    changed = (renamed.pixels != without.pixels).any(axis=2)
    assert changed[box.slices].any()
    changed[box.slices] = False
    assert not changed.any()
