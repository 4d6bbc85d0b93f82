"""Pictures of all kinds as they may come: cut, reduced, too dark or too bright, compressed. From them photos are learned to be told."""

import multiprocessing
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from img_enhance.photo import Photo
from img_enhance.suggest.appearance import appearance
from img_enhance.suggest.kind import DRAWING, FALSE_COLOUR, KINDS, PAINTING, PHOTO
from measure import say
from photos import Pixels
from quality.light import decode, encode
from quality.made_up import on_white, part_of

Random = np.random.Generator
Array = npt.NDArray[Any]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
# So many pictures are made of each, beside the one that it is.
VARIANTS = {PHOTO: 9, DRAWING: 1, PAINTING: 5, FALSE_COLOUR: 2}
# One picture in so many is not learned from, but reported.
KEPT_OF = 5

# The longer side of what variants are made of, and of what they become.
_MOST_SIDE, _LEAST_SIDE = 1200, 90
# Larger pictures are not what they were when they have been decoded and reduced: the original is looked at whole.
_MOST_PIXELS = 40_000_000


@dataclass(frozen=True, eq=False)
class Sight:
    """What is seen of a picture: the name of its file, its kind, and (APPEARANCES,) numbers."""

    name: str
    kind: str
    numbers: Array

    @property
    def kept(self) -> bool:
        return zlib.crc32(self.name.encode()) % KEPT_OF == 0


def sights_of(folder: Path, *, jobs: int, vary: bool = True) -> list[Sight]:
    """All that is seen of the pictures in the folder of each kind, as they are and, if asked to `vary`, as they may come."""
    paths = [path for kind in KINDS for path in sorted((folder / kind).glob("*")) if path.suffix.lower() in SUFFIXES]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = pool.map(_varied if vary else _as_it_is, paths, chunksize=4)
        return [sight for number, sights in enumerate(found, 1) for sight in _told(sights, number, len(paths))]


def _told(sights: list[Sight], number: int, of: int) -> list[Sight]:
    if number % 100 == 0 or number == of:
        say(f"  {number} of {of} pictures")
    return sights


def _as_it_is(path: Path) -> list[Sight]:
    cv2.setNumThreads(1)
    return [_sight(path, _read(path, np.random.default_rng(0)))]


def _varied(path: Path) -> list[Sight]:
    random = np.random.default_rng(zlib.crc32(path.name.encode()))
    pixels = _read(path, random)
    kind = path.parent.name
    return [*_as_it_is(path), *(_sight(path, vary(pixels, kind, random)) for _ in range(VARIANTS[kind]))]


def _sight(path: Path, pixels: Pixels) -> Sight:
    return Sight(path.name, path.parent.name, appearance(Photo(pixels)))


def _read(path: Path, random: Random) -> Pixels:
    """On a plain page of any colour where it is transparent."""
    with Image.open(path) as image:
        if image.width * image.height > _MOST_PIXELS:
            image.thumbnail((6000, 6000))
        if image.mode in ("RGB", "L"):
            return np.asarray(image.convert("RGB"))
        over = image.convert("RGBA")
    page = Image.new("RGBA", over.size, _page(random))
    page.alpha_composite(over)
    return np.asarray(page.convert("RGB"))


def _page(random: Random) -> tuple[int, int, int]:
    kind = random.random()
    if kind < 0.6:
        return (255, 255, 255)
    red, green, blue = (0, 0, 0) if kind < 0.7 else random.integers(0, 256, 3).tolist()
    return red, green, blue


def vary(pixels: Pixels, kind: str, random: Random) -> Pixels:
    """One way in which a picture of this kind may come."""
    for chance, change in _CHANGES[kind]:
        if random.random() < chance:
            pixels = change(pixels, random)
    return pixels


def _start(pixels: Pixels, random: Random) -> Pixels:
    """A part in whole pixels, or all of it reduced, where it is large."""
    height, width = pixels.shape[:2]
    if max(height, width) <= _MOST_SIDE:
        return pixels
    if random.random() < 0.7:
        return _resized(pixels, _MOST_SIDE / max(height, width), cv2.INTER_AREA)
    high, wide = min(height, _MOST_SIDE), min(width, _MOST_SIDE)
    top, left = int(random.integers(0, height - high + 1)), int(random.integers(0, width - wide + 1))
    return np.ascontiguousarray(pixels[top : top + high, left : left + wide])


def _part(pixels: Pixels, random: Random) -> Pixels:
    return part_of(pixels, random, (0.35, 0.95))


def _smaller(pixels: Pixels, random: Random) -> Pixels:
    longer = max(pixels.shape[:2])
    if longer <= _LEAST_SIDE:
        return pixels
    side = float(np.exp(random.uniform(np.log(_LEAST_SIDE), np.log(longer))))
    return _resized(pixels, side / longer, int(random.choice((cv2.INTER_AREA, cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LINEAR))))


def _larger(pixels: Pixels, random: Random) -> Pixels:
    scale = min(random.uniform(1.2, 3), _MOST_SIDE / max(pixels.shape[:2]))
    return _resized(pixels, max(1, scale), int(random.choice((cv2.INTER_CUBIC, cv2.INTER_LINEAR, cv2.INTER_LANCZOS4))))


def _squarely_larger(pixels: Pixels, random: Random) -> Pixels:
    return _resized(pixels, int(random.integers(2, 5)), cv2.INTER_NEAREST) if max(pixels.shape[:2]) < 400 else pixels


def _resized(pixels: Pixels, scale: float, how: int) -> Pixels:
    size = tuple(max(16, round(side * scale)) for side in (pixels.shape[1], pixels.shape[0]))
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)


def _exposed(stops: tuple[float, float]) -> Callable[[Pixels, Random], Pixels]:
    def exposed(pixels: Pixels, random: Random) -> Pixels:
        return encode(np.clip(decode(pixels) * np.float32(2 ** random.uniform(*stops)), 0, 1))

    return exposed


def _lifted(pixels: Pixels, random: Random) -> Pixels:
    """Saved too dark, and made brighter again: few values are left, far from each other."""
    stops = np.float32(2 ** random.uniform(1, 5))
    return encode(np.clip(decode(encode(decode(pixels) / stops)) * stops, 0, 1))


def _crushed(pixels: Pixels, random: Random) -> Pixels:
    """All but the brightest is black, as at night."""
    return _without(pixels, random.uniform(0.5, 0.97))


def _blown(pixels: Pixels, random: Random) -> Pixels:
    """Much is white, as in snow or before a window; never all but a little, as on a page."""
    return 255 - _without(255 - pixels, random.uniform(0.5, 0.85))


def _without(pixels: Pixels, share: float) -> Pixels:
    """The darkest `share` made black, the rest darker by as much and spread again."""
    values = pixels.astype(np.float32)
    least = np.quantile(values.max(axis=2), share)
    return np.asarray(np.clip((values - least) * 255 / (255.1 - min(least, 200)), 0, 255), np.uint8)


def _cast(pixels: Pixels, random: Random) -> Pixels:
    return encode(np.clip(decode(pixels) * np.exp(random.normal(0, 0.35, 3)).astype(np.float32), 0, 1))


def _toned(pixels: Pixels, random: Random) -> Pixels:
    """Contrast, gamma and saturation as people like them."""
    values = pixels.astype(np.float32) / 255
    grey = values.mean(axis=2, keepdims=True)
    values = np.clip(grey + random.uniform(0.4, 1.7) * (values - grey), 0, 1) ** random.uniform(0.6, 1.6)
    return np.asarray(np.clip(127.5 + 255 * random.uniform(0.4, 1.7) * (values - 0.5), 0, 255), np.uint8)


def _grey(pixels: Pixels, _: Random) -> Pixels:
    return np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def _noisy(pixels: Pixels, random: Random) -> Pixels:
    return np.asarray(np.clip(pixels + random.normal(0, random.uniform(2, 20), pixels.shape), 0, 255), np.uint8)


def _smoothed(pixels: Pixels, random: Random) -> Pixels:
    """As cameras take noise out, or out of focus."""
    way = random.integers(3)
    if way == 0:
        return np.asarray(cv2.bilateralFilter(pixels, 7, random.uniform(15, 60), 5), np.uint8)
    if way == 1:
        return np.asarray(cv2.medianBlur(pixels, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.6, 3)), np.uint8)


def _sharpened(pixels: Pixels, random: Random) -> Pixels:
    blurred = cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.7, 2)).astype(np.float32)
    return np.asarray(np.clip(pixels + random.uniform(0.5, 2) * (pixels - blurred), 0, 255), np.uint8)


def _framed(pixels: Pixels, random: Random) -> Pixels:
    """A border all around, as prints have, or bars above and below."""
    height, width = pixels.shape[:2]
    rows, columns = int(height * random.uniform(0.01, 0.12)), int(width * random.uniform(0.01, 0.08)) * int(random.integers(2))
    colour = [int(random.choice((0, 255, 255, 250)))] * 3
    return np.asarray(cv2.copyMakeBorder(pixels, rows, rows, columns, columns, cv2.BORDER_CONSTANT, value=colour), np.uint8)


def _inverted(pixels: Pixels, _: Random) -> Pixels:
    return 255 - pixels


def _compressed(qualities: tuple[int, int]) -> Callable[[Pixels, Random], Pixels]:
    def compressed(pixels: Pixels, random: Random) -> Pixels:
        written = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(*qualities))])[1]
        return np.ascontiguousarray(np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR))[..., ::-1])

    return compressed


Changes = tuple[tuple[float, Callable[[Pixels, Random], Pixels]], ...]

# What happens to pictures of each kind, in this order, each with its own chance.
_CHANGES: dict[str, Changes] = {
    PHOTO: (
        (1, _start),
        (0.3, _part),
        (0.7, _smaller),
        (0.12, _larger),
        (0.15, _exposed((-6, -1))),
        (0.15, _exposed((0.5, 3.5))),
        (0.08, _lifted),
        (0.06, _crushed),
        (0.06, _blown),
        (0.1, _cast),
        (0.15, _toned),
        (0.08, _grey),
        (0.08, _noisy),
        (0.12, _smoothed),
        (0.08, _sharpened),
        (0.06, on_white),
        (0.05, _framed),
        (0.75, _compressed((12, 98))),
        (0.05, _smaller),
    ),
    DRAWING: (
        (1, _start),
        (0.25, _part),
        (0.4, _smaller),
        (0.1, _larger),
        (0.1, _squarely_larger),
        (0.08, _inverted),
        (0.06, _exposed((-3, 1))),
        (0.06, _cast),
        (0.06, _toned),
        (0.05, _grey),
        (0.45, _compressed((35, 98))),
    ),
    PAINTING: (
        (1, _start),
        (0.3, _part),
        (0.6, _smaller),
        (0.06, _larger),
        (0.15, _exposed((-2, 1))),
        (0.1, _cast),
        (0.15, _toned),
        (0.06, _sharpened),
        (0.06, _framed),
        (0.75, _compressed((40, 98))),
    ),
    FALSE_COLOUR: ((0.2, _part), (0.4, _smaller), (0.1, _larger), (0.1, _exposed((-1, 0.5))), (0.6, _compressed((40, 98)))),
}
