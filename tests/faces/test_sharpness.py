"""Sharpness falls with blur and with enlargement, and does not hang on contrast."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from img_enhance.faces.sharpness import SHARP, sharpness

Array = npt.NDArray[np.float32]
SAMPLE = Path(__file__).parent.parent.parent / "samples" / "cat.png"


@pytest.fixture(scope="module")
def photo() -> Array:
    """512 x 512 of a real photo at its own size, mirrored where it ends."""
    with Image.open(SAMPLE) as sample:
        pixels = np.asarray(sample.convert("RGB"), np.float32) / 255
    height, width = pixels.shape[:2]
    down, right = max(0, 512 - height), max(0, 512 - width)
    padded = np.pad(pixels, ((down // 2, down - down // 2), (right // 2, right - right // 2), (0, 0)), mode="reflect")
    top, left = (padded.shape[0] - 512) // 2, (padded.shape[1] - 512) // 2
    return np.ascontiguousarray(padded[top : top + 512, left : left + 512])


def blurred(crop: Array, sigma: float) -> Array:
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.float32)


def test_more_blur_is_less_sharp(photo: Array) -> None:
    figures = [sharpness(photo), *(sharpness(blurred(photo, sigma)) for sigma in (0.7, 1, 1.5, 2, 3, 5))]
    assert figures == sorted(figures, reverse=True)
    assert figures[0] - figures[-1] > 0.3


def test_a_photo_is_sharp_and_enlarged_it_is_not(photo: Array) -> None:
    part = photo[171:341, 171:341]
    large = np.clip(cv2.resize(part, (512, 512), interpolation=cv2.INTER_CUBIC), 0, 1)
    assert sharpness(photo) > SHARP
    assert sharpness(blurred(photo, 1.5)) < SHARP
    assert sharpness(np.asarray(large, np.float32)) < SHARP


def test_contrast_and_brightness_do_not_count(photo: Array) -> None:
    assert sharpness(0.3 + 0.5 * photo) == pytest.approx(sharpness(photo), abs=1e-4)


def test_blur_in_one_direction_counts_in_part(photo: Array) -> None:
    moved = np.asarray(cv2.blur(photo, (15, 1)), np.float32)
    assert sharpness(moved) <= sharpness(photo)


def test_a_flat_crop_is_not_sharp() -> None:
    assert sharpness(np.full((512, 512, 3), 0.4, np.float32)) == 0
