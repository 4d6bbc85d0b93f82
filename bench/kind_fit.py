"""Learns the weights by which the automatic mode tells photos from other pictures, and writes them into the library.

python bench/kind_fit.py FOLDER             a folder with a folder of pictures for each kind: photo, drawing, painting, false_colour
python bench/kind_fit.py FOLDER -o FILE     elsewhere than into the library
python bench/kind_fit.py FOLDER --measure   learns nothing: how many pictures of each source are taken for what, by the weights there are

What stands before "__" in the name of a file is its source. Four pictures in five are learned from, as they are and as they may come
(`quality/kinds.py`); of the fifth it prints how many are found, at several rates of false alarms.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.light.learned import Perceptron
from img_enhance.suggest.kind import DRAWING, FALSE_COLOUR, KINDS, PAINTING, PHOTO, told_by
from measure import say
from photos import ROOT
from quality.kinds import Sight, sights_of
from tables import Column, Table

Array = npt.NDArray[Any]
Weights = list[Array]

WEIGHTS = ROOT / "src" / "img_enhance" / "suggest" / "kind.npz"
PARTS = ("hidden", "hidden_bias", "out", "out_bias")

# Of the kept photos as they may come, so many per cent may be taken for each other kind: drawings and false colours are easily told.
FALSE_ALARMS = {DRAWING: 0.4, PAINTING: 0.1, FALSE_COLOUR: 0.2}
_RATES = (3, 1, 0.5, 0.2)

# So many networks learn, each from its own start, and their answers' mean is what is kept: together they are one hidden layer.
_NETWORKS = 3
_HIDDEN = 24
_EPOCHS, _BATCH, _RATE, _DECAY = 150, 256, 5e-3, 0.1
# Inputs are blurred, and units left out at random, so that no single number decides.
_BLUR, _DROPOUT = 0.2, 0.3
# Adam's means (Kingma and Ba, 2015).
_MEANS, _LEAST = (0.9, 0.999), 1e-8


def main(given: Sequence[str] | None = None) -> int:
    """Learn, report, write; or measure."""
    arguments = _parser().parse_args(given)
    say("looking at pictures")
    sights = sights_of(arguments.folder, jobs=arguments.jobs, vary=not arguments.measure)
    if arguments.measure:
        print(measured(sights).text())
        return 0
    learned, kept = ([sight for sight in sights if sight.kept is wanted] for wanted in (False, True))
    say(f"learning from {len(learned)} looks")
    networks = [learn(learned, epochs=arguments.epochs, seed=seed) for seed in range(_NETWORKS)]
    network = calibrated(together(networks), kept)
    print(found(network, kept).text())
    np.savez_compressed(arguments.output, **{part: getattr(network, part) for part in PARTS})
    say(f"written: {arguments.output}")
    return 0


def learn(sights: Sequence[Sight], *, epochs: int = _EPOCHS, seed: int = 0) -> Perceptron:
    """A network whose answers are the logarithms of the odds of each kind, all kinds being equally likely."""
    random = np.random.default_rng(seed)
    numbers, kinds = _numbers(sights), _kinds(sights)
    mean, spread = numbers.mean(axis=0), numbers.std(axis=0) + 1e-3
    scaled, wanted = (numbers - mean) / spread, np.eye(len(KINDS))[kinds]
    counts = 1 / np.maximum(1, np.bincount(kinds, minlength=len(KINDS)))[kinds]
    weights = _start(scaled.shape[1], random)
    moments: tuple[Weights, Weights] = ([np.zeros_like(part) for part in weights], [np.zeros_like(part) for part in weights])
    step = 0
    for epoch in range(epochs):
        for batch in np.array_split(random.permutation(len(scaled)), max(1, len(scaled) // _BATCH)):
            step += 1
            seen = scaled[batch] + random.normal(0, _BLUR, scaled[batch].shape)
            slopes = _slopes(weights, seen, wanted[batch], counts[batch] / counts[batch].sum(), random)
            _descend(weights, slopes, moments, rate=_RATE * (1 - epoch / epochs), step=step)
    hidden = weights[0] / spread[:, None]
    return Perceptron(*(np.asarray(part, np.float32) for part in (hidden, weights[1] - mean @ hidden, *weights[2:])))


def _start(inputs: int, random: np.random.Generator) -> Weights:
    """Source: He et al., Delving deep into rectifiers, 2015."""
    hidden = random.normal(0, np.sqrt(2 / inputs), (inputs, _HIDDEN))
    return [hidden, np.zeros(_HIDDEN), np.zeros((_HIDDEN, len(KINDS))), np.zeros(len(KINDS))]


def _slopes(weights: Weights, seen: Array, wanted: Array, shares: Array, random: np.random.Generator) -> Weights:
    """The gradients of the cross entropy, to which each look adds by its share."""
    hidden, hidden_bias, out, out_bias = weights
    kept = (random.random((len(seen), _HIDDEN)) > _DROPOUT) / (1 - _DROPOUT)
    active = np.maximum(0, seen @ hidden + hidden_bias)
    odds = (active * kept) @ out + out_bias
    likely = np.exp(odds - odds.max(axis=1, keepdims=True))
    wrong = (likely / likely.sum(axis=1, keepdims=True) - wanted) * shares[:, None]
    back = (wrong @ out.T) * kept * (active > 0)
    return [seen.T @ back, back.sum(axis=0), (active * kept).T @ wrong, wrong.sum(axis=0)]


def _descend(weights: Weights, slopes: Weights, moments: tuple[Weights, Weights], *, rate: float, step: int) -> None:
    """One step of Adam with decoupled decay of the weights, in place."""
    for part, slope, first, second in zip(weights, slopes, *moments, strict=True):
        first += (1 - _MEANS[0]) * (slope - first)
        second += (1 - _MEANS[1]) * (slope**2 - second)
        move = first / (1 - _MEANS[0] ** step) / (np.sqrt(second / (1 - _MEANS[1] ** step)) + _LEAST)
        part -= rate * (move + (_DECAY * part if part.ndim > 1 else 0))


def together(networks: Sequence[Perceptron]) -> Perceptron:
    """One network whose answers are the mean of all."""
    return Perceptron(
        np.concatenate([network.hidden for network in networks], axis=1),
        np.concatenate([network.hidden_bias for network in networks]),
        np.asarray(np.concatenate([network.out for network in networks]) / len(networks), np.float32),
        np.mean([network.out_bias for network in networks], axis=0, dtype=np.float32),
    )


def calibrated(network: Perceptron, kept: Sequence[Sight]) -> Perceptron:
    """The network with such odds of each kind that FALSE_ALARMS of the kept photos are more likely of it than photos; as float32."""
    against = odds_against_photo(network, [sight for sight in kept if sight.kind == PHOTO])
    alarms = [float(np.quantile(against[:, number], 1 - rate / 100)) for number, rate in enumerate(FALSE_ALARMS.values())]
    bias = network.out_bias - np.array([0.0, *alarms])
    return Perceptron(*(np.asarray(part, np.float32) for part in (network.hidden, network.hidden_bias, network.out, bias)))


def odds_against_photo(network: Perceptron, sights: Sequence[Sight]) -> Array:
    """(N, KINDS - 1) logarithms of the odds of each other kind against a photo."""
    odds = network(_numbers(sights)).astype(np.float64)
    return odds[:, 1:] - odds[:, :1]


def found(network: Perceptron, kept: Sequence[Sight]) -> Table:
    """How many per cent of each kind are told from photos, at several rates of false alarms in favour of that kind."""
    against, kinds = odds_against_photo(network, kept), _kinds(kept)
    rows: list[tuple[float, ...]] = []
    for rate in _RATES:
        least = np.quantile(against[kinds == 0], 1 - rate / 100, axis=0)
        rows.append((rate, *(100 * float(np.mean(against[kinds == number + 1, number] > least[number])) for number in range(len(least)))))
    columns = (Column("false alarms %", ".1f"), *(Column(kind, ".0f") for kind in KINDS[1:]))
    pictures = len({sight.name for sight in kept})
    return Table("Found", f"Per cent of the looks at {pictures} pictures that were not learned from, by kind.", columns, tuple(rows))


def measured(sights: Sequence[Sight]) -> Table:
    """What the pictures of each source are taken for by the weights of the library."""
    rows: list[tuple[str | int, ...]] = []
    for kind, source in sorted({(sight.kind, _source(sight)) for sight in sights}):
        told = [told_by(sight.numbers).name for sight in sights if (sight.kind, _source(sight)) == (kind, source)]
        rows.append((kind, source, len(told), *(told.count(other) for other in KINDS)))
    columns = (Column("kind"), Column("source"), Column("pictures", "d"), *(Column(kind, "d") for kind in KINDS))
    return Table("Told", "How many pictures of each source are taken for what.", columns, tuple(rows))


def _source(sight: Sight) -> str:
    return sight.name.split("__")[0]


def _numbers(sights: Sequence[Sight]) -> Array:
    return np.stack([sight.numbers for sight in sights]).astype(np.float64)


def _kinds(sights: Sequence[Sight]) -> Array:
    return np.array([KINDS.index(sight.kind) for sight in sights])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with a folder of pictures for each kind")
    parser.add_argument(
        "-o", "--output", type=Path, default=WEIGHTS, metavar="FILE", help="where the weights go (default: into the library)"
    )
    parser.add_argument("--measure", action="store_true", help="only say what the pictures are taken for")
    parser.add_argument(
        "--epochs", type=int, default=_EPOCHS, metavar="N", help=f"how often all looks are gone through (default {_EPOCHS})"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes that share the work (default: one a core)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
