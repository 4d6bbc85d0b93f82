"""Compares a network's answer with the one that another implementation gave, kept in a file of arrays."""

from pathlib import Path

import numpy as np

from img_enhance.runtimes.runtime import Picture


def check_golden(found: Picture, golden: Path, name: str, *, relative: float) -> None:
    """Pass if no value is further from the golden one than `relative` of the greatest."""
    with np.load(golden) as answers:
        expected = answers[name]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= relative * np.abs(expected).max()
