"""Learns whether a photo got the wrong exposure or was meant so, and writes the weights that the library reads (light/exposure.npz).

python bench/exposure_fit.py PHOTOS [-o FILE] [--seed N]

PHOTOS has a folder for each kind of photo: `good`, as they are and made darker and brighter here, `toodark`, `toobright` and `backlit`,
and photos that are dark, bright or of one colour by nature: `night`, `concert`, `sunset`, `silhouette`, `snow`, `highkey`, `lowkey`,
`candle`, `hall`, `saturated`, `grey`, `sepia`. Wants PyTorch. Of every four photos one is kept: learning ends where it was best on those.
"""

import argparse
import multiprocessing
import sys
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from img_enhance.light.colour import srgb
from img_enhance.light.exposure_curve import exposed
from img_enhance.light.exposure_estimate import stops_off
from img_enhance.light.exposure_evidence import evidence_of, thumbnail
from img_enhance.light.sample import sample
from img_enhance.photo import Photo
from measure import say
from photos import ROOT, Pixels
from quality.collection import reduced
from scenes.lamps import in_flash
from scenes.sun import against_sun

Array = npt.NDArray[Any]

WEIGHTS = ROOT / "src" / "img_enhance" / "light" / "exposure.npz"
_MOST_PIXELS = 50_000

# How much a photo of a kind counts as it is, and how many times it is made darker or brighter, in turns.
_WEIGHT = {"night": 2.0, "concert": 2.0, "sunset": 1.5, "silhouette": 3.0, "snow": 3.0, "highkey": 2.5, "lowkey": 0.7, "candle": 3.0}
_WEIGHT |= {"hall": 1.5, "saturated": 3.0, "grey": 0.7, "sepia": 0.5, "good": 1.0, "toodark": 3.0, "toobright": 3.0}
_MADE = {"good": 4, "saturated": 4, "grey": 4, "snow": 4, "backlit": 4, "sunset": 2}
_DARKER_WEIGHT, _BRIGHTER_WEIGHT = 0.85, 1.3
# Photos that are meant dark or bright are seen again: parts of them, some mirrored, up to so many stops off, and still meant so.
_MEANT = frozenset(("night", "concert", "sunset", "silhouette", "snow", "highkey", "lowkey", "candle", "hall"))
_AGAIN, _AGAIN_WEIGHT, _LEAST_PART, _STOPS_STILL_MEANT = 4, 0.6, 0.7, (-0.5, 0.3)
# ... and spoilt: darker, and brighter where they are bright, by stops that are all that is wrong with them.
_SPOILT, _SPOILT_WEIGHT, _SPOILT_BY = 2, 0.5, (0.7, 2.8)
# Good photos as a flash that is too weak would light them: light falls off around a place, within so much of the diagonal ...
_FLASHED, _FLASH_WEIGHT, _FLASH_REACH, _MOST_TOO_WEAK = 2, 0.2, (0.2, 0.45), 2.0
# ... or from what is near to what is far, where what is seen may be a room: of such a part green and blue at most, no more colourful.
_NEAR_WEIGHT, _MOST_GREEN_OR_BLUE, _MOST_COLOURFUL, _LEAST_LIGHT = 0.35, 0.1, 0.45, 0.5
# ... and against a low sun, whose light is so warm at least (the share of red less blue), and meant so.
_SUN_WEIGHT, _LEAST_WARM = 0.8, 0.35
# Photos of these kinds are lit so; of flowers and clothes there are many that are alike, and they count half and are not.
_LIT = frozenset(("good", "hall", "saturated"))
_ALIKE, _ALIKE_WEIGHT = ("flower", "cloth"), 0.5
# Of a wrong exposure, all that a photo is off is to be corrected; of light from behind, this.
_WRONG = {"toodark": 1.0, "toobright": 1.0, "backlit": 0.7}

# Stops drawn for photos made here. By a gain, light is clipped, as a sensor does it; by odds, as a film; some scenes get more contrast.
_DARKER, _BRIGHTER = (0.7, 3.2), (0.7, 3.5)
_CONTRAST, _CONTRAST_AT = (1.15, 1.8), 0.25
_GAIN_OF_ODDS = 0.6
_BRIGHTER_AT_MOST = 1.2

# Places in what a network sees: stops off, stops unused, and then what `evidence_of` says.
_LIGHTEST, _COLOURFUL, _GREEN, _BLUE, _WARM = 9, 16, 19, 20, 24

_HIDDEN, _NETWORKS, _EPOCHS, _RATE, _DECAY, _BLUR, _HUBER = 8, 8, 400, 5e-3, 0.1, 0.1, 1.5
_KEPT_OF = 4


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is seen of a photo: `inputs`, of which the second is the stops unused, the first those off besides; `wanted`, stops of those."""

    inputs: Array
    wanted: float
    weight: float
    kept: bool


def main(given: Sequence[str] | None = None) -> int:
    """Look, learn, report, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="the folder of folders")
    parser.add_argument("-o", "--output", type=Path, default=WEIGHTS, help="the file to write (default: the library's own)")
    parser.add_argument("--epochs", type=int, default=_EPOCHS, metavar="N", help="how long to learn (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first network; each next one has the next")
    arguments = parser.parse_args(given)
    files = [path for kind in (*_WEIGHT, "backlit") for path in sorted((arguments.photos / kind).glob("*"))]
    say(f"looking at {len(files)} photos")
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        lessons = [lesson for found in pool.map(lessons_of, files, chunksize=16) for lesson in found]
    arrays: dict[str, Array] = {}
    for name, side in (("dark", 1), ("bright", -1)):
        of_side = [lesson for lesson in lessons if lesson.inputs[0] * side > 0.05]
        networks = [learn(of_side, arguments.seed + number, epochs=arguments.epochs) for number in range(_NETWORKS)]
        print(f"{name}: {len(of_side)} lessons, loss on the kept ones {np.mean([loss for _, loss in networks]):.3f}")
        arrays |= _joined(name, [network for network, _ in networks])
    halved: dict[str, Any] = {name: array.astype(np.float16) for name, array in arrays.items()}
    np.savez_compressed(arguments.output, **halved)
    say(f"written: {arguments.output}")
    return 0


def lessons_of(path: Path) -> list[Lesson]:
    """The photo as it is, and made darker and brighter in turns where its kind is."""
    cv2.setNumThreads(1)
    kind, number = path.parent.name, zlib.crc32(path.name.encode())
    random, kept = np.random.default_rng(number), number % _KEPT_OF == 0
    with Image.open(path) as image:
        pixels = reduced(image.convert("RGB"), _MOST_PIXELS)
    found = []
    if kind in _WEIGHT:
        inputs = _inputs(pixels)
        found.append(Lesson(inputs, float(inputs[0]) * _WRONG.get(kind, 0.0), _WEIGHT[kind], kept))
    elif kind in _WRONG:
        inputs = _inputs(pixels)
        found.append(Lesson(inputs, float(inputs[0]) * _WRONG[kind], 1.0, kept))
    for stops, made in _made(pixels, _MADE.get(kind, 0), random):
        inputs = _inputs(made)
        found.append(Lesson(inputs, _wanted(float(inputs[0]), stops), _DARKER_WEIGHT if stops < 0 else _BRIGHTER_WEIGHT, kept))
    if kind in _MEANT:
        found += [Lesson(_inputs(seen), 0.0, _AGAIN_WEIGHT * _WEIGHT[kind], kept) for seen in _seen_again(pixels, random)]
        for stops, made in _spoilt(pixels, kind in ("snow", "highkey"), random):
            inputs = _inputs(made)
            found.append(Lesson(inputs, _of_stops(float(inputs[0]), float(inputs[1]), stops), _SPOILT_WEIGHT, kept))
    alike = path.name.startswith(_ALIKE)
    if kind == "good" and not alike:
        flashed = [_inputs(_in_weak_flash(pixels, random)) for _ in range(_FLASHED)]
        found += [Lesson(inputs, max(0.0, float(inputs[0])), _FLASH_WEIGHT, kept) for inputs in flashed]
    if kind in _LIT and not alike:
        found += _lit(pixels, kept, random)
    return [replace(lesson, weight=lesson.weight * _ALIKE_WEIGHT) for lesson in found] if alike else found


def _lit(pixels: Pixels, kept: bool, random: np.random.Generator) -> Iterator[Lesson]:
    """In a weak flash, and against the sun, where it looks as such photos do."""
    light = srgb().decode(pixels)
    flashed, sunny = (_inputs(_stored(scene(light, random), random)) for scene in (in_flash, against_sun))
    if (
        max(flashed[_GREEN], flashed[_BLUE]) < _MOST_GREEN_OR_BLUE
        and flashed[_COLOURFUL] < _MOST_COLOURFUL
        and flashed[_LIGHTEST] > _LEAST_LIGHT
    ):
        yield Lesson(flashed, max(0.0, float(flashed[0])), _NEAR_WEIGHT, kept)
    if sunny[_WARM] > _LEAST_WARM:
        yield Lesson(sunny, 0.0, _SUN_WEIGHT, kept)


def _wanted(off: float, stops: float) -> float:
    """Of what a photo is off, what is due to the stops that it was given: all of darkness, of brightness little more than those."""
    if off * stops >= 0:
        return 0.0
    return off if off > 0 else max(off, -_BRIGHTER_AT_MOST * stops)


def _of_stops(off: float, unused: float, stops: float) -> float:
    """Of what a photo is off that was meant darker or brighter, the stops that it was given and does not leave unused."""
    if stops > 0:
        return max(min(off, 0.0), -_BRIGHTER_AT_MOST * stops)
    return min(max(off, 0.0), max(0.0, -stops - unused))


def _seen_again(pixels: Pixels, random: np.random.Generator) -> Iterator[Pixels]:
    """Parts of a photo, half of them mirrored, a little darker or brighter."""
    for _ in range(_AGAIN):
        h, w = (int(side * random.uniform(_LEAST_PART, 1)) for side in pixels.shape[:2])
        y, x = random.integers(0, pixels.shape[0] - h + 1), random.integers(0, pixels.shape[1] - w + 1)
        part = pixels[y : y + h, x : x + w, :]
        part = part[:, ::-1] if random.random() < 0.5 else part
        light = srgb().decode(np.ascontiguousarray(part))
        yield _stored(exposed(light, 2 ** random.uniform(*_STOPS_STILL_MEANT)), random)


def _spoilt(pixels: Pixels, brighter_too: bool, random: np.random.Generator) -> Iterator[tuple[float, Pixels]]:
    for sign in (-1, 1) if brighter_too else (-1,):
        for _ in range(_SPOILT):
            stops = sign * random.uniform(*_SPOILT_BY)
            yield stops, _stored(_in_exposure(srgb().decode(pixels), stops, random.choice(("gain", "odds", "both")), random), random)


def _in_weak_flash(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """A photo whose light falls with the square of the distance from a place in it, and is too little there, too."""
    h, w = pixels.shape[:2]
    y, x = np.mgrid[:h, :w]
    reach = random.uniform(*_FLASH_REACH) * np.hypot(h, w)
    away = np.hypot(y - random.uniform(0.35, 0.75) * h, x - random.uniform(0.25, 0.75) * w) / reach
    light = srgb().decode(pixels) / (1 + away**2)[..., None] ** 2
    return _stored(exposed(light, 2 ** -random.uniform(0, _MOST_TOO_WEAK)), random)


def _made(pixels: Pixels, times: int, random: np.random.Generator) -> Iterator[tuple[float, Pixels]]:
    for turn in range(times):
        stops = -random.uniform(*_DARKER) if turn % 2 == 0 else random.uniform(*_BRIGHTER)
        ways = ("gain", "odds", "odds", "contrast", "contrast", "both") if stops < 0 else ("gain", "odds", "odds", "odds", "both", "both")
        yield stops, _stored(_in_exposure(srgb().decode(pixels), stops, random.choice(ways), random), random)


def _in_exposure(light: Array, stops: float, way: str, random: np.random.Generator) -> Array:
    if way == "gain":
        return np.clip(light * 2 ** (stops * (_GAIN_OF_ODDS if stops > 0 else 1)), 0, 1)
    if way == "both":
        return exposed(np.clip(light * 2 ** (stops / 2), 0, 1), 2 ** (stops / 2))
    if way == "contrast":
        odds = np.clip(light, 1e-5, 1 - 1e-5)
        odds = _CONTRAST_AT * (odds / (1 - odds) / _CONTRAST_AT) ** random.uniform(*_CONTRAST)
        light = np.where(light >= 1, 1, odds / (1 + odds))
    return exposed(light, 2**stops)


def _stored(light: Array, random: np.random.Generator) -> Pixels:
    """As a camera stores it: in 8 bits, as a JPEG."""
    pixels = srgb().encode(light.astype(np.float32), 8)
    _, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(75, 98))])
    stored = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert stored is not None
    return np.ascontiguousarray(stored[..., ::-1])


def _inputs(pixels: Pixels) -> Array:
    photo = Photo(pixels)
    unused, off = stops_off(sample(photo, srgb()))
    return np.concatenate([[off, unused], evidence_of(*thumbnail(photo, srgb()))])


def learn(lessons: Sequence[Lesson], seed: int, *, epochs: int = _EPOCHS) -> tuple[dict[str, Array], float]:
    """A network whose answer's probability times the stops off is what is wanted, as arrays; and its loss on the kept lessons."""
    torch.manual_seed(seed)
    inputs = np.array([lesson.inputs for lesson in lessons])
    # What is the same in all lessons says nothing.
    mean, spread = inputs.mean(0), np.maximum(inputs.std(0), 1e-2)
    seen, off, wanted, weight = (
        torch.tensor(values, dtype=torch.float32)
        for values in ((inputs - mean) / spread, inputs[:, 0], [each.wanted for each in lessons], [each.weight for each in lessons])
    )
    kept = torch.tensor([lesson.kept for lesson in lessons])
    network = torch.nn.Sequential(torch.nn.Linear(inputs.shape[1], _HIDDEN), torch.nn.ReLU(), torch.nn.Linear(_HIDDEN, 1))
    descent = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)

    def losses(given: Any) -> Any:
        return weight * torch.nn.functional.huber_loss(torch.sigmoid(network(given)[:, 0]) * off, wanted, reduction="none", delta=_HUBER)

    best, least = network.state_dict(), float("inf")
    for epoch in range(epochs):
        descent.param_groups[0]["lr"] = _RATE * (1 - epoch / epochs) + 1e-4
        loss = losses(seen + _BLUR * torch.randn_like(seen))[~kept].sum() / weight[~kept].sum()
        descent.zero_grad()
        loss.backward()
        descent.step()
        if epoch % 10 == 9:
            with torch.no_grad():
                of_kept = float(losses(seen)[kept].sum() / weight[kept].sum())
            if of_kept < least:
                best, least = {name: value.clone() for name, value in network.state_dict().items()}, of_kept
    first, last = best["0.weight"].numpy() / spread, best["2.weight"].numpy()
    arrays = {"hidden": first.T, "hidden_bias": best["0.bias"].numpy() - first @ mean, "out": last.T, "out_bias": best["2.bias"].numpy()}
    return arrays, least


def _joined(name: str, networks: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """One network that answers the mean of all, by the names that `learned.perceptron` reads."""
    joined = {
        "hidden": np.concatenate([network["hidden"] for network in networks], axis=1),
        "hidden_bias": np.concatenate([network["hidden_bias"] for network in networks]),
        "out": np.concatenate([network["out"] for network in networks]) / len(networks),
        "out_bias": np.mean([network["out_bias"] for network in networks], axis=0),
    }
    return {f"{name}.{part}": array for part, array in joined.items()}


if __name__ == "__main__":
    sys.exit(main())
