"""Weights that were learned from photos, and the small network they are for. Scripts in `bench/` make the files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import log
from typing import Any

import numpy as np

from img_enhance.light.colour import Floats

LIGHTS_FILE = "learned.npz"
EXPOSURE = "exposure.npz"
SCENES = "scene.npz"


@dataclass(frozen=True, eq=False)
class Perceptron:
    """(N,) inputs, one hidden layer of H rectified linear units, (M,) answers.

    `hidden` is (N, H), `hidden_bias` (H,), `out` (H, M), `out_bias` (M,).
    """

    hidden: Floats
    hidden_bias: Floats
    out: Floats
    out_bias: Floats

    def __call__(self, inputs: Floats) -> Floats:
        active = np.maximum(0, inputs.astype(np.float64) @ self.hidden + self.hidden_bias)
        return np.asarray(active @ self.out + self.out_bias, np.float32)


@cache
def arrays(name: str = LIGHTS_FILE, package: str = "img_enhance.light") -> dict[str, Floats]:
    """All weights of a file of a package by name, as float32, in which they need not be kept."""
    with files(package).joinpath(name).open("rb") as file, np.load(file, allow_pickle=False) as loaded:
        return {array: loaded[array].astype(np.float32) for array in loaded.files}


def probability(log_odds: Any) -> Any:
    """The probability, in [0, 1], of what has odds of these natural logarithms, a number or an array; however large they are."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(log_odds, np.float64)))


def log_odds_of(likely: float) -> float:
    """The natural logarithm of the odds of a probability in [0, 1]; beyond one in a million it stays as it is."""
    bounded = min(max(likely, 1e-6), 1 - 1e-6)
    return log(bounded / (1 - bounded))


def perceptron(name: str, file: str = LIGHTS_FILE) -> Perceptron:
    """The one of a file whose arrays begin with `name`."""
    found = arrays(file)
    return Perceptron(*(found[f"{name}.{part}"] for part in ("hidden", "hidden_bias", "out", "out_bias")))
