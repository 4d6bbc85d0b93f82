"""The mean colour that some networks do without: it is taken out of the picture, and put back into the answer where it is missing there.

Source: Lim et al., EDSR, CVPRW 2017, arXiv:1707.02921, section 4.2; the values are those of the project's code, which others took over.
"""

from __future__ import annotations

from typing import Any

from img_enhance.models.networks.ops import Ops

# The mean colour of the photos of DIV2K, and the range of values that networks see.
DIV2K, RANGE = (0.4488, 0.4371, 0.4040), 255.0


def without_mean(ops: Ops[Any], picture: Any, mean: tuple[float, ...], values: float) -> Any:
    """The picture, in [0, 1], less the mean colour, times `values`."""
    # Not part of the first convolution's bias: the picture is surrounded by zeros after this.
    return ops.scale(ops.add(picture, ops.constant(-_constant(mean))), values)


def with_mean(ops: Ops[Any], answer: Any, mean: tuple[float, ...], values: float) -> Any:
    """The inverse of `without_mean`."""
    return ops.add(ops.scale(answer, 1 / values), ops.constant(_constant(mean)))


def _constant(mean: tuple[float, ...]) -> Any:
    import numpy as np  # --help reads the table of models and does without

    return np.array(mean, np.float32)[:, None, None]
