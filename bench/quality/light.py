"""The bench's own colour arithmetic: what is measured must not be made with the code that is measured."""

from typing import Any

import numpy as np
import numpy.typing as npt

from photos import Pixels

Linear = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]
Pair = tuple[float, float]

WHITE = 255

DAYLIGHT_KELVIN = 6504
# Below this the CIE's daylight locus does not go, and lamps are near black bodies.
LOWEST_DAYLIGHT_KELVIN = 4000

# IEC 61966-2-1: linear sRGB to XYZ, white at Y = 1.
XYZ_OF_RGB: Matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
LUMINANCE = XYZ_OF_RGB[1]

# Lam 1985, "Metamerism and colour constancy".
BRADFORD: Matrix = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

# Degrees kelvin over which the direction of a locus is taken.
_SLOPE_KELVIN = 10.0


def decode(pixels: Pixels) -> Linear:
    """Linear light in [0, 1] of 8-bit sRGB values. Source: IEC 61966-2-1."""
    return _decoded(np.arange(WHITE + 1) / WHITE).astype(np.float32)[pixels]


def _decoded(values: Matrix) -> Matrix:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encode(linear: Linear) -> Pixels:
    """8-bit sRGB values of linear light, clipped at black and white, rounded. Source: IEC 61966-2-1."""
    clipped = np.clip(linear, 0, 1)
    values = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
    pixels: Pixels = np.rint(values * WHITE).astype(np.uint8)
    return pixels


def white_of(kelvin: float, duv: float = 0.0) -> Matrix:
    """XYZ, Y = 1, of daylight (from 4000 K) or of a black body (below), `duv` off that locus in CIE 1960 uv; greener where positive.

    Source: CIE 15 for daylight; Krystek 1985, "An algorithm to calculate correlated colour temperature", for black bodies.
    """
    u, v = _uv(kelvin)
    if duv:
        u, v = _beside((u, v), _uv(kelvin + _SLOPE_KELVIN), duv)
    below = 2 * u - 8 * v + 4
    x, y = 3 * u / below, 2 * v / below
    return np.array([x / y, 1, (1 - x - y) / y])


def cast_matrix(kelvin: float, duv: float = 0.0, *, sharpness: float = 0.0) -> Matrix:
    """Linear RGB under this illuminant, left uncorrected, of linear RGB under daylight of 6504 K. White keeps its luminance.

    `sharpness` is where gains are applied: at 0 to the responses of the eye's sharpened cones, von Kries' adaptation in the Bradford space;
    at 1 to the channels of linear RGB; between them to a sensor that is a mix of both.
    """
    sensor = (1 - sharpness) * BRADFORD / (BRADFORD @ white_of(DAYLIGHT_KELVIN))[:, None] + sharpness * np.linalg.inv(XYZ_OF_RGB)
    gains = np.maximum(sensor @ white_of(kelvin, duv), 0)
    matrix: Matrix = np.linalg.inv(sensor @ XYZ_OF_RGB) @ np.diag(gains) @ sensor @ XYZ_OF_RGB
    return matrix


def contrasted(linear: Linear, amount: float) -> Linear:
    """Linear light in [0, 1] as cameras render it: their curve is an S in encoded values, as steep as 1 + `amount` / 2 at the middle."""
    before, after = _curve(amount)
    return np.interp(linear, before, after).astype(np.float32)


def uncontrasted(linear: Linear, amount: float) -> Linear:
    """The light that `contrasted` was given."""
    before, after = _curve(amount)
    return np.interp(linear, after, before).astype(np.float32)


def _curve(amount: float) -> tuple[Matrix, Matrix]:
    """Light before and after; close together in the shadows, as encodings are."""
    values = np.linspace(0, 1, 1024)
    return _decoded(values), _decoded((1 - amount) * values + amount * (3 * values**2 - 2 * values**3))


def through(linear: Linear, matrix: npt.NDArray[Any]) -> Linear:
    """Every colour of a picture through a matrix."""
    return linear @ matrix.T.astype(np.float32)


def _uv(kelvin: float) -> Pair:
    return _daylight_uv(kelvin) if kelvin >= LOWEST_DAYLIGHT_KELVIN else _black_body_uv(kelvin)


def _daylight_uv(kelvin: float) -> Pair:
    t = 1000 / kelvin
    cubic = (0.244063, 0.09911, 2.9678, -4.6070) if kelvin <= 7000 else (0.237040, 0.24748, 1.9018, -2.0064)
    x = sum(factor * t**power for power, factor in enumerate(cubic))
    y = -3.000 * x * x + 2.870 * x - 0.275
    return 4 * x / (-2 * x + 12 * y + 3), 6 * y / (-2 * x + 12 * y + 3)


def _black_body_uv(kelvin: float) -> Pair:
    t = kelvin
    u = (0.860117757 + 1.54118254e-4 * t + 1.28641212e-7 * t**2) / (1 + 8.42420235e-4 * t + 7.08145163e-7 * t**2)
    v = (0.317398726 + 4.22806245e-5 * t + 4.20481691e-8 * t**2) / (1 - 2.89741816e-5 * t + 1.61456053e-7 * t**2)
    return u, v


def _beside(point: Pair, hotter: Pair, distance: float) -> Pair:
    """`distance` from `point` at a right angle to the locus; upwards, where green lies, when positive."""
    along_u, along_v = hotter[0] - point[0], hotter[1] - point[1]
    length = float(np.hypot(along_u, along_v))
    # Hotter is to the left and down, so this normal points up.
    return point[0] + along_v / length * distance, point[1] - along_u / length * distance
