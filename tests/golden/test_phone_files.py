"""What phones put behind the picture of a JPEG: carried over, brought up to date, or said to be gone."""

from pathlib import Path

import numpy as np
import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st
from phone_files import (
    APPLES,
    CAMERA,
    DEPTH,
    GAIN,
    HDRGM,
    ISO,
    MOTION,
    VIDEO,
    gain_map,
    hdr,
    indexed,
    jpeg,
    map_of,
    saved,
    segment,
    ultra_hdr,
    xmp,
)
from PIL import Image
from PIL.MpoImagePlugin import MpoImageFile
from small_pictures import Array, smooth
from test_metadata import exif

from img_enhance.engine import Engine
from img_enhance.engine.result import Result
from img_enhance.metadata.attached import behind
from img_enhance.metadata.xmp import Attached, attached_in
from img_enhance.request.options import Output
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import CLAHE, RealESRGAN, StepOptions

TWICE = RealESRGAN(model="realesr-animevideov3", upscale=2)
# Of JPEG at quality 95, and of what enlarging does to a ramp at its ends.
NEAR = 8


def enhanced(path: Path, *steps: StepOptions, output: Output | None = None) -> Result:
    """The result of a file, saved beside it."""
    with Engine() as engine:
        result = engine.enhance(path, Recipe(steps=steps, output=output or Output()))
        name = "result." + ("png" if output is not None and output.format == "png" else "jpg")
        return result.save(path.with_name(name), overwrite=True)


def lying_behind(path: Path) -> tuple[bytes, Attached]:
    """The bytes behind the picture of a file, and what its XMP says of them."""
    file = path.read_bytes()
    packet = file[file.index(b"<x:xmpmeta") : file.index(b"</x:xmpmeta>") + 12]
    return file[file.index(b"\xff\xd9") + 2 :], attached_in(packet)


def test_a_gain_map_is_enlarged_with_the_picture(tmp_path: Path) -> None:
    path = saved(ultra_hdr(), tmp_path)
    result = enhanced(path, TWICE)
    before, after = hdr(path), hdr(tmp_path / "result.jpg")
    assert (after.width, after.height) == (2 * before.width, 2 * before.height)
    assert map_of(tmp_path / "result.jpg").shape == (32, 48)
    halved = after.shrink(2, 2)
    assert np.abs(halved.numpy() - before.numpy()).mean() < 0.1 * before.avg()
    assert before.avg() > 1.5 * pyvips.Image.jpegload(str(path)).colourspace("scrgb").avg(), "the map makes a difference"
    with MpoImageFile(str(tmp_path / "result.jpg")) as pictures:
        pictures.seek(1)
        assert pictures.size == (48, 32)
    rest, stated = lying_behind(tmp_path / "result.jpg")
    assert (stated.gain_map, stated.video) == (len(rest), None)
    assert not result.warnings


def values(path: Path) -> Array:
    """The pixels of a JPEG without what lies behind it, by another decoder."""
    with Image.open(path) as picture:
        return np.asarray(picture).astype(float)


def test_a_part_gets_the_gain_map_of_that_part(tmp_path: Path) -> None:
    path = saved(ultra_hdr(), tmp_path)
    enhanced(path, output=Output(crop="12,8,24,16"))
    part = map_of(tmp_path / "result.jpg").astype(float)
    whole = np.linspace(0, 250, 24)
    assert part.shape == (16, 24)
    assert np.abs(part.mean(axis=0) - np.interp((np.arange(12, 36) + 0.5) / 2 - 0.5, np.arange(24), whole)).max() < NEAR


@pytest.mark.parametrize("turn", [3, 6, 8])
def test_apples_gain_map_is_turned_upright_with_the_picture(turn: int, tmp_path: Path) -> None:
    map_ = gain_map(xmp(APPLES))
    path = saved(indexed(smooth(3), None, {map_: 0}, segment(0xE1, exif(turn=turn))), tmp_path)
    assert not enhanced(path, output=Output(quality=90)).warnings
    rest, _ = lying_behind(tmp_path / "result.jpg")
    assert b"HDRGainMap" in rest
    (tmp_path / "map.jpg").write_bytes(rest)
    turned = {3: 2, 6: -1, 8: 1}[turn]
    (tmp_path / "stored.jpg").write_bytes(map_)
    assert np.abs(values(tmp_path / "map.jpg") - np.rot90(values(tmp_path / "stored.jpg"), turned)).max() < NEAR


def test_a_gain_map_that_nothing_moved_stays_byte_for_byte(tmp_path: Path) -> None:
    map_ = gain_map(xmp("")).replace(b"\xff\xe1", segment(0xE2, ISO) + b"\xff\xe1", 1)
    path = saved(indexed(smooth(3), None, {map_: 0}, segment(0xE2, ISO)), tmp_path)
    enhanced(path, output=Output(quality=80))
    written = (tmp_path / "result.jpg").read_bytes()
    assert written.endswith(map_)
    assert segment(0xE2, ISO) in written[: -len(map_)]


def test_a_gain_map_takes_no_place_along(tmp_path: Path) -> None:
    map_ = gain_map()
    path = saved(indexed(smooth(3), None, {map_[:2] + segment(0xE1, exif()) + map_[2:]: 0}), tmp_path)
    enhanced(path, output=Output(strip_gps=True))
    assert lying_behind(tmp_path / "result.jpg")[0] == map_


def test_a_gain_map_does_not_fit_tones_that_changed(tmp_path: Path) -> None:
    result = enhanced(saved(ultra_hdr(), tmp_path), CLAHE(grid=2), TWICE)
    assert ["gain map" in warning for warning in result.warnings] == [True]
    rest, stated = lying_behind(tmp_path / "result.jpg")
    assert (rest, stated) == (b"", Attached())
    assert b"hdrgm" not in (tmp_path / "result.jpg").read_bytes().replace(b"xmlns:hdrgm", b"")


def test_other_formats_hold_neither_and_say_so(tmp_path: Path) -> None:
    result = enhanced(saved(ultra_hdr(video=VIDEO), tmp_path), output=Output(format="png"))
    assert [warning.split(";")[0] for warning in result.warnings] == ["png holds no gain map", "png holds no video"]
    assert b"MotionPhoto" not in (tmp_path / "result.png").read_bytes()


def test_a_video_follows_the_new_picture_byte_for_byte(tmp_path: Path) -> None:
    path = saved(jpeg(smooth(3), xmp(MOTION, {"MotionPhoto": len(VIDEO)})) + VIDEO, tmp_path)
    assert not enhanced(path, TWICE).warnings
    assert lying_behind(tmp_path / "result.jpg") == (VIDEO, Attached(video=len(VIDEO)))


def test_a_micro_video_follows_too(tmp_path: Path) -> None:
    told = f'{CAMERA} GCamera:MicroVideo="1" GCamera:MicroVideoVersion="1" GCamera:MicroVideoOffset="{len(VIDEO)}"'
    path = saved(jpeg(smooth(3), xmp(told)) + VIDEO, tmp_path)
    assert not enhanced(path, TWICE).warnings
    assert lying_behind(tmp_path / "result.jpg") == (VIDEO, Attached(video=len(VIDEO)))


def test_a_gain_map_and_a_video_both_follow(tmp_path: Path) -> None:
    path = saved(ultra_hdr(video=VIDEO), tmp_path)
    enhanced(path, TWICE)
    rest, stated = lying_behind(tmp_path / "result.jpg")
    assert rest.endswith(VIDEO)
    assert (stated.gain_map, stated.video) == (len(rest) - len(VIDEO), len(VIDEO))
    assert map_of(tmp_path / "result.jpg").shape == (32, 48)


@pytest.mark.parametrize(("output", "said"), [(Output(motion="drop"), 0), (Output(strip_gps=True), 1), (Output(strip=True), 1)])
def test_a_video_is_dropped_with_its_tags(output: Output, said: int, tmp_path: Path) -> None:
    path = saved(jpeg(smooth(3), xmp(MOTION, {"MotionPhoto": len(VIDEO)})) + VIDEO, tmp_path)
    assert len(enhanced(path, output=output).warnings) == said
    written = (tmp_path / "result.jpg").read_bytes()
    assert b"ftyp" not in written
    assert b"MotionPhoto" not in written
    assert b"Container:Directory" not in written


def test_what_strip_leaves_out_behind_the_picture_is_said(tmp_path: Path) -> None:
    result = enhanced(saved(ultra_hdr(video=VIDEO), tmp_path), output=Output(strip=True))
    assert [said.split(" was left out")[0] for said in result.warnings] == [
        "the photo's gain map, which makes it HDR,",
        "the photo's video",
    ]
    assert (tmp_path / "result.jpg").read_bytes().find(b"\xff\xd9") == (tmp_path / "result.jpg").stat().st_size - 2


def test_a_file_that_is_left_as_it_is_keeps_all(tmp_path: Path) -> None:
    file = indexed(smooth(3), None, {gain_map(xmp(DEPTH)): 0}) + VIDEO
    result = enhanced(saved(file, tmp_path), output=Output(motion="keep"))
    assert result.copied
    assert not result.warnings
    assert (tmp_path / "result.jpg").read_bytes() == file


@pytest.mark.parametrize(
    ("packet", "kind", "said"),
    [
        (xmp(DEPTH), 0, "the depth map in its file was left out"),
        (xmp(""), 0x020003, "the second picture in its file was left out"),
        (xmp(""), 0x010002, ""),
    ],
)
def test_other_pictures_are_said_and_smaller_copies_are_not(packet: bytes, kind: int, said: str, tmp_path: Path) -> None:
    path = saved(indexed(smooth(3), None, {gain_map(packet): kind}), tmp_path)
    assert enhanced(path, TWICE).warnings == ((said,) if said else ())


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (jpeg(smooth(3), xmp(MOTION)), "its XMP speaks of a video, but there is none in the file"),
        (
            jpeg(smooth(3)) + b"Image_UTC_Data1600000000000SEFH...SEFT" + bytes(8),
            "the notes of a Samsung phone at the end of its file were left out",
        ),
        (jpeg(smooth(3)) + b"note" * 500, "2000 bytes that follow the picture in its file were left out"),
        (jpeg(smooth(3)) + VIDEO + b"MotionPhoto_Data", "the video in its file was left out: it is of an older kind of Samsung's"),
        (
            jpeg(smooth(3), xmp(""), segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"x" * 100)),
            "the extended part of its XMP (135 bytes), where some phones keep depth and sound, was left out",
        ),
    ],
)
def test_what_cannot_be_kept_is_said(file: bytes, said: str, tmp_path: Path) -> None:
    result = enhanced(saved(file, tmp_path), TWICE)
    assert result.warnings == (said,)
    assert b"MotionPhoto" not in (tmp_path / "result.jpg").read_bytes()


def test_a_damaged_gain_map_is_dropped_and_said(tmp_path: Path) -> None:
    file = ultra_hdr()
    path = saved(file[: len(file) - 100], tmp_path)
    (warning,) = enhanced(path, TWICE).warnings
    assert warning.startswith("its gain map is damaged and was dropped: ")


@given(st.data())
def test_broken_files_raise_nothing(data: st.DataObject) -> None:
    file = bytearray(ultra_hdr(video=VIDEO))
    for _ in range(data.draw(st.integers(0, 20))):
        file[data.draw(st.integers(2, len(file) - 1))] = data.draw(st.integers(0, 255))
    found = behind(bytes(file[: data.draw(st.integers(0, len(file)))]), xmp(f"{HDRGM} {MOTION}", {"GainMap": 700, "MotionPhoto": 2000}))
    assert found.video is None or b"ftyp" in found.video


def test_gain_maps_are_told_by_their_own_words() -> None:
    assert behind(ultra_hdr(), xmp(GAIN)).gain_map == gain_map()
