"""What the bench of light measures of pictures."""

import numpy as np
import pytest
from bracketed import Pixels, exposed

skimage_metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed; the extra bench-quality brings it")

from light.metrics import both_ends_matter, distances, effects, gaps, lab_of, smooth_parts, ssim, target_of  # noqa: E402

GRADIENT: Pixels = np.repeat(np.linspace(40, 200, 512).astype(np.uint8)[None, :, None], 64, 0).repeat(3, 2)


def test_ssim_is_that_of_scikit_image(cat: Pixels) -> None:
    for picture in (exposed(cat, 0.3), np.roll(cat, 3, 0), cat):
        other = skimage_metrics.structural_similarity(cat, picture, channel_axis=2, data_range=255)
        assert ssim(cat, picture) == pytest.approx(other, abs=1e-9)


def test_a_picture_is_at_no_distance_from_itself_and_farther_the_darker_it_is(cat: Pixels) -> None:
    truth = target_of(cat)
    same, dark, darker = (distances(target_of(exposed(cat, gain)), truth, truth) for gain in (1, 0.6, 0.3))
    assert (same.to_truth, same.to_fusion, same.psnr) == (0, 0, 60)
    assert same.ssim == pytest.approx(1)
    assert 0 < dark.to_truth < darker.to_truth
    assert dark.psnr > darker.psnr
    assert dark.ssim > darker.ssim


def test_the_distance_to_the_fusion_is_to_the_fusion(cat: Pixels) -> None:
    found = distances(target_of(cat), target_of(exposed(cat, 0.5)), target_of(cat))
    assert found.to_truth > 5
    assert found.to_fusion == 0


def test_only_pixels_that_were_not_clipped_before_are_newly_clipped() -> None:
    given = np.full((10, 10, 3), 100, np.uint8)
    given[0] = 255
    made = given.copy()
    made[1, :, 0] = 255  # one channel at white
    made[2] = 0  # all at black
    made[3, :, 0] = 0  # one at black is a colour
    assert effects(target_of(made), given, target_of(given)).clipped == pytest.approx(0.2)


def test_chroma_and_local_contrast_follow_the_picture(cat: Pixels) -> None:
    grey = np.asarray(cat.mean(-1, keepdims=True).repeat(3, 2), np.uint8)
    found = effects(target_of(grey), cat, target_of(cat))
    assert found.chroma == pytest.approx(0, abs=0.1)
    assert found.chroma_of_truth > 3
    flat = effects(target_of(np.full_like(cat, 99)), cat, target_of(cat))
    assert flat.local_contrast == pytest.approx(0, abs=1e-6)
    assert flat.local_contrast_of_truth == pytest.approx(found.local_contrast_of_truth) != 0


def test_a_gradient_that_is_spread_has_gaps_between_codes() -> None:
    spread = ((GRADIENT.astype(int) - 40) * 255 // 160).astype(np.uint8)
    found = effects(target_of(spread), GRADIENT, target_of(GRADIENT))
    # 161 codes over 256.
    assert found.gaps == pytest.approx(1 - 161 / 256, abs=0.02)
    assert effects(target_of(GRADIENT), GRADIENT, target_of(GRADIENT)).gaps == 0


def test_gaps_that_were_there_before_are_not_counted() -> None:
    rough = GRADIENT & np.uint8(0b11111110)
    assert gaps(rough, smooth_parts(rough)) == pytest.approx(0.5, abs=0.01)
    assert effects(target_of(rough), rough, target_of(GRADIENT)).gaps == 0


def test_gaps_are_not_told_where_little_is_smooth() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    assert smooth_parts(GRADIENT).all()
    assert not smooth_parts(noise).any()
    assert gaps(noise, smooth_parts(noise)) is None


def test_both_ends_matter_where_a_tenth_is_dark_and_a_tenth_bright() -> None:
    pixels = np.full((100, 100, 3), 128, np.uint8)
    pixels[:12], pixels[-12:] = 10, 250
    assert both_ends_matter(lab_of(pixels))
    pixels[:6] = 128
    assert not both_ends_matter(lab_of(pixels))
