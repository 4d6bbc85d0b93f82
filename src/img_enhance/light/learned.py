"""Weights that were learned from photos, and the small network they are for. `bench/quality_fit.py` makes the file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from img_enhance.light.colour import Floats

_FILE = "learned.npz"


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
def arrays() -> dict[str, Floats]:
    """All weights by name, as float32; the file keeps them in half precision."""
    with files("img_enhance.light").joinpath(_FILE).open("rb") as file, np.load(file, allow_pickle=False) as loaded:
        return {name: loaded[name].astype(np.float32) for name in loaded.files}


def probability(log_odds: Any) -> Any:
    """The probability, in [0, 1], of what has odds of these natural logarithms, a number or an array; however large they are."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(log_odds, np.float64)))


def perceptron(name: str) -> Perceptron:
    """The one whose arrays begin with `name`."""
    found = arrays()
    return Perceptron(*(found[f"{name}.{part}"] for part in ("hidden", "hidden_bias", "out", "out_bias")))
