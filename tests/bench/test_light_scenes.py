"""Which frame of a scene is right, and which are cases."""

from pathlib import Path

import numpy as np
import pytest
from bracketed import GAINS, Pixels, exposed, right, write_data
from PIL import Image

from light.scenes import CASES, NoScenes, Scene, scene_of, sequences


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    write_data(tmp_path)
    monkeypatch.setenv("IMG_ENHANCE_TEST_DATA", str(tmp_path))
    return sequences()["7"]


def scene(files: list[Path]) -> Scene:
    found = scene_of("7", files)
    assert found is not None
    return found


def test_cases_are_the_right_frame_and_the_nearest_on_each_side(files: list[Path]) -> None:
    found = scene(files)
    assert np.array_equal(found.truth, right())
    cases = {frame.case: frame.name for frame in found.frames if frame.case}
    assert cases == {"truth": "1.0.png", "under1": "0.6.png", "under2": "0.3.png", "over1": "1.3.png", "over2": "1.6.png"}
    assert set(cases) == set(CASES)
    assert len(found.frames) == len(GAINS)


def test_colours_come_as_red_green_blue(files: list[Path]) -> None:
    dark = next(frame for frame in scene(files).frames if frame.case == "under2")
    assert np.array_equal(dark.pixels, exposed(right(), 0.3))


def test_the_fusion_is_nearer_to_the_right_frame_than_the_wrong_ones(files: list[Path]) -> None:
    def apart(pixels: Pixels) -> float:
        return float(np.abs(pixels.astype(float) - right()).mean())

    found = scene(files)
    assert apart(found.fusion) < min(apart(frame.pixels) for frame in found.frames if frame.case not in ("truth", None))


def test_frames_that_are_all_but_black_are_no_cases(files: list[Path]) -> None:
    assert files[0].name == "0.05.png"
    assert [frame.case for frame in scene([files[0], *files[3:]]).frames][:2] == [None, None]


def test_frames_that_are_mostly_white_are_no_cases(files: list[Path]) -> None:
    Image.fromarray(exposed(right(), 9)).save(files[-1])
    assert [frame.case for frame in scene(files).frames][-2:] == ["over1", None]


def test_scenes_without_a_right_frame_or_of_several_sizes_are_none(files: list[Path]) -> None:
    assert scene_of("7", files[:3]) is None
    Image.fromarray(right()[:-1]).save(files[0])
    assert scene_of("7", files) is None


def test_tells_where_the_photos_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMG_ENHANCE_TEST_DATA", str(tmp_path))
    with pytest.raises(NoScenes, match=r"brackets/sequences\.csv in the folder that IMG_ENHANCE_TEST_DATA names"):
        sequences()
