"""Real photos in real light: what the bench says of them is true of the files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("skimage", reason="scikit-image is not installed; the extra bench-quality brings it")

from quality.collection import HELD_OUT, TUNE
from quality.light import encode
from quality.metrics import difference
from quality.real import MEANT, ORIGINS, PAIRS, MeantPhotos, RealPair, meant_photos, pictures_of, root_of

WARM = np.array([1.3, 1.0, 0.6], np.float32)


def test_every_photo_has_an_origin_with_a_commit() -> None:
    origins = {origin.repository: origin for origin in ORIGINS}
    assert len(origins) == len(ORIGINS)
    assert {pair.repository for pair in PAIRS} | {photos.repository for photos in MEANT} == set(origins)
    assert all(len(origin.commit) == 40 for origin in ORIGINS)


def test_no_scene_is_in_both_sets() -> None:
    assert {pair.set for pair in PAIRS} == {TUNE, HELD_OUT}
    held_out = {pair.repository for pair in PAIRS if pair.set == HELD_OUT}
    assert not held_out & {pair.repository for pair in PAIRS if pair.set == TUNE}


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Path, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """A folder with a photo under a warm light whose lower half is measured, and what is in the photo, linear light."""
    things = np.random.default_rng(1).uniform(0.1, 0.5, (40, 60, 3)).astype(np.float32)
    root = root_of(tmp_path, "someone/photos")
    root.mkdir()
    Image.fromarray(encode(things * WARM)).save(root / "given.png")
    light = np.rint(np.broadcast_to(WARM / WARM.max() * 200, things.shape)).astype(np.uint8)
    light[:20] = 0
    Image.fromarray(light).save(root / "light.png")
    return tmp_path, things


def test_a_measured_light_is_taken_out_also_where_it_is_not_known(
    scene: tuple[Path, np.ndarray[tuple[int, ...], np.dtype[np.float32]]],
) -> None:
    folder, things = scene
    given, truth = pictures_of(RealPair(TUNE, "someone/photos", "given.png", "light.png", lit=True), folder)
    # Rounding to 8 bits, of the photo and of the light; brightness is kept, so the scene is as bright as it was in that light.
    brightness = float((things * WARM).mean() / things.mean())
    assert difference(truth, encode(things * np.float32(brightness))) < 2
    assert difference(given, truth) > 10


def test_a_pair_of_files_is_read_as_it_is(scene: tuple[Path, object]) -> None:
    given, truth = pictures_of(RealPair(TUNE, "someone/photos", "given.png", "light.png"), scene[0])
    assert (truth[:20] == 0).all()
    assert given.shape == truth.shape


def test_pictures_that_are_no_photos_are_left_out(scene: tuple[Path, object]) -> None:
    root = root_of(scene[0], "someone/photos")
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    for name in ("sunset.png", "logo_large.png"):
        Image.fromarray(noise).save(root / name)
    Image.fromarray(noise[:100]).save(root / "flat.png")
    assert [name for name, _ in meant_photos(MeantPhotos("someone/photos", ".", ("logo",)), scene[0])] == ["sunset"]
