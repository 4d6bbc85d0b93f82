"""What the automatic mode learned from: photos under lights and exposures that are known, because they were made here."""

import multiprocessing
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from img_enhance.light.colour import srgb
from img_enhance.light.illuminant_estimate import evidence_of
from img_enhance.photo import Photo
from measure import say
from photos import Pixels
from quality.collection import reduced
from quality.degradations import CAST, DEGRADATIONS, EXPOSURE, UNDEGRADED, Degradation, degraded
from quality.light import BRADFORD, DAYLIGHT_KELVIN, XYZ_OF_RGB, decode, white_of
from quality.made_up import on_white, part_of, patches, wall

Array = npt.NDArray[Any]

SUFFIXES = (".jpg", ".jpeg", ".png")
MOST_PIXELS = 120_000
# So many pictures are made of each photo, of all that could be: other photos teach more than the same ones again.
MOST_LESSONS = 14
# One photo in so many is not learned from: the bench's own degradations of it are what is reported.
KEPT_OF = 5

# Photos whose channels differ by less, of 255, are grey, and say nothing of lights.
_LEAST_COLOUR = 2
# Lights that nobody corrects, in mired (a million over kelvin), and in distance beside daylight.
_NEAR_MIRED, _NEAR_DUV = (1e6 / 7000, 1e6 / 6004), 0.003
_NEAR_STOPS = 0.65
# Colder and warmer lights, and greener and more purple ones.
_COLD_MIRED, _WARM_MIRED, _ANY_MIRED = (65, 138), (175, 410), (100, 300)
_TINTS = (0.009, 0.028)
_MOST_CONTRAST = 0.8
_CAST_DUV = 0.01
_OVER_STOPS, _UNDER_STOPS = (0.75, 2.2), (-3, -0.9)
# Linear light between which a pixel tells how a light moved it, and the least that has a logarithm.
_DARK, _BRIGHT, _LEAST_LIGHT = 0.02, 0.955, 1e-4
_TO_CONES = BRADFORD @ XYZ_OF_RGB / (BRADFORD @ white_of(DAYLIGHT_KELVIN))[:, None]
# The sides of a part of a photo: enough to see the light by, and not enough.
_LARGE_PART, _SMALL_PART = (0.4, 0.8), (0.08, 0.25)


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is seen of a photo in a light, and what was done to it.

    `light` (2,) is how far that moved the logarithms of the long and the short cone response over the middle one; `colours` (CHANNELS,
    GRID, GRID) float16 and `shares` are those of `evidence_of`.
    """

    photo: str
    given: Degradation
    light: Array
    colours: Array
    shares: Array

    @property
    def kept(self) -> bool:
        return kept(self.photo)


def kept(photo: str) -> bool:
    """Whether the photo of this name is kept for reporting."""
    return zlib.crc32(photo.encode()) % KEPT_OF == 0


def lessons_of(folders: Sequence[Path], *, photos: int | None, jobs: int) -> list[Lesson]:
    """All that can be learned from the photos of folders, or from so many of each."""
    paths = [path for folder in folders for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)[:photos]]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        return [lesson for lessons in _counted(pool.map(_lessons, paths, chunksize=4), len(paths)) for lesson in lessons]


def _counted(found: Iterator[list[Lesson]], of: int) -> Iterator[list[Lesson]]:
    for number, lessons in enumerate(found, 1):
        if number % 50 == 0 or number == of:
            say(f"  {number} of {of} photos")
        yield lessons


def _lessons(path: Path) -> list[Lesson]:
    """None of a photo that is grey."""
    with Image.open(path) as image:
        pixels = reduced(image.convert("RGB"), MOST_PIXELS)
    if np.abs(pixels - pixels.mean(axis=2, keepdims=True)).mean() < _LEAST_COLOUR:
        return []
    given = [(pixels, degradation) for degradation in DEGRADATIONS] if kept(path.name) else drawn(path.name, pixels)
    return list(_seen(path.name, given))


def _seen(name: str, given: Iterable[tuple[Pixels, Degradation]]) -> Iterator[Lesson]:
    for pixels, degradation in given:
        picture = degraded(pixels, degradation, photo=name)
        evidence = evidence_of(Photo(picture), srgb())
        if evidence is not None:
            yield Lesson(name, degradation, moved(pixels, picture), evidence.colours.astype(np.float16), evidence.shares)


def moved(pixels: Pixels, picture: Pixels) -> Array:
    """(2,) what has to be taken from the logarithms of cone ratios in `picture` for most of it to be as `pixels`, (H, W, 3) both.

    That is more than the illuminant where a steep curve came after it: the curve is not known to who corrects.
    """
    before, after = decode(pixels), decode(picture)
    dark, bright = np.minimum(before, after).max(axis=2), np.maximum(before, after).max(axis=2)
    counts = (dark > _DARK) & (bright < _BRIGHT)
    if not counts.any():
        counts[:] = True
    median: Array = np.median(_log_ratios(after[counts]) - _log_ratios(before[counts]), axis=0)
    return median


def _log_ratios(linear: Array) -> Array:
    long, middle, short = (np.maximum(linear @ _TO_CONES.T, _LEAST_LIGHT)).T
    ratios: Array = np.log(np.stack([long / middle, short / middle], axis=1))
    return ratios


def drawn(name: str, pixels: Pixels) -> list[tuple[Pixels, Degradation]]:
    """MOST_LESSONS pictures to learn from, each with what happens to it. Always the same for a photo."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    every = list(_drawn(pixels, random))
    return [every[number] for number in random.permutation(len(every))[:MOST_LESSONS]]


def _drawn(pixels: Pixels, random: np.random.Generator) -> Iterator[tuple[Pixels, Degradation]]:
    """The photo, parts of it, and made-up ones."""

    def near(family: str, stops: float = 0) -> Degradation:
        return Degradation("near", family, stops, _kelvin(random, _NEAR_MIRED), random.uniform(-_NEAR_DUV, _NEAR_DUV))

    def about() -> Degradation:
        return near(UNDEGRADED, random.choice((0, random.uniform(-_NEAR_STOPS, _NEAR_STOPS))))

    def over() -> Degradation:
        return near(EXPOSURE, random.uniform(*_OVER_STOPS))

    def cast(mired: tuple[float, float], stops: float = 0) -> Degradation:
        return lit("cast", mired, random.uniform(-_CAST_DUV, _CAST_DUV), stops)

    def tint() -> Degradation:
        return lit("tint", _ANY_MIRED, random.choice((-1, 1)) * random.uniform(*_TINTS))

    def lit(name: str, mired: tuple[float, float], duv: float, stops: float = 0) -> Degradation:
        # Cameras' sensors are near the eye's cones, and their curves are steep; who edits a file works on its channels, as it is.
        sharpness, contrast = random.random() ** 2, max(0.0, random.uniform(-_MOST_CONTRAST, _MOST_CONTRAST))
        return Degradation(name, CAST, stops, _kelvin(random, mired), duv, sharpness, contrast)

    def any_cast() -> Degradation:
        return (cast(_COLD_MIRED), cast(_WARM_MIRED), tint())[random.integers(3)]

    dark = random.uniform(*_UNDER_STOPS)
    whole = (about(), about(), about(), over(), over(), near(EXPOSURE, dark), cast(_COLD_MIRED), cast(_COLD_MIRED), cast(_WARM_MIRED))
    yield from ((pixels, degradation) for degradation in whole)
    yield from ((pixels, degradation) for degradation in (cast(_WARM_MIRED, random.uniform(-1, 0.5)), any_cast(), tint(), tint()))
    yield pixels, cast(_COLD_MIRED if random.random() < 0.5 else _WARM_MIRED, random.uniform(*_UNDER_STOPS))
    yield from ((part_of(pixels, random, _LARGE_PART), degradation) for degradation in (about(), over(), any_cast()))
    # What is seen of a single thing is its own colour, whatever the light.
    yield part_of(pixels, random, _SMALL_PART), about()
    yield from ((on_white(pixels, random), degradation) for degradation in (about(), any_cast()))
    yield wall(random), about()
    yield from ((patches(random), degradation) for degradation in (about(), any_cast()))


def _kelvin(random: np.random.Generator, mired: tuple[float, float]) -> float:
    return float(1e6 / random.uniform(*mired))
