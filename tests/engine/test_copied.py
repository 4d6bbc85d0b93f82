"""Where nothing is done, nothing is lost: the file of a photo that is left as it is becomes the result, byte for byte."""

import dataclasses
import json
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_pictures import photo_of, read, smooth, turned, vips, write
from test_metadata import exif

from img_enhance.engine import Engine
from img_enhance.engine.result import Result
from img_enhance.errors import Cancelled, OutputError, PhotoError
from img_enhance.geometry import Size
from img_enhance.image_io import read as reading
from img_enhance.image_io.images import open_image
from img_enhance.metadata import xmp
from img_enhance.photo import WRITTEN, Metadata, Photo
from img_enhance.request.options import Input, Output
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import ExposureCorrection, StepOptions, WhiteBalance

NOTHING = Recipe(steps=())
OFF = WhiteBalance(enhance_level=0)

# Every option of the result's file, and what it might be; but its format, and those that only some files are in the way of: a video in it
# (`tests/golden/test_phone_files.py`), its own size (`test_sizes.py`),
# and a high range (`tests/golden/test_high_range.py`).
ASKED: tuple[dict[str, Any], ...] = (
    {"quality": 95},
    {"lossless": True},
    {"subsampling": "4:4:4"},
    {"strip_gps": True},
    {"strip": True},
    {"crop": "0,0,48,32"},
)
assert {name for asked in ASKED for name in asked} == {field.name for field in dataclasses.fields(Output)} - {
    "format",
    "motion",
    "max_bytes",
    "dynamic_range",
}


@pytest.fixture(params=[entry.name for entry in WRITTEN])
def photo(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A photo in each format, with a place and a description that are somebody's own, under a name that tells nothing."""
    metadata = Metadata(exif=exif(), resolution=(300.0, 300.0))
    return write(photo_of(smooth(3), metadata), tmp_path / "photo", request.param)


@pytest.fixture
def jpeg(tmp_path: Path) -> Path:
    return write(photo_of(smooth(3), Metadata(exif=exif())), tmp_path / "photo.jpg", "jpeg")


def saved(engine: Engine, photo: Path, recipe: Recipe = NOTHING, *, to: str = "result", format: str | None = None) -> tuple[Result, bytes]:
    """What came of a photo, and the bytes that were written, in its own format unless another is named."""
    job = engine.prepare(photo, recipe)
    path = photo.with_name(to)
    result = engine.run(job).save(path, format=format or job.output_format)
    return result, path.read_bytes()


@pytest.mark.parametrize("recipe", [NOTHING, Recipe(steps=(OFF,)), Recipe(steps=(OFF, ExposureCorrection(ev=0, local="off")))])
def test_a_photo_that_is_left_as_it_is_is_copied(engine: Engine, photo: Path, recipe: Recipe) -> None:
    result, data = saved(engine, photo, recipe)
    assert data == photo.read_bytes()
    assert result.copied
    assert result.done_text.endswith("left as it is: copied byte for byte")
    assert json.loads(result.report())["copied"] is True


def test_the_automatic_mode_copies_a_photo_that_needs_nothing(engine: Engine, tmp_path: Path) -> None:
    path = write(photo_of(np.full((40, 60, 3), 99, np.uint8)), tmp_path / "photo.jpg", "jpeg")
    result, data = saved(engine, path, Recipe())
    assert (data, result.copied, result.done_text) == (path.read_bytes(), True, "left as it is: copied byte for byte")
    assert {reason.words for reason in result.reasons} == {"the photo is of one colour"}


def test_a_format_that_is_the_photos_own_asks_for_nothing_else(engine: Engine, photo: Path) -> None:
    own = engine.prepare(photo, NOTHING).output_format
    assert saved(engine, photo, dataclasses.replace(NOTHING, output=Output(format=own, strip=False)))[1] == photo.read_bytes()


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: next(iter(asked)))
def test_whatever_else_is_asked_of_the_file_forbids_the_copy(engine: Engine, photo: Path, asked: dict[str, Any]) -> None:
    result, data = saved(engine, photo, dataclasses.replace(NOTHING, output=Output(**asked)))
    assert not result.copied
    assert result.done_text == "nothing to do"
    assert data != photo.read_bytes()
    if "strip" in asked:
        assert read(photo.with_name("result"))[1].metadata.exif is None


def test_another_format_forbids_the_copy(engine: Engine, photo: Path) -> None:
    own = engine.prepare(photo, NOTHING).output_format
    for other in (entry.name for entry in WRITTEN if entry.name != own):
        result, _ = saved(engine, photo, to=f"result.{other}", format=other)
        assert not result.copied
        assert read(photo.with_name(f"result.{other}"))[0].header.format == other


def test_a_name_does_not_decide_what_a_file_is(engine: Engine, jpeg: Path) -> None:
    misnamed = jpeg.rename(jpeg.with_name("photo.png"))
    assert saved(engine, misnamed, to="result.jpg")[0].copied
    assert not engine.enhance(misnamed, NOTHING).save(jpeg.with_name("result.png")).copied


def test_a_step_that_changes_one_value_forbids_the_copy(engine: Engine, jpeg: Path) -> None:
    steps: tuple[StepOptions, ...] = (OFF, ExposureCorrection(ev=0.5))
    result, data = saved(engine, jpeg, Recipe(steps=steps))
    assert not result.copied
    assert data != jpeg.read_bytes()


def test_of_several_frames_the_first_is_no_copy(engine: Engine, tmp_path: Path) -> None:
    frames = [Image.fromarray(smooth(3)), Image.fromarray(255 - smooth(3))]
    for ending in ("png", "webp", "tiff"):
        path = tmp_path / f"photo.{ending}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
        result, data = saved(engine, path, dataclasses.replace(NOTHING, input=Input(animation="first")), to=f"result.{ending}")
        assert not result.copied, ending
        assert data != path.read_bytes(), ending
        assert any("only the first of" in warning for warning in result.warnings), ending


def test_formats_that_are_not_written_are_no_copies(engine: Engine, tmp_path: Path) -> None:
    for ending, written in (("gif", "png"), ("bmp", "png")):
        Image.fromarray(smooth(1)).save(tmp_path / f"photo.{ending}")
        result, _ = saved(engine, tmp_path / f"photo.{ending}", to=f"{ending}.{written}")
        assert not result.copied
        assert read(tmp_path / f"{ending}.{written}")[0].header.format == written


def test_a_photo_in_memory_is_no_copy(engine: Engine, tmp_path: Path) -> None:
    assert not engine.enhance(photo_of(smooth(3)), NOTHING).save(tmp_path / "result.png").copied


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_copy_keeps_its_orientation_and_its_size_is_that_of_the_photo_upright(engine: Engine, tmp_path: Path, orientation: int) -> None:
    pixels, path = smooth(3), tmp_path / "photo.jpg"
    tags = Image.Exif()
    tags[0x0112] = orientation
    Image.fromarray(turned(pixels, orientation)).save(path, quality=95, exif=tags)
    result, data = saved(engine, path)
    assert data == path.read_bytes()
    height, width = pixels.shape[:2]
    assert result.photo.size == Size(width, height)
    assert result.record()["plan"]["result"] == {"width": width, "height": height}
    upright, _ = saved(engine, path, dataclasses.replace(NOTHING, output=Output(quality=95)), to="upright")
    assert not upright.copied
    with Image.open(path.with_name("upright")) as image:
        assert (image.size, image.getexif().get(0x0112, 1)) == ((width, height), 1)


def test_a_copy_loses_nothing_and_warns_of_no_loss(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    vips(np.random.default_rng(1).integers(0, 256, (20, 30, 4), np.uint8)).copy(interpretation="cmyk").tiffsave(str(path))
    job = engine.prepare(path, NOTHING)
    assert (job.warnings, job.foreseen_warnings) == (("CMYK was converted to sRGB",), ())
    result, data = saved(engine, path)
    assert (data, result.warnings) == (path.read_bytes(), ())
    converted, _ = saved(engine, path, to="result.png", format="png")
    assert converted.warnings == ("CMYK was converted to sRGB",)
    changed = Recipe(steps=(OFF,), output=Output(strip_gps=True))
    assert engine.prepare(path, changed).foreseen_warnings == ("CMYK was converted to sRGB",)


def test_a_result_that_is_no_copy_says_what_was_done_in_its_xmp_and_a_copy_does_not(engine: Engine, jpeg: Path) -> None:
    saved(engine, jpeg, to="copy")
    saved(engine, jpeg, dataclasses.replace(NOTHING, output=Output(quality=95)), to="anew")
    assert read(jpeg.with_name("copy"))[1].metadata.xmp == read(jpeg)[1].metadata.xmp
    anew = read(jpeg.with_name("anew"))[1].metadata.xmp
    assert anew is not None
    assert xmp.notes(anew, tool="img-enhance")[-1] == "48x32 to 48x32"


def test_a_damaged_file_is_refused_and_not_copied(engine: Engine, photo: Path) -> None:
    data = photo.read_bytes()
    photo.write_bytes(data[: len(data) * 2 // 3])
    for recipe in (NOTHING, Recipe()):
        with pytest.raises(PhotoError):
            saved(engine, photo, recipe)
    assert [path.name for path in photo.parent.iterdir()] == ["photo"]


def replaced(photo: Path, other: bytes) -> None:
    new = photo.with_name("new")
    new.write_bytes(other)
    new.replace(photo)


def rewritten(photo: Path, other: bytes) -> None:
    photo.write_bytes(other)


@pytest.mark.parametrize("change", [replaced, rewritten, lambda photo, _: photo.unlink()])
def test_a_file_that_is_another_one_by_now_is_not_copied(engine: Engine, jpeg: Path, change: Any) -> None:
    result = engine.enhance(jpeg, NOTHING)
    change(jpeg, write(photo_of(255 - smooth(3)), jpeg.with_name("other"), "jpeg").read_bytes())
    written = result.save(jpeg.with_name("result.jpg"))
    assert not written.copied
    found = read(jpeg.with_name("result.jpg"))[1].pixels
    assert np.abs(found.astype(int) - result.photo.pixels).max() < 20


def test_a_file_that_changes_while_it_is_copied_is_refused(engine: Engine, jpeg: Path) -> None:
    result = engine.enhance(jpeg, NOTHING)

    whole = jpeg.read_bytes()

    def cancelled() -> bool:
        jpeg.write_bytes(whole + b"more")
        return False

    with pytest.raises(PhotoError, match="was written to while it was copied"):
        result.save(jpeg.with_name("result.jpg"), cancelled=cancelled)
    assert [path.name for path in jpeg.parent.iterdir()] == ["photo.jpg"]


def test_a_photo_put_in_the_place_of_the_files_is_written(engine: Engine, jpeg: Path) -> None:
    other = dataclasses.replace(engine.enhance(jpeg, NOTHING), photo=photo_of(255 - smooth(3)))
    assert not other.save(jpeg.with_name("result.jpg")).copied
    assert np.abs(read(jpeg.with_name("result.jpg"))[1].pixels.astype(int) - (255 - smooth(3))).max() < 20


def test_nobody_paints_on_a_photo_whose_file_would_be_copied(engine: Engine, jpeg: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        engine.enhance(jpeg, NOTHING).photo.pixels[0, 0] = 0
    engine.enhance(jpeg, Recipe(steps=(ExposureCorrection(ev=1),))).photo.pixels[0, 0] = 0


def test_a_copy_appears_whole_or_not_at_all(engine: Engine, jpeg: Path) -> None:
    result = engine.enhance(jpeg, NOTHING)
    with pytest.raises(Cancelled):
        result.save(jpeg.with_name("result.jpg"), cancelled=lambda: True)
    assert [path.name for path in jpeg.parent.iterdir()] == ["photo.jpg"]
    jpeg.with_name("result.jpg").write_bytes(b"somebody's")
    with pytest.raises(OutputError, match="already exists"):
        result.save(jpeg.with_name("result.jpg"))
    assert jpeg.with_name("result.jpg").read_bytes() == b"somebody's"
    assert result.save(jpeg.with_name("result.jpg"), overwrite=True).copied
    assert jpeg.with_name("result.jpg").read_bytes() == jpeg.read_bytes()


def test_a_photo_may_be_copied_onto_itself(engine: Engine, jpeg: Path) -> None:
    data = jpeg.read_bytes()
    assert engine.enhance(jpeg, NOTHING).save(jpeg, overwrite=True).copied
    assert jpeg.read_bytes() == data


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_a_copy_has_the_mode_of_any_new_file(engine: Engine, jpeg: Path) -> None:
    jpeg.chmod(0o400)
    saved(engine, jpeg, to="copy")
    saved(engine, jpeg, dataclasses.replace(NOTHING, output=Output(quality=95)), to="anew")
    copy, anew = (stat.S_IMODE(jpeg.with_name(name).stat().st_mode) for name in ("copy", "anew"))
    assert copy == anew != 0o400


def test_a_copy_has_the_flaws_of_its_file_and_they_are_said(engine: Engine, jpeg: Path) -> None:
    jpeg.write_bytes(jpeg.read_bytes().removesuffix(b"\xff\xd9"))
    result, data = saved(engine, jpeg)
    assert result.copied
    assert data == jpeg.read_bytes()
    assert [said.rpartition(": ")[2] for said in result.warnings] == ["its end marker is missing"]


def test_large_files_are_copied_in_blocks(engine: Engine, jpeg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("img_enhance.files._BLOCK_BYTES", 7)
    assert saved(engine, jpeg)[1] == jpeg.read_bytes()


def test_the_state_is_that_of_the_file_whose_header_was_read(engine: Engine, jpeg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is replaced between header and pixels is not taken for the one that was decoded."""
    opened, other = open_image, write(photo_of(255 - smooth(3)), jpeg.with_name("other"), "jpeg").read_bytes()

    def open_and_replace(path: Path, name: str, max_pixels: int | None, **settings: Any) -> Any:
        image = opened(path, name, max_pixels, **settings)
        if max_pixels is not None:
            replaced(path, other)
        return image

    monkeypatch.setattr(reading, "open_image", open_and_replace)
    assert not saved(engine, jpeg)[0].copied


def test_photos_of_the_test_data_are_copied(engine: Engine, data: Path, tmp_path: Path) -> None:
    for source in sorted((data / "photos").iterdir()):
        photo = tmp_path / source.name
        photo.write_bytes(source.read_bytes())
        result, copy = saved(engine, photo, to=f"copy of {source.name}")
        assert result.copied, source.name
        assert copy == source.read_bytes()


def test_a_photo_object_stays_what_it_was(engine: Engine) -> None:
    pixels = smooth(3)
    assert engine.enhance(Photo(pixels), NOTHING).photo.pixels.flags.writeable
    assert pixels.flags.writeable
