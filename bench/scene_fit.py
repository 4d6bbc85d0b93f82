"""Learns whether coloured light is a cast or belongs to what a photo shows, and writes the weights of the library (light/scene.npz).

python bench/scene_fit.py PHOTOS [-o FILE] [--jobs N]

PHOTOS has a folder for each kind of photo and `index.csv`, with the columns `category`, `file` and `origin` (a repository, a colon, what
the file is there). Photos as they are have no cast; those of kinds that are lit by daylight or by white lamps are learned from with casts
as well, as cameras make them. Of most of these, pictures are made that are rare among free photos: low suns and their afterglow, stages and
nights, which have no cast, and what is near in a weak flash or before a white wall, shown with casts and without. Photos of
repositories that the bench reports (quality/real.py) are left out. Wants PyTorch. Before it writes, it learns from three quarters of the
repositories at a time, and says how many photos of the fourth quarter are told apart.
"""

import argparse
import csv
import multiprocessing
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from img_enhance.light import illuminant_estimate
from img_enhance.light.colour import srgb
from img_enhance.light.learned import log_odds_of, probability
from img_enhance.light.scene_light import evidence_of
from img_enhance.photo import Photo
from measure import say
from photos import ROOT, Pixels
from quality.collection import reduced
from quality.degradations import CAST, Degradation, degraded
from quality.light import decode, encode
from quality.made_up import on_white
from quality.real import MEANT
from scenes.lamps import at_night, in_flash, on_stage
from scenes.sun import against_sun, in_afterglow

Array = npt.NDArray[Any]
Way = Callable[[Array, np.random.Generator], Array]

WEIGHTS = ROOT / "src" / "img_enhance" / "light" / "scene.npz"
_MOST_PIXELS = 50_000

# Kinds whose casts are nobody's wish, and how much more than others a photo of a kind counts as it is. Toned photos say nothing.
_LIT_WHITE = ("good", "backlit", "hall", "highkey", "saturated", "snow", "lowkey")
_WEIGHT = {"sunset": 3.0, "concert": 4.0, "night": 2.0, "candle": 2.0, "snow": 2.0, "silhouette": 3.0, "saturated": 2.0}
_LEFT_OUT = ("sepia", "grey")
# Many photos of one kind of thing: they count less, and have no repository in common.
_ALIKE, _ALIKE_WEIGHT = ("TensorFlow", "alexeygrigorev/clothing-dataset"), 0.5
# Of others of these kinds scenes are made, of each so many of these.
_LIT = ("good", "hall", "saturated")
_MADE: dict[str, Way] = {"(sun)": against_sun, "(afterglow)": in_afterglow, "(stage)": on_stage, "(night)": at_night}
_MADE_WEIGHT, _MADE_OF_EACH = {"(sun)": 0.5, "(afterglow)": 0.5, "(stage)": 0.25, "(night)": 0.25, "(flash)": 1.0, "(wall)": 0.5}, 2
# A bright wall in a light that is nobody's wish is as smooth as a sky; and may be dark, by so many stops.
_WALL_STOPS = (-1.5, -0.2)

# Casts drawn: warm, cold, and beside daylight; in mired (a million over kelvin) and Duv, on sensors and curves as in quality/lessons.py.
_WARM_MIRED, _COLD_MIRED, _ANY_MIRED = (175, 410), (65, 138), (100, 300)
_CAST_DUV, _TINTS = 0.01, (0.009, 0.028)
_MOST_CONTRAST = 0.8
# Photos whose channels differ by less, of 255, are grey.
_LEAST_COLOUR = 2

_HIDDEN, _NETWORKS, _EPOCHS, _BATCH, _RATE, _DECAY, _DROPOUT = 8, 4, 80, 256, 1e-2, 0.3, 0.2
_MOST_SPREADS = 5.0
_FOLDS = 4
# The scale of the answer, for the automatic mode to change few photos that are right and many with casts (`docs/white_balance.md`).
_SLOPE, _OFFSET = 1.3, -1.1


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is seen of a picture, whether it was given a cast, how much it counts, and a number for its repository."""

    kind: str
    inputs: Array
    cast: bool
    weight: float
    group: int


def main(given: Sequence[str] | None = None) -> int:
    """Look, learn, report, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="the folder of folders")
    parser.add_argument("-o", "--output", type=Path, default=WEIGHTS, help="the file to write (default: the library's own)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes that look (default: one a core)")
    arguments = parser.parse_args(given)
    with (arguments.photos / "index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if _is_for_learning(row)]
    say(f"looking at {len(rows)} photos")
    with ProcessPoolExecutor(arguments.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        lessons = [lesson for found in pool.map(partial(lessons_of, arguments.photos), rows, chunksize=4) for lesson in found]
    _report(lessons)
    networks = [learn(lessons, seed) for seed in range(_NETWORKS)]
    halved: dict[str, Any] = {name: array.astype(np.float16) for name, array in _joined(networks).items()}
    np.savez_compressed(arguments.output, **halved)
    say(f"written: {arguments.output}")
    return 0


def _is_for_learning(row: dict[str, str]) -> bool:
    return row["category"] not in _LEFT_OUT and row["origin"].partition(":")[0] not in {photos.repository for photos in MEANT}


def lessons_of(folder: Path, row: dict[str, str]) -> list[Lesson]:
    """A photo as it is and, if it is lit by white light, with three casts, and scenes made of it; always the same."""
    kind, name, origin = row["category"], row["file"], row["origin"].partition(":")[0]
    with Image.open(folder / name) as image:
        pixels = reduced(image.convert("RGB"), _MOST_PIXELS)
    shown = [(kind, pixels, False, _WEIGHT.get(kind, 1.0))]
    if np.abs(pixels - pixels.mean(axis=2, keepdims=True)).mean() >= _LEAST_COLOUR:
        if kind in _LIT_WHITE:
            shown += [("(casts)", degraded(pixels, cast, photo=name), True, 1.0) for cast in _casts(name)]
        if kind in _LIT and origin not in _ALIKE:
            shown += [(scene, picture, cast, _MADE_WEIGHT[scene]) for scene, picture, cast in _made(pixels, name)]
    alike = origin in _ALIKE
    group = zlib.crc32((name if alike else origin).encode()) % _FOLDS
    seen = [(kind, inputs_of(picture), cast, weight) for kind, picture, cast, weight in shown]
    counts = _ALIKE_WEIGHT if alike else 1.0
    return [Lesson(kind, inputs, cast, counts * weight, group) for kind, inputs, cast, weight in seen if inputs is not None]


def _made(pixels: Pixels, name: str) -> Iterator[tuple[str, Pixels, bool]]:
    """Scenes made of a photo, by name, and whether they were given a cast."""
    random, light = np.random.default_rng(zlib.crc32(name.encode()) + 11), decode(pixels)
    for scene in random.choice(tuple(_MADE), _MADE_OF_EACH, replace=False):
        yield str(scene), encode(_MADE[scene](light, random).astype(np.float32)), False
    flash, wall, casts = encode(in_flash(light, random).astype(np.float32)), on_white(pixels, random), tuple(_casts(name))

    def cast() -> Degradation:
        return casts[random.integers(len(casts))]

    yield "(flash)", flash, False
    yield "(flash)", degraded(flash, cast(), photo=name), True
    yield "(wall)", wall, False
    yield "(wall)", degraded(wall, cast(), photo=name), True
    yield "(wall)", degraded(wall, replace(cast(), stops=random.uniform(*_WALL_STOPS)), photo=name), True


def inputs_of(pixels: Pixels) -> Array | None:
    """What the library sees of a picture, or None where it sees nothing."""
    photo = Photo(pixels)
    evidence = illuminant_estimate.evidence_of(photo, srgb())
    if evidence is None:
        return None
    light, odds = illuminant_estimate.decided(*illuminant_estimate.log_odds(evidence, illuminant_estimate.learned()))
    return evidence_of(photo, srgb(), light, log_odds_of(float(probability(odds)) * (1 - evidence.toned)))


def _casts(name: str) -> Iterator[Degradation]:
    # Other ones than quality/lessons.py draws of a photo of this name.
    random = np.random.default_rng(zlib.crc32(name.encode()) + 7)

    def cast(mired: tuple[float, float], draw_duv: Callable[[], float]) -> Degradation:
        kelvin, duv = float(1e6 / random.uniform(*mired)), draw_duv()
        sharpness, contrast = random.random() ** 2, max(0.0, random.uniform(-_MOST_CONTRAST, _MOST_CONTRAST))
        return Degradation("cast", CAST, 0, kelvin, duv, sharpness, contrast)

    for mired in (_WARM_MIRED, _COLD_MIRED):
        yield cast(mired, lambda: random.uniform(-_CAST_DUV, _CAST_DUV))
    yield cast(_ANY_MIRED, lambda: random.choice((-1, 1)) * random.uniform(*_TINTS))


def learn(lessons: Sequence[Lesson], seed: int) -> dict[str, Array]:
    """A network that answers with the logarithm of the odds of a cast, as arrays of `learned.Perceptron`; casts and others count alike."""
    torch.manual_seed(seed)
    inputs, cast = np.array([lesson.inputs for lesson in lessons]), np.array([lesson.cast for lesson in lessons])
    weight = np.array([lesson.weight for lesson in lessons])
    weight[~cast] *= weight[cast].sum() / weight[~cast].sum()
    mean, spread = inputs.mean(0), inputs.std(0) + 1e-3
    seen = torch.tensor((inputs - mean) / spread, dtype=torch.float32).clamp(-_MOST_SPREADS, _MOST_SPREADS)
    wanted, counts = (torch.tensor(values, dtype=torch.float32) for values in (cast, weight))
    network = torch.nn.Sequential(
        torch.nn.Linear(inputs.shape[1], _HIDDEN), torch.nn.ReLU(), torch.nn.Dropout(_DROPOUT), torch.nn.Linear(_HIDDEN, 1)
    )
    descent = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    for epoch in range(_EPOCHS):
        descent.param_groups[0]["lr"] = _RATE * (1 - epoch / _EPOCHS)
        for batch in torch.randperm(len(lessons)).split(_BATCH):
            descent.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(network(seen[batch])[:, 0], wanted[batch], counts[batch])
            loss.backward()
            descent.step()
    (first, bias), (last, last_bias) = ((each.weight.detach().numpy(), each.bias.detach().numpy()) for each in (network[0], network[3]))
    hidden = first / spread
    out_bias = _SLOPE * last_bias + _OFFSET
    return {"hidden": hidden.T, "hidden_bias": bias - hidden @ mean, "out": _SLOPE * last.T, "out_bias": out_bias}


def _joined(networks: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """One network that answers the mean of all, by the names that `learned.perceptron` reads."""
    joined = {
        "hidden": np.concatenate([network["hidden"] for network in networks], axis=1),
        "hidden_bias": np.concatenate([network["hidden_bias"] for network in networks]),
        "out": np.concatenate([network["out"] for network in networks]) / len(networks),
        "out_bias": np.mean([network["out_bias"] for network in networks], axis=0),
    }
    return {f"scene.{part}": array for part, array in joined.items()}


def _report(lessons: Sequence[Lesson]) -> None:
    """How many photos of repositories that were not learned from are taken for having a cast, by kind, and how many casts are found."""
    odds = np.zeros(len(lessons))
    groups = np.array([lesson.group for lesson in lessons])
    for group in range(_FOLDS):
        network = learn([lesson for lesson in lessons if lesson.group != group], group)
        inputs = np.array([lesson.inputs for lesson in lessons])[groups == group]
        odds[groups == group] = (np.maximum(0, inputs @ network["hidden"] + network["hidden_bias"]) @ network["out"] + network["out_bias"])[
            :, 0
        ]
    before = np.array([lesson.inputs[0] for lesson in lessons])
    names = np.array([f"{lesson.kind} cast" if lesson.cast and lesson.kind != "(casts)" else lesson.kind for lesson in lessons])
    for name in sorted(set(names)):
        of_kind = names == name
        shares = [100 * float((values[of_kind] > 0).mean()) for values in (before, odds)]
        print(f"{name:14} {np.count_nonzero(of_kind):5}  taken for casts: by colours {shares[0]:.0f} %, in the scene {shares[1]:.0f} %")


if __name__ == "__main__":
    sys.exit(main())
