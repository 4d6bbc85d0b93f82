"""What the learned peers share: PyTorch, on one thread of a CPU, and pictures in and out of it."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from photos import Pixels
from quality.light import WHITE

Tensor = Any


@cache
def loaded(path: Path) -> Any:
    """What a .pth file holds: tensors in mappings."""
    torch.set_num_threads(1)  # as many processes as cores share the work
    return torch.load(path, map_location="cpu", weights_only=True)


def tensor_of(pixels: Pixels) -> Tensor:
    """(1, 3, H, W) float32 in [0, 1] of (H, W, 3) uint8."""
    return torch.from_numpy(pixels.astype(np.float32) / WHITE).permute(2, 0, 1)[None]


def pixels_of(picture: Tensor) -> Pixels:
    """(H, W, 3) uint8 of (1, 3, H, W), clipped to [0, 1] and rounded."""
    values = (picture[0].clamp(0, 1) * WHITE).round().to(torch.uint8)
    return np.ascontiguousarray(values.permute(1, 2, 0).numpy())
