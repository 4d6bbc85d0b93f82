"""Image-Adaptive 3D LUT: a small network looks at the photo and mixes three tables of colours, learned from a retoucher's work.

Source: Zeng, Cai, Li, Cao and Zhang 2020, "Learning image-adaptive 3D lookup tables for high performance photo enhancement in real-time"
(IEEE TPAMI), section 3; weights that its authors published, Apache-2.0.
"""

from pathlib import Path

import torch
import torch.nn.functional as functional

from light.pytorch import Tensor, loaded, pixels_of, tensor_of
from photos import Pixels

CLASSIFIER, TABLES = "lut3d_fivek_srgb_classifier.pth", "lut3d_fivek_srgb_LUTs.pth"

# The network sees the photo in this size, whatever its shape.
_SIDE = 256
_SLOPE = 0.2

# Places of the convolutions in the published file: those that halve, all but the last with a normalization two places on; and the answer.
_HALVING = (1, 4, 7, 10, 13)
_NORMALIZED = _HALVING[:-1]
_ANSWER = 16


def corrected(pixels: Pixels, *, folder: Path) -> Pixels:
    """`pixels` (H, W, 3) uint8 by the weights in `folder`."""
    tables = loaded(folder / TABLES)
    with torch.inference_mode():
        photo = tensor_of(pixels)
        shares = _shares(photo, loaded(folder / CLASSIFIER))
        mixed = sum(share * tables[str(number)]["LUT"] for number, share in enumerate(shares))
        return pixels_of(looked_up(photo, mixed))


def looked_up(photo: Tensor, table: Tensor) -> Tensor:
    """(1, 3, H, W): each colour of `photo`, of the same shape and in [0, 1], by `table`, trilinearly.

    The table is (3, B, G, R): red varies fastest.
    """
    places = photo.permute(0, 2, 3, 1)[:, None] * 2 - 1
    return functional.grid_sample(table[None], places, mode="bilinear", padding_mode="border", align_corners=True)[:, :, 0]


def _shares(photo: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """(3,): how much of each table."""
    x = functional.interpolate(photo, size=(_SIDE, _SIDE), mode="bilinear", align_corners=False)
    for place in _HALVING:
        x = functional.leaky_relu(_convolved(x, weights, place, stride=2, padding=1), _SLOPE)
        if place in _NORMALIZED:
            norm = f"model.{place + 2}"
            x = functional.instance_norm(x, weight=weights[f"{norm}.weight"], bias=weights[f"{norm}.bias"])
    return _convolved(x, weights, _ANSWER, stride=1, padding=0).flatten()


def _convolved(x: Tensor, weights: dict[str, Tensor], place: int, *, stride: int, padding: int) -> Tensor:
    name = f"model.{place}"
    return functional.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride=stride, padding=padding)
