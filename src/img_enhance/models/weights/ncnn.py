"""Reads weights in ncnn's format.

The text file lists the layers in order, the binary file their weights: a convolution is the flag 0x01306B47, float16 weights in
(out, in, 3, 3) order padded to 4 bytes, then a float32 bias; a PReLU is its float32 slopes.
"""

import struct
from pathlib import Path

import numpy as np

from img_enhance.errors import WeightsCorrupt
from img_enhance.models.networks.ops import Weights
from img_enhance.models.networks.segment import Shapes

MAGIC = "7767517"
FLOAT16_FLAG = 0x01306B47
_WEIGHTED = ("Convolution", "PReLU")


def read_ncnn(param: Path, binary: Path, shapes: Shapes) -> dict[str, Weights]:
    """The weights named and shaped as `shapes`, whose order must be that of the layers; views of the file's bytes.

    Raises: WeightsCorrupt when the files do not hold exactly these weights.
    """
    data = binary.read_bytes()
    names = iter(shapes)
    weights: dict[str, Weights] = {}
    offset = 0

    def take(dtype: type[np.floating], flagged: bool = False) -> None:
        nonlocal offset
        name = next(names, None)
        if name is None:
            raise WeightsCorrupt(f"{binary.name} holds more layers than the network has")
        if flagged:
            (flag,) = struct.unpack_from("<I", data, offset)
            offset += 4
            if flag != FLOAT16_FLAG:
                raise WeightsCorrupt(f"{binary.name}: {name} is not stored as float16 (flag {flag:#x})")
        shape = shapes[name]
        count = int(np.prod(shape))
        weights[name] = np.frombuffer(data, dtype, count, offset).reshape(shape)
        offset += -(-count * np.dtype(dtype).itemsize // 4) * 4

    try:
        for layer in _layers(param):
            if layer == "Convolution":
                take(np.float16, flagged=True)
            take(np.float32)
    except (struct.error, ValueError) as error:
        raise WeightsCorrupt(f"{binary.name} ends too early: {error}") from None
    missing = next(names, None)
    if missing is not None:
        raise WeightsCorrupt(f"{binary.name} has no weights for {missing}")
    if offset != len(data):
        raise WeightsCorrupt(f"{binary.name} has {len(data) - offset} bytes left over")
    return weights


def _layers(param: Path) -> list[str]:
    """The types of the layers that have weights, in order."""
    lines = param.read_text(encoding="ascii", errors="replace").splitlines()
    if not lines or lines[0].strip() != MAGIC:
        raise WeightsCorrupt(f"{param.name} is not an ncnn network")
    types = (line.split(maxsplit=1)[0] for line in lines[2:] if line.strip())
    return [layer for layer in types if layer in _WEIGHTED]
