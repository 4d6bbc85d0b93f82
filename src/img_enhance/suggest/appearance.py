"""How a picture is made up: steps between neighbours, edges, smoothness, colours. By these numbers `kind` tells photos from others."""

from __future__ import annotations

from math import ceil, sqrt
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from img_enhance.photo import Photo

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

# Fine structure is looked at in whole pixels, in windows spread evenly: at most 3 x 3 of 128 x 128.
_TILE = 128
_TILES_A_SIDE = 3
# The picture as a whole is looked at in so many pixels, which are means of their surroundings.
_OVERVIEW_SIDE = 192
# Colours are counted in about so many pixels as they are.
_COUNTED_PIXELS = 40_000

# Steps between neighbours, of the channel that differs most, are counted between these 8-bit values.
_STEP_EDGES = np.array([0, 1, 2, 3, 5, 9, 17, 33, 65, 129, 256])
# Pixels this near to the end of the scale hold no noise, whatever the picture is.
_BLACK, _WHITE = 2, 253
# Smoothness is that of squares of this side, and these quantiles of it say how it is spread.
_SQUARE = 8
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# An edge is a change of luma by this much over two pixels, and clean if its sides are as level as this.
_EDGE, _LEVEL = 48, 4
# Neighbours brighter by this count, in turn around a pixel; patterns are the number of them, or that they are apart from each other.
_BRIGHTER = 2
_AROUND = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
_PATTERNS = len(_AROUND) + 2
# Colours within this of the commonest one are the background's.
_BACKGROUND = 6
# The commonest so many colours, and how much of the picture they make up together.
_COMMONEST = (1, 2, 4, 8, 32)
_EXACT_COMMONEST = (1, 4, 16, 64)


def _pattern_of(code: int) -> int:
    bits = [code >> bit & 1 for bit in range(len(_AROUND))]
    changes = sum(bit != before for bit, before in zip(bits, bits[-1:] + bits[:-1], strict=True))
    return sum(bits) if changes <= 2 else _PATTERNS - 1


_PATTERN_OF = np.array([_pattern_of(code) for code in range(1 << len(_AROUND))])


def appearance(photo: Photo) -> Floats:
    """(APPEARANCES,) numbers of the order of one. `photo` is looked at in places, never copied as a whole nor changed.

    The step, edge and colour measures follow Athitsos, Swain and Frankel, Distinguishing photographs and graphics on the World Wide Web,
    1997; edges of colour against edges of light, and the spread of saturation, Cutzu, Hammoud and Leykin, Distinguishing paintings from
    photographs, 2005.
    """
    tiles, overview = _tiles(photo), _overview(photo)
    halves = [_halved(tile) for tile in tiles]
    parts = (_structure(tiles), _structure(halves), _structure([overview]), _layout(overview), _colours(_counted(photo)))
    return np.concatenate([np.asarray(part, np.float32) for part in parts])


def equal_neighbours(numbers: Floats) -> float:
    """Of the numbers of an appearance: the share of neighbours in its whole pixels that do not differ, in [0, 1]."""
    # The first is that of the smallest steps (`_steps`), as a root.
    return float(numbers[0]) ** 2


def _tiles(photo: Photo) -> list[Bytes]:
    height, width = photo.pixels.shape[:2]
    return [_seen(photo, slice(y, y + _TILE), slice(x, x + _TILE)) for y in _starts(height) for x in _starts(width)]


def _starts(length: int) -> list[int]:
    """Where windows begin: in small pictures from end to end, in large ones a little away from the border."""
    count = min(_TILES_A_SIDE, ceil(length / _TILE))
    room = max(0, length - _TILE)
    if count < _TILES_A_SIDE:
        return [room * number // max(1, count - 1) for number in range(count)]
    return [room * (2 * number + 1) // (2 * count) for number in range(count)]


def _overview(photo: Photo) -> Bytes:
    """The whole picture, its longer side at most _OVERVIEW_SIDE."""
    height, width = photo.pixels.shape[:2]
    # Every n-th pixel of large photos: still several for each mean.
    step = max(1, max(height, width) // (4 * _OVERVIEW_SIDE))
    sparse = _seen(photo, slice(None, None, step), slice(None, None, step))
    scale = _OVERVIEW_SIDE / max(sparse.shape[:2])
    if scale >= 1:
        return sparse
    return np.asarray(cv2.resize(sparse, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _counted(photo: Photo) -> Bytes:
    """(N, 3) pixels of a lattice."""
    step = max(1, ceil(sqrt(photo.size.pixels / _COUNTED_PIXELS)))
    return _seen(photo, slice(None, None, step), slice(None, None, step)).reshape(-1, 3)


def _seen(photo: Photo, rows: slice, columns: slice) -> Bytes:
    """Part of the photo in 8 bits, as it looks on a white page."""
    part = np.ascontiguousarray(photo.pixels[rows, columns])
    pixels = np.asarray(part if photo.depth == 8 else part >> 8, np.uint8)
    if photo.alpha is None:
        return pixels
    share = np.ascontiguousarray(photo.alpha[rows, columns]).astype(np.float32)[..., None] / np.iinfo(photo.alpha.dtype).max
    return np.asarray(np.rint(pixels * share + 255 * (1 - share)), np.uint8)


def _halved(pixels: Bytes) -> Bytes:
    height, width = pixels.shape[:2]
    size = (max(1, width // 2), max(1, height // 2))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8).reshape(size[1], size[0], 3)


def _structure(parts: list[Bytes]) -> list[float]:
    """What neighbours say: steps, edges, smoothness, and how colour goes along with light."""
    lumas = [np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2YCrCb), np.int16) for part in parts]
    lights = [ycc[..., 0] for ycc in lumas]
    return [*_steps(parts), *_edges(lights), *_smoothness(lumas), *_together(parts, lumas), *_patterns(lights)]


def _steps(parts: list[Bytes]) -> list[float]:
    """How often neighbours differ by how much, how often not at all where they are not clipped, and how much is clipped."""
    counts, level, pairs, black, white, pixels = np.zeros(256), 0, 0, 0, 0, 0
    for part in parts:
        darkest, brightest = _largest(part) < _BLACK, _largest(cv2.bitwise_not(part)) < 255 - _WHITE
        clipped = darkest | brightest
        black, white, pixels = black + int(darkest.sum()), white + int(brightest.sum()), pixels + clipped.size
        for step, ends in (
            (cv2.absdiff(part[:, 1:], part[:, :-1]), clipped[:, 1:] & clipped[:, :-1]),
            (cv2.absdiff(part[1:], part[:-1]), clipped[1:] & clipped[:-1]),
        ):
            if not ends.size:
                continue
            largest = _largest(step)
            counts += cv2.calcHist([largest], [0], None, [256], [0, 256]).ravel()
            level, pairs = level + int(((largest == 0) & ~ends).sum()), pairs + int((~ends).sum())
    counts = np.add.reduceat(counts, _STEP_EDGES[:-1])
    shares = np.sqrt(counts / max(1.0, counts.sum()))
    return [*shares, level / max(1, pairs), sqrt(black / max(1, pixels)), sqrt(white / max(1, pixels))]


def _largest(part: Any) -> Bytes:
    """(H, W), the largest channel."""
    red, green, blue = cv2.split(part)
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)


def _edges(lumas: list[Any]) -> list[float]:
    """How many edges there are, how many of them lie between level sides, how steep they are, and how many lie along rows and columns."""
    edges = clean = pixels = 0
    steep = 0.0
    for luma in (turned for part in lumas for turned in (part, part.T)):
        if luma.shape[1] < 5:
            continue
        change = np.abs(luma[:, 3:-1] - luma[:, 1:-3])
        found = change >= _EDGE
        sides = np.abs(luma[:, 1:-3] - luma[:, :-4]) + np.abs(luma[:, 4:] - luma[:, 3:-1])
        steps = np.maximum(np.abs(luma[:, 2:-2] - luma[:, 1:-3]), np.abs(luma[:, 3:-1] - luma[:, 2:-2]))
        edges, clean, pixels = edges + int(found.sum()), clean + int((found & (sides <= _LEVEL)).sum()), pixels + found.size
        steep += float((steps[found] / change[found]).sum())
    return [sqrt(edges / max(1, pixels)), clean / (edges + 10), steep / (edges + 10), *_directions(lumas)]


def _directions(lumas: list[Any]) -> list[float]:
    """The share of the light's change that lies along rows or columns, and how much of it is in few places."""
    along = total = squared = 0.0
    count = 1
    for luma in lumas:
        if min(luma.shape) < 2:
            continue
        across, down = (np.abs(end - luma[:-1, :-1]).astype(np.float32) for end in (luma[:-1, 1:], luma[1:, :-1]))
        both = across + down
        along += float(both[np.maximum(across, down) > 4 * np.minimum(across, down)].sum())
        total, squared, count = total + float(both.sum()), squared + float((both**2).sum()), count + both.size
    return [along / (total + 1), 0.2 * float(np.log(1 + squared * count / (total**2 + count)))]


def _smoothness(parts: list[Any]) -> list[float]:
    """Quantiles of the logarithm of the standard deviation in small squares, of luma and of the stronger of both chromas."""
    deviations = np.concatenate([_deviations(part) for part in parts])
    if not len(deviations):
        return [0.0] * (2 * len(_QUANTILES))
    logs = np.log(deviations + 0.2) / 3
    return [float(value) for value in np.quantile(logs, _QUANTILES, axis=0).T.ravel()]


def _deviations(ycc: Any) -> Floats:
    """(N, 2) of the squares in a part (H, W, 3)."""
    side = min(_SQUARE, *ycc.shape[:2])
    rows, columns = ycc.shape[0] // side, ycc.shape[1] // side
    values = ycc[: rows * side, : columns * side].astype(np.float32)
    mean, mean_square = (cv2.resize(each, (columns, rows), interpolation=cv2.INTER_AREA).reshape(-1, 3) for each in (values, values**2))
    deviation = np.sqrt(np.maximum(0, mean_square - mean**2))
    return np.stack([deviation[:, 0], np.maximum(deviation[:, 1], deviation[:, 2])], axis=1)


def _together(parts: list[Bytes], lumas: list[Any]) -> list[float]:
    """Correlations of what is fine in red and in blue with what is fine in green, and how much colour changes beside light."""
    rgb = np.concatenate([_fine(part).reshape(-1, 3) for part in parts])
    ycc = np.concatenate([np.abs(_fine(part)).reshape(-1, 3) for part in lumas])
    moments = rgb.T @ rgb / max(1, len(rgb)) + 0.05 * np.eye(3)
    red, blue = moments[0, 1] / sqrt(moments[0, 0] * moments[1, 1]), moments[2, 1] / sqrt(moments[2, 2] * moments[1, 1])
    luma, chroma = ycc[:, 0].mean() + 0.1, ycc[:, 1:].mean() + 0.1
    return [float(red), float(blue), float(np.log(chroma / luma)) / 3]


def _patterns(lights: list[Any]) -> list[float]:
    """How often how many of the eight neighbours are brighter, all in one arc; and in more than one.

    Source: Ojala, Pietikainen and Maenpaa, Multiresolution gray-scale and rotation invariant texture classification with local binary
    patterns, 2002; with a tolerance, so that noise of a level makes no pattern.
    """
    counts = np.zeros(_PATTERNS)
    for light in lights:
        height, width = light.shape
        if min(height, width) < 3:
            continue
        least = light[1:-1, 1:-1] + _BRIGHTER
        codes = np.zeros(least.shape, np.uint8)
        for bit, (y, x) in enumerate(_AROUND):
            codes |= (light[y : y + height - 2, x : x + width - 2] >= least).astype(np.uint8) << np.uint8(bit)
        counts += np.bincount(_PATTERN_OF[codes.ravel()], minlength=_PATTERNS)
    return [sqrt(count / max(1.0, counts.sum())) for count in counts]


def _fine(part: Any) -> Floats:
    """The part less the mean of its neighbours."""
    values = part.astype(np.float32)
    return np.asarray(values - cv2.blur(values, (3, 3), borderType=cv2.BORDER_REFLECT_101), np.float32)


def _layout(overview: Bytes) -> list[float]:
    """How much is background, how much of the border is, how many rows and columns are of one colour."""
    packed = _packed(overview >> 3)
    values, counts = np.unique(packed, return_counts=True)
    commonest = overview[packed == values[counts.argmax()]].mean(axis=0)
    background = np.abs(overview - commonest).max(axis=2) <= _BACKGROUND
    border = np.concatenate([background[0], background[-1], background[:, 0], background[:, -1]])
    spans = [np.ptp(overview, axis=axis).max(axis=1) <= _BACKGROUND for axis in (0, 1)]
    return [float(background.mean()), float(border.mean()), float(spans[0].mean()), float(spans[1].mean())]


def _packed(pixels: Any) -> Any:
    wide = pixels.astype(np.uint32)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def _colours(pixels: Bytes) -> list[float]:
    """How many colours there are, how much the commonest cover, how saturated they are, and how much a colour says of its light."""
    exact = np.sort(np.unique(_packed(pixels), return_counts=True)[1])[::-1] / len(pixels)
    cells = np.sort(np.bincount(_cells(pixels), minlength=4096))[::-1] / len(pixels)
    ycc = cv2.cvtColor(pixels[None], cv2.COLOR_RGB2YCrCb)[0]
    return [
        *(sqrt(exact[:count].sum()) for count in _EXACT_COMMONEST),
        len(exact) / len(pixels),
        *(sqrt(cells[:count].sum()) for count in _COMMONEST),
        _entropy(cells) / 8,
        *_lights(ycc[:, 0]),
        *_saturation(pixels),
        *_palette(ycc),
    ]


def _cells(pixels: Bytes) -> Any:
    coarse = (pixels >> 4).astype(np.int64)
    return coarse[:, 0] << 8 | coarse[:, 1] << 4 | coarse[:, 2]


def _entropy(shares: Any) -> float:
    """In bits."""
    present = shares[shares > 0]
    return float(-(present * np.log2(present)).sum())


def _lights(luma: Any) -> list[float]:
    """The entropy of luma, the commonest lumas, and quantiles of luma."""
    shares = np.bincount(luma, minlength=256) / len(luma)
    ordered = np.sort(shares)[::-1]
    return [_entropy(shares) / 8, sqrt(ordered[0]), sqrt(ordered[:8].sum()), *(np.quantile(luma, _QUANTILES) / 255).tolist()]


def _saturation(pixels: Bytes) -> list[float]:
    """Quantiles of saturation, the share of pixels that are exactly grey, and how spread hues are."""
    hue, saturation, value = np.moveaxis(cv2.cvtColor(pixels[None], cv2.COLOR_RGB2HSV)[0].astype(np.float32), -1, 0)
    chroma = saturation * value
    hues = np.bincount((hue // 15).astype(np.int64), chroma, minlength=12)
    return [
        *(np.quantile(saturation, _QUANTILES) / 255).tolist(),
        float((saturation == 0).mean()),
        _entropy(hues / (hues.sum() + 1)) / 4,
        float(chroma.mean()) / 255**2,
    ]


def _palette(ycc: Any) -> list[float]:
    """How much chroma varies, and how much of that among pixels of one luma: next to nothing in false colours."""
    luma, chroma = ycc[:, 0].astype(np.int64) >> 3, ycc[:, 1:].astype(np.float64)
    counts = np.bincount(luma, minlength=32) + 1e-9
    total = within = 0.0
    for channel in chroma.T:
        mean = np.bincount(luma, channel, minlength=32) / counts
        total += float(channel.var())
        within += float(((channel - mean[luma]) ** 2).mean())
    return [float(np.log(total + 1)) / 8, float(np.log((within + 1) / (total + 1))) / 4]
