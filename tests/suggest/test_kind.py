"""Photos are told from pages, diagrams, pixel art and false colours, however dark, small or compressed; light is left alone in those."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from conftest import SAMPLE
from img_enhance.photo import Photo
from img_enhance.request.step_options import CLAHE, ExposureCorrection, WhiteBalance
from img_enhance.suggest.analysis import analyse
from img_enhance.suggest.appearance import appearance
from img_enhance.suggest.kind import DRAWING, FALSE_COLOUR, KINDS, LEAST_SIDE, PAINTING, PHOTO, Kind, kind_of
from img_enhance.suggest.rules import LOOKS_LIKE
from img_enhance.suggest.suggest import suggest

Change = Callable[[Image.Image], Image.Image]

TEXT = "Every step, chosen or not, has its reason in the output and in the record of the result."
PALETTE = np.array([[20, 12, 28], [68, 36, 52], [48, 52, 109], [133, 76, 48], [52, 101, 36], [208, 70, 72], [218, 212, 94]], np.uint8)


def told(picture: Image.Image) -> str | None:
    kind = kind_of(Photo(np.asarray(picture.convert("RGB"))))
    return None if kind is None else kind.name


def jpeg(quality: int) -> Change:
    def through(picture: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, "JPEG", quality=quality)
        return Image.open(buffer)

    return through


def exposed(stops: float) -> Change:
    """The light of the photo, about linear, times two to the `stops`, in 8 bits."""

    def change(picture: Image.Image) -> Image.Image:
        light = (np.asarray(picture.convert("RGB"), np.float64) / 255) ** 2.2 * 2**stops
        return Image.fromarray(np.rint(255 * np.clip(light, 0, 1) ** (1 / 2.2)).astype(np.uint8))

    return change


def reduced(side: int) -> Change:
    return lambda picture: ImageOps.contain(picture, (side, side), Image.Resampling.BOX)


def page(background: str = "white", ink: str = "black") -> Image.Image:
    made = Image.new("RGB", (600, 800), background)
    draw, font = ImageDraw.Draw(made), ImageFont.load_default(16)
    for line in range(30):
        draw.text((60, 60 + 22 * line), TEXT[line : line + 62], fill=ink, font=font)
    return made


def slide() -> Image.Image:
    made = Image.new("RGB", (1024, 768), "white")
    draw = ImageDraw.Draw(made)
    draw.rectangle((0, 0, 1024, 90), fill="#204a87")
    draw.text((40, 22), TEXT[:30], fill="white", font=ImageFont.load_default(36))
    for line in range(5):
        draw.ellipse((60, 170 + 80 * line, 76, 186 + 80 * line), fill="#cc0000")
        draw.text((100, 160 + 80 * line), TEXT[line * 5 : line * 5 + 35], fill="#222222", font=ImageFont.load_default(28))
    return made


def diagram() -> Image.Image:
    made = Image.new("RGB", (1400, 1000), "white")
    draw = ImageDraw.Draw(made)
    for number, fill in enumerate(("#fce94f", "#8ae234", "#729fcf", "#ad7fa8", "#fcaf3e")):
        left, top = 60 + 260 * number, 100 + 340 * (number % 2)
        draw.rounded_rectangle((left, top, left + 220, top + 200), 20, fill=fill, outline="black", width=4)
        draw.text((left + 30, top + 80), f"step {number}", fill="black", font=ImageFont.load_default(30))
        draw.line((left + 110, top + 200, left + 370, 100 + 340 * ((number + 1) % 2)), fill="black", width=5)
    return made.resize((700, 500), Image.Resampling.LANCZOS)


def logo() -> Image.Image:
    made = Image.new("RGB", (800, 800), "white")
    draw = ImageDraw.Draw(made)
    draw.ellipse((60, 60, 740, 740), fill="#ef2929")
    draw.polygon([(400, 160), (640, 600), (160, 600)], fill="#fce94f")
    return made.resize((256, 256), Image.Resampling.LANCZOS)


def pixel_art(size: int) -> Image.Image:
    """Squares of `size`."""
    random = np.random.default_rng(3)
    half = random.integers(0, len(PALETTE), (24, 12)) * (random.random((24, 12)) < 0.6)
    return Image.fromarray(PALETTE[np.hstack([half, half[:, ::-1]])].repeat(size, axis=0).repeat(size, axis=1))


def screenshot_with_a_photo() -> Image.Image:
    made = page("#f4f4f4")
    ImageDraw.Draw(made).rectangle((0, 0, 600, 40), fill="#3465a4")
    with Image.open(SAMPLE) as photo:
        made.paste(reduced(220)(photo.convert("RGB")), (320, 400))
    return made


def heat() -> Image.Image:
    """The cat's light from blue over red to yellow, as cameras for heat show it."""
    with Image.open(SAMPLE) as photo:
        light = np.asarray(photo.convert("L").filter(ImageFilter.GaussianBlur(2)).resize((320, 240)))
    at, red, green, blue = (0, 64, 128, 192, 255), (0, 90, 220, 255, 255), (0, 0, 40, 150, 250), (40, 160, 110, 0, 150)
    return Image.fromarray(np.stack([np.interp(light, at, channel) for channel in (red, green, blue)], axis=-1).astype(np.uint8))


DRAWINGS = {
    "page": page(),
    "dark page": page("#101018", "#d0d0d0"),
    "slide": slide(),
    "diagram": diagram(),
    "logo": logo(),
    "screenshot": screenshot_with_a_photo(),
}


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("change", [lambda made: made, jpeg(75), reduced(200)], ids=["png", "jpeg 75", "reduced"])
def test_what_is_drawn_is_no_photo(name: str, change: Change) -> None:
    assert told(change(DRAWINGS[name])) == DRAWING


@pytest.mark.parametrize("size", [4, 8, 10, 16])
def test_pixel_art_is_no_photo(size: int) -> None:
    assert told(pixel_art(size)) == DRAWING


@pytest.mark.parametrize("change", [lambda made: made, jpeg(75)], ids=["png", "jpeg 75"])
def test_false_colours_are_told(change: Change) -> None:
    assert told(change(heat())) == FALSE_COLOUR


CHANGES: dict[str, Change] = {
    "as it is": lambda photo: photo,
    **{f"{stops:+} EV": exposed(stops) for stops in (-5, -4, -3, -2, -1, 1, 2, 3)},
    **{f"jpeg {quality}": jpeg(quality) for quality in (15, 30, 60, 95)},
    "dark jpeg 30": lambda photo: jpeg(30)(exposed(-4)(photo)),
    "dark jpeg 75": lambda photo: jpeg(75)(exposed(-4)(photo)),
    "saved dark and lifted": lambda photo: exposed(4)(exposed(-4)(photo)),
    "grey": lambda photo: photo.convert("L"),
    "thumbnail": reduced(100),
    "small jpeg": lambda photo: jpeg(60)(reduced(120)(photo)),
    "enlarged": lambda photo: photo.resize((2 * photo.width, 2 * photo.height), Image.Resampling.BICUBIC),
    "blurred": lambda photo: photo.filter(ImageFilter.GaussianBlur(3)),
    "denoised": lambda photo: photo.filter(ImageFilter.MedianFilter(5)),
    "sharpened": lambda photo: photo.filter(ImageFilter.UnsharpMask(2, 150, 0)),
    "half as much contrast": lambda photo: photo.point(lambda value: 64 + value // 2),
    "in a white frame": lambda photo: ImageOps.expand(photo, 20, "white"),
    "in lamp light": lambda photo: photo.convert("RGB", (1, 0, 0, 0, 0, 0.75, 0, 0, 0, 0, 0.4, 0)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_photo_is_one_however_it_comes(change: str) -> None:
    with Image.open(SAMPLE) as photo:
        assert told(CHANGES[change](photo.convert("RGB"))) == PHOTO


def test_photos_are_told_from_other_pictures(data: Path) -> None:
    other = {"code_dark.jpg": DRAWING, "page_white.jpg": DRAWING, "print_wood.jpg": PAINTING, "thermal.jpg": FALSE_COLOUR}
    with (data / "natural" / "wishes.csv").open() as file:
        wanted = {row["file"]: other.get(row["file"], PHOTO) for row in csv.DictReader(file)}
    assert {name: told(Image.open(data / "natural" / name)) for name in wanted} == wanted
    photos = [path for path in sorted((data / "photos").iterdir()) if path.suffix in (".jpg", ".png")]
    assert photos
    assert {path.name: told(Image.open(path)) for path in photos} == {path.name: PHOTO for path in photos}


def test_the_kind_is_that_of_the_photo_in_16_bits_and_on_a_white_page(cat: npt.NDArray[np.uint8]) -> None:
    assert kind_of(Photo(cat.astype(np.uint16) * 257)) == kind_of(Photo(cat))
    drawn = np.asarray(logo())
    alpha = np.where((drawn == 255).all(axis=2), 0, 255).astype(np.uint8)
    assert kind_of(Photo(np.where(alpha[..., None] > 0, drawn, 0).astype(np.uint8), alpha)) == kind_of(Photo(drawn))


def test_what_is_tiny_is_of_no_kind(cat: npt.NDArray[np.uint8]) -> None:
    assert kind_of(Photo(cat[: LEAST_SIDE - 1])) is None
    assert kind_of(Photo(cat[:LEAST_SIDE])) is not None
    facts = analyse(Photo(cat[:8, :8]))
    assert (facts.kind, facts.kind_confidence) == (None, None)


def test_flatness_is_the_share_of_neighbours_that_do_not_differ(cat: npt.NDArray[np.uint8]) -> None:
    striped = np.zeros((100, 100, 3), np.uint8)
    striped[:, ::2] = 200
    for pixels, share in ((striped, 0.5), (np.full_like(striped, 9), 1.0)):
        kind = kind_of(Photo(np.ascontiguousarray(pixels)))
        assert kind is not None
        assert kind.flatness == pytest.approx(share, abs=0.01)
    assert (analyse(Photo(cat)).flatness or 0) < 0.3


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 200), (200, 5), (33, 32)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_odd_pictures_have_an_appearance_too(shape: tuple[int, int], value: int) -> None:
    assert np.isfinite(appearance(Photo(np.full((*shape, 3), value, np.uint8)))).all()


def test_the_kind_is_a_fact_and_the_same_wherever_the_photo_lies(cat: npt.NDArray[np.uint8]) -> None:
    facts = analyse(Photo(np.asfortranarray(cat)))
    assert Kind(str(facts.kind), float(facts.kind_confidence or 0), float(facts.flatness or 0)) == kind_of(Photo(cat))
    record = facts.record()
    assert record["kind"] == PHOTO
    assert 0.5 <= record["kind_confidence"] <= 1


@pytest.mark.parametrize("made", [page(), page("#101018", "#505050"), heat()], ids=["page", "dark page", "heat"])
def test_light_is_left_alone_in_what_is_no_photo(made: Image.Image) -> None:
    suggestion = suggest(Photo(np.asarray(made)))
    names = (WhiteBalance.name, ExposureCorrection.name, CLAHE.name)
    assert not [step for step in suggestion.steps if step.name in names]
    words: dict[str, Any] = {reason.step: reason.words for reason in suggestion.reasons}
    assert all("not a photo" in words[name] for name in names)
    assert set(LOOKS_LIKE) == set(KINDS) - {PHOTO}
