"""A photo's facts: known truths come back, odd photos give numbers, nothing is changed and nothing large is copied."""

import dataclasses
import io
import json
import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter

from conftest import SAMPLE
from img_enhance.metadata.jpeg import jpeg_quality
from img_enhance.photo import Photo
from img_enhance.suggest.analysis import LATTICE_PIXELS, analyse, lightness, thinned
from img_enhance.suggest.texture import measure_texture

Pixels = npt.NDArray[Any]

# What a photo has of its own, in 8-bit values, adds to the noise in quadrature; the rest is the estimator's own error.
OWN_NOISE = 0.6
NOISE_TOLERANCE = 0.12


@pytest.fixture(scope="module")
def sample() -> Pixels:
    with Image.open(SAMPLE) as photo:
        return np.asarray(photo.convert("RGB"))


def noisy(pixels: Pixels, sigma: float) -> Pixels:
    noise = np.random.RandomState(7).normal(0, sigma, pixels.shape)
    return np.asarray(np.clip(np.rint(pixels + noise), 0, 255), np.uint8)


def through_jpeg(pixels: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def sigma_of(pixels: Pixels) -> float:
    """The estimated noise in 8-bit values."""
    return 255 * measure_texture(Photo(pixels)).noise_sigma


@pytest.mark.parametrize("sigma", [1, 2, 3, 5, 8, 12, 20])
def test_noise_added_to_a_photo_is_found(sigma: int, sample: Pixels) -> None:
    assert sigma_of(noisy(sample, sigma)) == pytest.approx(math.hypot(sigma, OWN_NOISE), rel=NOISE_TOLERANCE)


@pytest.mark.parametrize("name", ["OST_009.png", "00003.png"])
@pytest.mark.parametrize("sigma", [2, 5, 20])
def test_noise_added_to_a_photo_full_of_texture_is_found(name: str, sigma: int, data: Path) -> None:
    pixels = np.asarray(Image.open(data / "photos" / name).convert("RGB"))
    assert sigma_of(noisy(pixels, sigma)) == pytest.approx(math.hypot(sigma, OWN_NOISE), rel=NOISE_TOLERANCE)


def test_a_clean_photo_has_little_noise(sample: Pixels) -> None:
    assert sigma_of(sample) < 0.6


def test_noise_is_found_in_16_bits_as_in_8(sample: Pixels) -> None:
    shallow = noisy(sample, 5)
    deep = measure_texture(Photo(shallow.astype(np.uint16) * 257))
    assert deep.noise_sigma == pytest.approx(measure_texture(Photo(shallow)).noise_sigma, rel=1e-5)


def test_clipping_does_not_hide_noise(sample: Pixels) -> None:
    burnt = sample.copy()
    burnt[:, :150] = 255
    assert sigma_of(noisy(burnt, 10)) == pytest.approx(10, rel=NOISE_TOLERANCE)


def test_blur_grows_with_the_radius(sample: Pixels) -> None:
    picture = Image.fromarray(sample)
    radii = (0, 0.5, 1, 1.5, 2, 3, 5)
    found = [measure_texture(Photo(np.asarray(picture.filter(ImageFilter.GaussianBlur(radius))))).blur for radius in radii]
    assert found == sorted(found)
    assert found[0] < 0.4
    assert found[-1] > 0.75


def test_blur_in_one_direction_counts(sample: Pixels) -> None:
    dragged = np.asarray(np.mean([np.roll(sample, shift, axis=0) for shift in range(8)], axis=0), np.uint8)
    turned = np.ascontiguousarray(dragged.swapaxes(0, 1))
    assert measure_texture(Photo(dragged)).blur > 0.6
    assert measure_texture(Photo(turned)).blur == pytest.approx(measure_texture(Photo(dragged)).blur, abs=0.01)


def test_blocks_tell_a_bad_jpeg_from_a_good_one(sample: Pixels) -> None:
    found = {quality: measure_texture(Photo(through_jpeg(sample, quality))).blocking for quality in (30, 60, 90)}
    assert found[30] > 1.5 > found[60] > 0.5 > found[90]
    assert measure_texture(Photo(sample)).blocking < 0.05


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_blocks_are_found_when_the_photo_is_cropped_or_turned(turns: int, sample: Pixels) -> None:
    blocky = through_jpeg(sample, 30)
    straight = measure_texture(Photo(blocky)).blocking
    assert measure_texture(Photo(np.rot90(blocky[3:, 5:], turns))).blocking == pytest.approx(straight, rel=0.05)


@pytest.mark.parametrize("quality", [1, 10, 30, 49, 50, 75, 90, 95, 100])
def test_quality_is_read_from_a_jpeg(quality: int, sample: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.fromarray(sample[:16, :16]).save(path, quality=quality, exif=b"Exif\0\0" + bytes(40))
    assert jpeg_quality(path) == quality


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff\xdb\0\x43\0" + bytes(5), b"\xff\xd8\xff\xda", b"\xff\xd8" + b"\xff" * 5000, b"PNG"],
)
def test_quality_of_no_jpeg_or_half_a_one_is_not_known(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert jpeg_quality(path) is None


def test_light_is_measured_as_the_profile_says() -> None:
    half = np.full((40, 40, 3), 188, np.uint8)  # 188 stands for half of white's light in sRGB
    half[:10] = 0
    found = analyse(Photo(half)).luminance
    assert (found.p1, found.median, found.p99) == pytest.approx((0, 0.503, 0.503), abs=1e-3)


def test_log_average_is_the_geometric_mean() -> None:
    pixels = np.full((40, 40, 3), 255, np.uint8)
    pixels[:20] = 188
    assert analyse(Photo(pixels)).luminance.log_average == pytest.approx(math.sqrt(0.503), abs=1e-3)


def test_clipped_parts_are_counted() -> None:
    pixels = np.full((100, 100, 3), 128, np.uint8)
    pixels[:10] = 0
    pixels[10:15, :, 1] = 255  # one channel is enough to lose colour
    pixels[15:20, :, 2] = 0  # but not to be black
    facts = analyse(Photo(pixels))
    assert (facts.black_fraction, facts.white_fraction) == pytest.approx((0.1, 0.05))


def test_what_is_transparent_does_not_count(sample: Pixels) -> None:
    pixels, alpha = noisy(sample, 20), np.zeros(sample.shape[:2], np.uint8)
    pixels[:, 200:] = sample[:, 200:]
    pixels[:100, 200:] = 255
    alpha[100:, 200:] = 255
    seen = analyse(Photo(np.ascontiguousarray(pixels[100:, 200:])))
    facts = analyse(Photo(pixels, alpha))
    assert facts.has_alpha
    assert facts.visible_fraction == pytest.approx(200 * 251 / (300 * 451), abs=1e-6)
    assert facts.luminance == seen.luminance
    assert facts.white_fraction == seen.white_fraction
    assert 255 * facts.texture.noise_sigma < 0.7


def test_lightness_is_that_of_cie() -> None:
    assert lightness([0, 0.001, 0.184, 1]) == pytest.approx([0, 0.903, 49.98, 100], abs=0.01)


ODD = {
    "black": np.zeros((30, 40, 3), np.uint8),
    "white": np.full((30, 40, 3), 255, np.uint8),
    "one colour": np.full((300, 400, 3), (200, 30, 90), np.uint8),
    "two values": np.indices((64, 64)).sum(axis=0)[..., None].repeat(3, axis=2).astype(np.uint8) % 2 * 255,
    "one pixel": np.full((1, 1, 3), 77, np.uint8),
    "a row": np.full((1, 3000, 3), 77, np.uint8),
    "a column": np.arange(9000, dtype=np.uint16).reshape(3000, 1, 3),
    "16 bits": np.full((20, 20, 3), 65_535, np.uint16),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("alpha", [None, 0, 1])
def test_odd_photos_give_finite_facts(name: str, alpha: int | None) -> None:
    pixels = ODD[name]
    facts = analyse(Photo(pixels, None if alpha is None else np.full(pixels.shape[:2], alpha, pixels.dtype)))
    json.dumps(facts.record(), allow_nan=False)
    assert (facts.width, facts.height, facts.depth_bits) == (pixels.shape[1], pixels.shape[0], 8 * pixels.itemsize)
    assert facts.visible_fraction == (0 if alpha == 0 else 1)


@pytest.mark.parametrize("name", ["black", "white", "one colour", "one pixel", "a row", "16 bits"])
def test_a_flat_photo_has_neither_noise_nor_blur_nor_blocks(name: str) -> None:
    assert dataclasses.astuple(measure_texture(Photo(ODD[name]))) == pytest.approx((0, 0, 0), abs=1e-6)


def test_the_same_photo_gives_the_same_facts_however_it_lies_in_memory(sample: Pixels) -> None:
    flipped = np.ascontiguousarray(sample[::-1])[::-1]
    first = analyse(Photo(sample))
    assert analyse(Photo(flipped)) == first
    assert analyse(Photo(np.ascontiguousarray(sample.swapaxes(0, 1)).swapaxes(0, 1))) == first


def test_thinned_is_a_view_of_at_most_so_many_pixels() -> None:
    pixels = np.zeros((3000, 4000, 3), np.uint8)
    sparse = thinned(Photo(pixels, pixels[..., 0]))
    assert sparse.pixels.base is not None
    assert sparse.alpha is not None
    assert sparse.alpha.shape == sparse.pixels.shape[:2]
    assert LATTICE_PIXELS / 2 < sparse.size.pixels <= LATTICE_PIXELS * 1.01


def test_memory_does_not_grow_with_the_photo() -> None:
    pixels = np.broadcast_to(np.arange(20_000, dtype=np.uint8)[:, None, None], (20_000, 20_000, 3))
    tracemalloc.start()
    try:
        facts = analyse(Photo(pixels))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert facts.megapixels == 400
    assert peak < 50_000_000
