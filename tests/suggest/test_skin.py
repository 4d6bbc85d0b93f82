"""The hint that there may be a face speaks of faces of any size, not of cats, and never of what has no colour."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from img_enhance.models.weights.cache import WeightStore
from img_enhance.photo import Photo
from img_enhance.request.recipe import Reason
from img_enhance.suggest.skin import may_show_a_face
from img_enhance.suggest.suggest import suggest

SKINS = ("#ffdbac", "#e0ac69", "#c68642", "#8d5524")


def drawn(skin: str, side: int = 60, *, eyes: bool = True) -> npt.NDArray[np.uint8]:
    """An oval of this colour on a meadow, with eyes and a mouth or without."""
    made = Image.new("RGB", (320, 240), "#3f7a34")
    draw, left, top = ImageDraw.Draw(made), 130, 70
    draw.ellipse((left, top, left + side, top + side * 4 // 3), fill=skin)
    if eyes:
        for x in (0.25, 0.65):
            draw.ellipse((left + x * side, top + 0.5 * side, left + (x + 0.15) * side, top + 0.6 * side), fill="#202030")
        draw.rectangle((left + 0.3 * side, top + 0.95 * side, left + 0.7 * side, top + 1.02 * side), fill="#a02030")
    return np.asarray(made)


def reason(photo: Photo, store: WeightStore | None) -> Reason:
    (found,) = (each for each in suggest(photo, store=store).reasons if each.step == "gfpgan")
    return found


@pytest.mark.parametrize("skin", SKINS)
@pytest.mark.parametrize("side", [24, 60, 110])
def test_a_face_of_any_size_and_tone_is_hinted_at(skin: str, side: int) -> None:
    assert may_show_a_face(Photo(drawn(skin, side)))
    assert may_show_a_face(Photo(drawn(skin, side).astype(np.uint16) * 257))


def test_what_has_no_eyes_or_no_colour_is_none() -> None:
    assert not may_show_a_face(Photo(drawn(SKINS[1], eyes=False)))
    assert not may_show_a_face(Photo(drawn("#4060c0")))
    grey = np.repeat(drawn(SKINS[1]).mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    assert not may_show_a_face(Photo(grey, grey=True))
    assert not may_show_a_face(Photo(grey))


@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (900, 2), (33, 32)])
def test_odd_pictures_have_none(shape: tuple[int, int]) -> None:
    assert not may_show_a_face(Photo(np.full((*shape, 3), (224, 172, 105), np.uint8)))


def test_a_cat_gets_no_word_of_weights_and_no_warning(cat: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    found = reason(Photo(cat), WeightStore(tmp_path))
    assert (found.words, found.lacking, found.noticed) == ("no face was noticed", False, False)


def test_where_a_face_may_be_it_is_said_once_and_calmly(data: Path, tmp_path: Path) -> None:
    with Image.open(data / "photos" / "group_of_faces.png") as image:
        photo = Photo(np.asarray(image.convert("RGB")))
    found = reason(photo, WeightStore(tmp_path))
    assert found.words == (
        "there may be a face, which could be looked for and restored; run: img-enhance models pull yunet-2026may gfpgan-1.4"
    )
    assert (found.chosen, found.lacking, found.noticed) == (False, False, False)
    assert reason(photo, None).words == "faces were not looked for"
