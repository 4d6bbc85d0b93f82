"""A file of random weights for GFPGAN, by default as large and as slow as the published one, which nobody may pass on freely."""

import dataclasses
import hashlib
import json
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from img_enhance.models.networks.gfpgan import GFPGANClean
from img_enhance.models.table import BUILT_IN, ModelTable
from img_enhance.models.weight_files import GFPGAN_1_4
from img_enhance.models.weight_sources import DownloadedWeights

Array = npt.NDArray[np.float32]

MODEL = BUILT_IN.faces[0]
FILE = "random-gfpgan.safetensors"


def random_weights_table(folder: Path, architecture: GFPGANClean | None = None) -> ModelTable:
    """The built-in models with random weights for faces in the place of the published ones; their file is written to `folder` once.

    `architecture` takes the place of the published network's, for tests.
    """
    architecture = architecture or GFPGANClean()
    path = folder / FILE
    if not path.exists():
        draw = np.random.RandomState(0)
        write_safetensors({name: _values(draw, name, shape) for name, shape in architecture.shapes.items()}, path)
    file = dataclasses.replace(
        GFPGAN_1_4,
        file=FILE,
        format="safetensors",
        bytes=path.stat().st_size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    model = dataclasses.replace(MODEL, architecture=architecture, weights=DownloadedWeights(file))
    return dataclasses.replace(BUILT_IN, faces=(model, *BUILT_IN.faces[1:]))


def write_safetensors(tensors: dict[str, Array], path: Path) -> None:
    """Write float32 tensors. Source: the format's description at github.com/huggingface/safetensors."""
    header, offset = {}, 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": (offset, offset + values.nbytes)}
        offset += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for values in tensors.values():
            file.write(values.astype("<f4").tobytes())


def _values(draw: np.random.RandomState, name: str, shape: tuple[int, ...]) -> Array:
    """Values under which what flows through the network neither dies out nor explodes: both would change its speed."""
    if name.endswith("modulation.bias"):
        return np.ones(shape, np.float32)
    if name.endswith("bias"):
        return np.zeros(shape, np.float32)
    summed = math.prod(shape[-3:]) if len(shape) > 2 else shape[-1]
    deviation = 1.0 if "noises" in name or "constant" in name else 0.1 if shape == (1,) else 1 / math.sqrt(summed)
    return np.asarray(draw.standard_normal(shape) * deviation, np.float32)
