"""Puts restored faces into the photo: their difference to what is there, inside a soft square, in any window of the photo.

Pasted is the *difference* between the restored face and the photo's own face, both in GFPGAN's square. Against pasting the restored face
itself that leaves alone what nobody restored: where nothing was changed nothing changes, not even by the blur of two resamplings; what a
face larger than 512 pixels has beyond the square's resolution stays in the photo; and strength scales one small thing.

The difference is to the face as it lies in the *enlarged* photo, not in the photo before: else what super-resolution made sharper is
sharpened twice. Measured on one face of 342 px with its true picture as the restored one, PSNR inside the mask, base enlarged four times
by bicubic interpolation / by Real-ESRGAN (2026-11): base 31 / 29 dB; restored face itself 61 / 61; difference to the photo before 45 / 30;
difference to the enlarged photo 65 / 59, and 65 / 42 with colours matched to surroundings that Real-ESRGAN had shifted. At 682 px,
bicubic: 56, 49 and 59 dB.

A difference is a small thing: 3 MB a face, whatever the photo's size. The pixels under it are worked on in float32, and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from img_enhance.faces.align import SIDE, TEMPLATE, Array, Similarity, blurred, square_box
from img_enhance.geometry import Box, Size
from img_enhance.machine.canvas import Pixels

Coordinates = npt.NDArray[np.float64]

# The mask is 0 up to so many pixels from the square's edge and 1 so many further in. It reaches 1 outside of the face: the template's
# eyes and mouth are 193 pixels and more from the edges.
_EDGE = 8
_FEATHER = 88
# The rim, where colours are compared: where the mask lets the seam show most. The correction is smooth over about as many pixels.
_RIM_BLUR = 64
_RIM_REDUCTION = 8
_SMALLEST_RIM = 1e-6
# How fast a face's claim on a pixel falls with the distance from the middle of its eyes and mouth, in the square's pixels.
_CLAIM = 128
_STRIP_ROWS = 128
_MIDDLE = tuple(float(np.mean([TEMPLATE[point][axis] for point in (0, 1, 3, 4)])) for axis in (0, 1))


@dataclass(frozen=True, eq=False)
class Patch:
    """What a restored face changes: `difference` (512, 512, 3) float32 in shares of white, and where its square lies in the photo.

    `box` is that part of the photo which it can change.
    """

    difference: Array
    similarity: Similarity
    box: Box


def patch(restored: Array, base: Array, inside: npt.NDArray[np.bool_], similarity: Similarity, photo: Size) -> Patch:
    """The patch that turns `base`, the face's crop from the photo it is pasted into, into `restored`; both (512, 512, 3) from 0 to 1.

    Colours are matched to the surroundings: of the difference, what is smooth and there already at the mask's rim is not the restoration
    but a shift of colour, and is taken off, continued smoothly into the face (`_shift`). A grey photo stays grey. `inside` and
    `similarity` are those of the crop.
    """
    difference = restored - base
    difference -= _shift(difference, inside)
    if np.array_equal(base[..., 0], base[..., 1]) and np.array_equal(base[..., 0], base[..., 2]):
        difference = np.repeat(cv2.cvtColor(difference, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    return Patch(blurred(difference, similarity.scale), similarity, square_box(similarity, photo))


def paste(pixels: Pixels, box: Box, patches: tuple[Patch, ...], *, strength: float) -> Pixels:
    """A window of the photo with all faces pasted in; `pixels`, (h, w, 3) of 8 or 16 bits, lies at `box` and is not changed.

    `strength` from 0 (not a byte changes) to 1 blends. Each pixel's answer is the same in whatever window it lies, and in whatever order
    the patches come. Pixels outside the patches' boxes keep their values.
    """
    result = pixels.copy()
    if strength == 0:
        return result
    ordered = sorted(patches, key=lambda patch: (patch.box.top, patch.box.left, patch.box.bottom, patch.box.right))
    white = np.float32(np.iinfo(pixels.dtype).max)
    for own in ordered:
        # Where boxes overlap pixels are worked out twice, from the photo as it was, with the same answer.
        for strip in _strips(_common(own.box, box)):
            rows, columns = Box(strip.left - box.left, strip.top - box.top, strip.right - box.left, strip.bottom - box.top).slices
            change = _change(strip, [other for other in ordered if _common(other.box, strip).size.pixels])
            blended = pixels[rows, columns] + np.float32(strength) * white * change
            result[rows, columns] = np.rint(np.clip(blended, 0, white)).astype(pixels.dtype)
    return result


def _common(one: Box, other: Box) -> Box:
    """What two boxes share; of size 0 where that is nothing."""
    left, top = max(one.left, other.left), max(one.top, other.top)
    return Box(left, top, max(left, min(one.right, other.right)), max(top, min(one.bottom, other.bottom)))


def _strips(box: Box) -> Iterator[Box]:
    """The box in strips, so that a large face takes no more memory than a small one."""
    for top in range(box.top, box.bottom if box.size.width else box.top, _STRIP_ROWS):
        yield Box(box.left, top, box.right, min(top + _STRIP_ROWS, box.bottom))


def _change(strip: Box, patches: list[Patch]) -> Array:
    """What all patches together add to a strip of the photo, (h, w, 3) in shares of white.

    Where masks overlap, the strongest of them is divided among the faces by their claims, which fall with the distance from each face's
    middle, measured in its own square: so a pixel goes mostly to the nearer face, and the shares pass smoothly from one to the other.
    """
    y, x = np.mgrid[strip.top : strip.bottom, strip.left : strip.right].astype(np.float64)
    places = [patch.similarity.apply(x, y) for patch in patches]
    masks = [mask(u, v) for u, v in places]
    strongest = np.max(masks, 0)
    claims = [one * _claim(u, v) for one, (u, v) in zip(masks, places, strict=True)]
    total = np.maximum(np.sum(claims, 0), np.finfo(np.float64).tiny)
    change = np.zeros((*y.shape, 3), np.float32)
    for patch, claim, (u, v) in zip(patches, claims, places, strict=True):
        share = np.asarray(strongest * claim / total, np.float32)
        # Nothing is read from beyond the square: the mask is 0 there.
        maps = u.astype(np.float32), v.astype(np.float32)
        change += share[..., None] * cv2.remap(patch.difference, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return change


def mask(u: Coordinates, v: Coordinates) -> Coordinates:
    """How much of the restored face shows at coordinates of the square: 1 in the middle, falling smoothly to 0 before its edges."""
    return _ramp(u) * _ramp(v)


def _ramp(place: Coordinates) -> Coordinates:
    """3 t^2 - 2 t^3 of the distance to the nearer edge."""
    t = np.clip((np.minimum(place, SIDE - 1 - place) - _EDGE) / _FEATHER, 0, 1)
    return t * t * (3 - 2 * t)


def _claim(u: Coordinates, v: Coordinates) -> Coordinates:
    return np.exp(-((u - _MIDDLE[0]) ** 2 + (v - _MIDDLE[1]) ** 2) / _CLAIM**2)


def _shift(difference: Array, inside: npt.NDArray[np.bool_]) -> Array:
    """What the rim of the mask differs by, smoothly continued over the square: a weighted mean of the rim, nearer parts weighing more.

    Source: normalised convolution, Knutsson and Westin, CVPR 1993; in the place of the membrane of Poisson image editing (Perez et al.,
    SIGGRAPH 2003), which it resembles at a fraction of the work.
    """
    v, u = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    seen = mask(u, v)
    rim = np.asarray(4 * seen * (1 - seen) * inside, np.float32)[..., None]
    small = (SIDE // _RIM_REDUCTION,) * 2
    weighed = cv2.resize(np.concatenate([difference * rim, rim], 2), small, interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(weighed, (0, 0), _RIM_BLUR / _RIM_REDUCTION, borderType=cv2.BORDER_CONSTANT)
    shift = smooth[..., :3] / np.maximum(smooth[..., 3:], _SMALLEST_RIM)
    return np.asarray(cv2.resize(shift, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.float32)
