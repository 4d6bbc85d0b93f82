"""Photos of high dynamic range stay so in formats that can keep it: white and highlights keep their light, what steps did
arrives, and it is said. The files are made here."""

from pathlib import Path

import numpy as np
import OpenImageIO
import pi_heif
import pytest
from PIL import Image
from small_pictures import Array, photo_of, read, smooth, turned, write
from test_hdr import HLG, PEAK, PQ, WHITE, hlg, light_in_p3, pq
from test_metadata import exif
from test_stated_colours import chunk, cicp, made, srgb_light

from img_enhance.engine import Engine
from img_enhance.engine.result import Result
from img_enhance.errors import OptionError, PhotoError
from img_enhance.image_io import open_photo, read_into, read_values
from img_enhance.light.hdr import range_of, screen_light
from img_enhance.metadata.beside import STATED_LIGHT
from img_enhance.metadata.colours import BT2020, DISPLAY_P3
from img_enhance.photo import FORMATS, HighRange, Photo
from img_enhance.request.options import Output
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import ExposureCorrection, RealESRGAN, StepOptions, WhiteBalance

TWICE = RealESRGAN(model="realesr-animevideov3", upscale=2)
HALF = RealESRGAN(width=48)
BRIGHTER = ExposureCorrection(ev=0.5, local="off")
HOLDING = ("png", "avif", "jxl")
NEARLY_ALL = {"png": None, "avif": 95, "jxl": 98}


def scene(height: int = 64, width: int = 96) -> Array:
    """Light in cd/m2, (H, W, 3): dull waves, a patch of white above, one of 1000 cd/m2 in the middle."""
    light = np.asarray(smooth(3, height=height, width=width), float) / 255 * 120
    light[: height // 4, : width // 4] = WHITE
    light[height * 3 // 8 : height * 5 // 8, width * 3 // 8 : width * 5 // 8] = PEAK
    return light


def png(path: Path, light: Array, transfer: int = PQ, extra: bytes = b"") -> Path:
    return made(path, cicp(9, transfer) + extra, (pq if transfer == PQ else hlg)(light))


def enhanced(engine: Engine, photo: Path, result: Path, *steps: StepOptions, output: Output | None = None) -> Result:
    prepared = engine.prepare(photo, Recipe(steps=steps, output=output or Output()), output=result)
    return engine.run(prepared).save(result)


def light_of(path: Path) -> Array:
    """The light in cd/m2 of a file of high dynamic range, in its own primaries."""
    file = open_photo(path, max_pixels=10**9)
    assert file.high_range is not None, f"{path.name} is not of high dynamic range"
    photo = read_into(file, "memory", None, read=read_values)
    return np.asarray(screen_light(photo.pixels, range_of(file.high_range.colours, grey=photo.grey))) * WHITE


def patches(light: Array) -> tuple[float, float]:
    """White and the highlight, away from their edges."""
    height, width = light.shape[:2]
    return float(light[: height // 8, : width // 8].mean()), float(
        light[height * 7 // 16 : height * 9 // 16, width * 7 // 16 : width * 9 // 16].mean()
    )


@pytest.mark.parametrize("format", HOLDING)
@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("step", [TWICE, HALF], ids=["twice", "half"])
def test_white_and_highlights_keep_their_light(engine: Engine, format: str, transfer: int, step: RealESRGAN, tmp_path: Path) -> None:
    photo, path = png(tmp_path / "photo.png", scene(), transfer), tmp_path / f"result.{format}"
    result = enhanced(engine, photo, path, step, output=Output(quality=NEARLY_ALL[format]))
    name = "PQ" if transfer == PQ else "HLG"
    assert f"high dynamic range kept in {name} (steps saw it tone-mapped by BT.2390)" in result.done_text
    assert result.warnings == ()
    white, highlight = patches(light_of(path))
    # Networks make what is even a little brighter (5 per cent of light for this one and this grey), in the standard range as well.
    after, before = (patches(srgb_light(shown.pixels / 65_535))[0] for shown in (result.photo, read(photo)[1]))
    networks = after / before
    assert white == pytest.approx(WHITE * networks, rel=0.02)
    assert networks == pytest.approx(1, abs=0.06 if step is TWICE else 0.001)
    assert highlight == pytest.approx(PEAK, rel=0.03)
    assert light_of(path).shape[:2] == ((128, 192) if step is TWICE else (32, 48))


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_every_decoder_is_told_what_the_values_mean(engine: Engine, transfer: int, tmp_path: Path) -> None:
    photo = png(tmp_path / "photo.png", scene(), transfer)
    for format in HOLDING:
        enhanced(engine, photo, tmp_path / f"result.{format}", BRIGHTER)
    for format in ("png", "jxl"):
        other = OpenImageIO.ImageInput.open(str(tmp_path / f"result.{format}"))
        assert other is not None
        assert tuple(other.spec().getattribute("CICP")) == (9, transfer, 0, 1)
        assert str(other.spec().format) == "uint16"
    chunks = (tmp_path / "result.png").read_bytes()
    assert chunks.index(b"cICP") < chunks.index(b"IDAT")
    assert b"iCCP" not in chunks
    said = pi_heif.open_heif(tmp_path / "result.avif", convert_hdr_to_8bit=False)[0].info
    numbers = [said["nclx_profile"][name] for name in ("color_primaries", "transfer_characteristics", "full_range_flag")]
    assert numbers == [9, transfer, 1]
    assert said.get("icc_profile") is None
    # A decoder of another library takes it, and sees the same picture.
    seen = np.asarray(Image.open(tmp_path / "result.avif")).astype(float)
    expected = read_into(open_photo(tmp_path / "result.png", max_pixels=10**9), "memory", None, read=read_values).pixels / 257
    assert np.abs(seen - expected).mean() < 2


@pytest.mark.parametrize(("bits", "written"), [(8, 10), (10, 10), (12, 12)])
def test_an_avif_keeps_its_depth(engine: Engine, bits: int, written: int, tmp_path: Path) -> None:
    photo = write(of_high_range(scene(), bits), tmp_path / "photo.avif", "avif", Output(lossless=True))
    assert_bits(photo, 10 if bits == 8 else bits)
    enhanced(engine, photo, tmp_path / "result.avif", BRIGHTER)
    assert_bits(tmp_path / "result.avif", written)


def of_high_range(light: Array, bits: int = 16) -> Photo:
    return Photo(np.zeros(light.shape, np.uint16), high_range=HighRange(pq(light), 9, PQ, bits))


def assert_bits(path: Path, bits: int) -> None:
    assert pi_heif.open_heif(path, convert_hdr_to_8bit=False)[0].info["bit_depth"] == bits


def test_the_networks_detail_arrives(engine: Engine, tmp_path: Path) -> None:
    light = np.asarray(smooth(3, height=64, width=96), float) / 255 * 40 + 15
    light[32:, ::5] = 10  # fine lines
    light[:8, :8] = PEAK
    high = enhanced(engine, png(tmp_path / "photo.png", light), tmp_path / "high.png", TWICE)
    # Below the knee, the light is what the network made of it.
    got, seen = light_in_p3(light_of(tmp_path / "high.png"))[24:], srgb_light(high.photo.pixels[24:] / 65_535) * WHITE
    np.testing.assert_allclose(got, seen, rtol=0.002, atol=0.02)
    resampled = light.repeat(2, 0).repeat(2, 1)[24:]
    assert np.abs(got - light_in_p3(resampled)).max() > 10


def test_tones_are_changed_in_highlights_as_below_them(engine: Engine, tmp_path: Path) -> None:
    light = scene()
    photo = png(tmp_path / "photo.png", light)
    result = enhanced(engine, photo, tmp_path / "result.png", WhiteBalance(temperature=4500))
    got = light_of(tmp_path / "result.png")
    seen = srgb_light(result.photo.pixels / 65_535)
    before = srgb_light(read(photo)[1].pixels / 65_535)
    # White, which was drawn below what steps see as white, is tinted as they tint that: by the same ratios in Display P3.
    expected, ratio = seen[4, 4] / before[4, 4], light_in_p3(got)[4, 4] / light_in_p3(light)[4, 4]
    np.testing.assert_allclose(ratio, expected, rtol=0.02)
    assert expected[2] / expected[0] > 1.1
    assert got[32, 48] == pytest.approx(PEAK, rel=0.03)  # the step keeps what it sees as white


@pytest.mark.parametrize("steps", [(), (BRIGHTER,), (TWICE,)], ids=["nothing", "brighter", "twice"])
@pytest.mark.parametrize("format", [entry.name for entry in FORMATS if not entry.written_as and not entry.high_range])
def test_other_formats_show_it_in_the_standard_range_and_say_so(
    engine: Engine, format: str, steps: tuple[StepOptions, ...], tmp_path: Path
) -> None:
    photo = png(tmp_path / "photo.png", scene())
    result = enhanced(engine, photo, tmp_path / f"result.{format}", *steps)
    assert result.photo.high_range is None
    (words,) = [warning for warning in result.warnings if "tone-mapped" in warning]
    assert words.endswith("the result is Display P3, not HDR; png, avif or jxl would keep it")
    assert open_photo(tmp_path / f"result.{format}", max_pixels=10**9).high_range is None


@pytest.mark.parametrize("format", HOLDING)
def test_the_standard_range_can_be_asked_for(engine: Engine, format: str, tmp_path: Path) -> None:
    photo, path = png(tmp_path / "photo.png", scene()), tmp_path / f"result.{format}"
    result = enhanced(engine, photo, path, output=Output(dynamic_range="sdr", lossless=None if format == "png" else True))
    assert [warning for warning in result.warnings if warning.endswith("the result is Display P3, not HDR")]
    file, shown = read(path)
    assert file.high_range is None
    np.testing.assert_allclose(shown.pixels, read(photo)[1].pixels, atol=0 if format != "avif" else 300)


def test_what_cannot_be_kept_is_refused_where_it_is_asked_for(engine: Engine, tmp_path: Path) -> None:
    photo = png(tmp_path / "photo.png", scene())
    with pytest.raises(OptionError, match="jpeg holds no PQ"):
        enhanced(engine, photo, tmp_path / "result.jpg", output=Output(dynamic_range="hdr"))
    enhanced(engine, photo, tmp_path / "result.avif", output=Output(dynamic_range="hdr"))
    light_of(tmp_path / "result.avif")


def test_a_photo_of_the_standard_range_is_none_of_this(engine: Engine, tmp_path: Path) -> None:
    photo = write(photo_of(smooth(3)), tmp_path / "photo.png", "png")
    for asked in ("hdr", "sdr"):
        path = tmp_path / f"{asked}.png"
        assert enhanced(engine, photo, path, output=Output(dynamic_range=asked)).copied
        assert path.read_bytes() == photo.read_bytes()


@pytest.mark.parametrize("asked", [None, "hdr"])
@pytest.mark.parametrize("steps", [(), (ExposureCorrection(ev=0, local="off"),)], ids=["nothing", "no change"])
def test_a_photo_that_is_left_as_it_is_is_copied(engine: Engine, asked: str | None, steps: tuple[StepOptions, ...], tmp_path: Path) -> None:
    photo = png(tmp_path / "photo.png", scene())
    result = enhanced(engine, photo, tmp_path / "result.png", *steps, output=Output(dynamic_range=asked))
    assert result.copied
    assert (tmp_path / "result.png").read_bytes() == photo.read_bytes()


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_what_is_only_written_anew_keeps_its_values(engine: Engine, transfer: int, tmp_path: Path) -> None:
    photo = png(tmp_path / "photo.png", scene(), transfer)
    enhanced(engine, photo, tmp_path / "result.png", ExposureCorrection(ev=0, local="off"), output=Output(strip=True))
    np.testing.assert_array_equal(light_of(tmp_path / "result.png"), light_of(photo))
    assert b"cICP" in (tmp_path / "result.png").read_bytes()


def test_another_format_after_all_is_said(engine: Engine, tmp_path: Path) -> None:
    photo = png(tmp_path / "photo.png", scene())
    result = engine.enhance(photo, Recipe(steps=(BRIGHTER,)))
    assert result.photo.high_range is not None
    saved = result.save(tmp_path / "result.jpg")
    assert "jpeg holds no high dynamic range; the result is what steps saw, tone-mapped by BT.2390" in saved.warnings
    seen = read(tmp_path / "result.jpg")[1].pixels
    assert np.abs(seen.astype(float) - result.photo.pixels / 257).mean() < 2


@pytest.mark.parametrize(
    "steps",
    [(BRIGHTER, RealESRGAN(model="realesr-animevideov3", width=150)), (RealESRGAN(model="realesr-animevideov3", width=150), BRIGHTER)],
    ids=["enlarged", "brighter"],
)
def test_a_part_has_the_values_of_the_whole(engine: Engine, steps: tuple[StepOptions, ...], tmp_path: Path) -> None:
    photo = png(tmp_path / "photo.png", scene(90, 100))
    enhanced(engine, photo, tmp_path / "whole.png", *steps)
    enhanced(engine, photo, tmp_path / "part.png", *steps, output=Output(crop="31,17,90,61"))
    np.testing.assert_array_equal(light_of(tmp_path / "part.png"), light_of(tmp_path / "whole.png")[17:78, 31:121])


@pytest.mark.parametrize("steps", [(TWICE,), (HALF,), (BRIGHTER,)], ids=["twice", "half", "brighter"])
def test_no_strip_shows(engine: Engine, steps: tuple[StepOptions, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = png(tmp_path / "photo.png", scene())
    enhanced(engine, photo, tmp_path / "usual.png", *steps)
    monkeypatch.setattr("img_enhance.passes.high_range._STRIP_PIXELS", 700)
    enhanced(engine, photo, tmp_path / "strips.png", *steps)
    np.testing.assert_array_equal(light_of(tmp_path / "strips.png"), light_of(tmp_path / "usual.png"))


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_turned_photo_is_upright_in_its_high_range_too(engine: Engine, orientation: int, tmp_path: Path) -> None:
    light = scene()
    stored = tmp_path / "stored.png"
    made(stored, cicp(9, PQ) + chunk(b"eXIf", exif(turn=orientation)[6:]), turned(pq(light), orientation))
    enhanced(engine, stored, tmp_path / "result.png", BRIGHTER)
    enhanced(engine, png(tmp_path / "upright.png", light), tmp_path / "expected.png", BRIGHTER)
    np.testing.assert_array_equal(light_of(tmp_path / "result.png"), light_of(tmp_path / "expected.png"))


@pytest.mark.parametrize("format", HOLDING)
def test_transparency_and_grey_are_kept(engine: Engine, format: str, tmp_path: Path) -> None:
    values = pq(scene())
    opacity = np.full((*values.shape[:2], 1), 65_535, np.uint16)
    opacity[:20] = 0
    values[:20] = 65_535  # nobody sees it
    photo = made(tmp_path / "photo.png", cicp(9, PQ), np.dstack([values, opacity]))
    enhanced(engine, photo, tmp_path / f"result.{format}", TWICE)
    file, seen = read(tmp_path / f"result.{format}")
    assert file.high_range is not None
    assert seen.alpha is not None
    assert np.abs(seen.alpha[:36]).max() < 700
    assert light_of(tmp_path / f"result.{format}")[40:70, 150:].max() < 150  # no glow out of what nobody sees
    grey = made(tmp_path / "source.png", cicp(9, PQ), values[30:, :, :1])
    enhanced(engine, grey, tmp_path / f"grey.{format}", BRIGHTER)
    light = light_of(tmp_path / f"grey.{format}")
    assert np.ptp(light, axis=2).max() <= 0.03 * light.max()


def test_a_file_that_changes_meanwhile_is_refused(engine: Engine, tmp_path: Path) -> None:
    photo = png(tmp_path / "photo.png", scene())
    prepared = engine.prepare(photo, Recipe(steps=(BRIGHTER,)), output=tmp_path / "result.png")
    photo.write_bytes(photo.read_bytes() + b"x")
    with pytest.raises(PhotoError, match="was written to while its photo was enhanced"):
        engine.run(prepared)


def test_the_range_of_video_and_other_primaries_are_understood(engine: Engine, tmp_path: Path) -> None:
    narrow = np.rint(pq(scene()) / 65_535 * 219 * 256 + 16 * 256).astype(np.uint16)
    photo = made(tmp_path / "photo.png", cicp(12, PQ, full=0), narrow)
    enhanced(engine, photo, tmp_path / "result.png", HALF)
    file = open_photo(tmp_path / "result.png", max_pixels=10**9)
    assert file.high_range is not None
    assert (file.high_range.colours.primaries, file.high_range.colours.full) == (DISPLAY_P3, True)
    assert patches(light_of(tmp_path / "result.png")) == pytest.approx((WHITE, PEAK), rel=0.02)
    odd = made(tmp_path / "odd.png", cicp(4, PQ), pq(scene()))
    enhanced(engine, odd, tmp_path / "odd.jxl", BRIGHTER)
    file = open_photo(tmp_path / "odd.jxl", max_pixels=10**9)
    assert file.high_range is not None
    assert file.high_range.colours.primaries == BT2020


@pytest.mark.parametrize(("kind", "size"), [(b"cLLI", 8), (b"mDCV", 24)])
def test_the_largest_light_that_a_png_states_is_said_to_be_left_out(kind: bytes, size: int, tmp_path: Path) -> None:
    plain = open_photo(png(tmp_path / "plain.png", scene()), max_pixels=10**6)
    stating = open_photo(png(tmp_path / "stating.png", scene(), extra=chunk(kind, bytes(size))), max_pixels=10**6)
    assert set(stating.warnings) - set(plain.warnings) == {STATED_LIGHT}
