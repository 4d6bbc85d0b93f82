"""A smooth picture as photos are, by a formula, so that it is known what it looks like enlarged."""

import numpy as np
import numpy.typing as npt

from img_enhance.runtimes.runtime import Picture

# Light and shade that all colours share, by the lengths of their waves across and down in pixels, and soft edges, by where they are, from
# 0 to 1, and how wide they are in pixels.
_WAVES = ((61.0, 43.0), (29.0, 83.0))
_EDGES = (0.3, 0.62)
_EDGE_PIXELS = 3.0
# Red, green and blue are told apart by how light they are, as in sand or skin.
_TINTS = (0.75, 0.58, 0.44)


def scene(height: int, width: int, scale: int = 1) -> Picture:
    """The picture, (height * scale, width * scale, 3), from 0 to 1: of any scale the same."""
    y, x = _places(height, scale)[:, None], _places(width, scale)[None, :]
    shade = sum(np.sin(2 * np.pi * (x / across + y / down)) for across, down in _WAVES)
    first, second = np.tanh((x - _EDGES[0] * width) / _EDGE_PIXELS), np.tanh((y - _EDGES[1] * height) / _EDGE_PIXELS)
    light = 1 + 0.12 * shade + 0.1 * first - 0.14 * second
    return np.asarray(np.clip(light[..., None] * np.array(_TINTS), 0, 1), np.float32)


def _places(side: int, scale: int) -> npt.NDArray[np.float64]:
    """The centres of pixels, counted in those of the picture that is not enlarged."""
    return (np.arange(side * scale) + 0.5) / scale - 0.5
