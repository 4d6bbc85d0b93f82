"""A person's own file of weights: PyTorch's, safetensors, ONNX, or a pair of ncnn, whatever it is called, and the network that it is of."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from img_enhance.errors import UnsupportedModel, WeightsMissing
from img_enhance.models.architecture import Architecture
from img_enhance.models.networks.edsr import EDSR
from img_enhance.models.networks.foreign import GRAPH
from img_enhance.models.recognition import enlarging_network, title_of, used
from img_enhance.models.trained_values import as_trained
from img_enhance.models.weights.layouts import published, with_grids
from img_enhance.models.weights.ncnn import MAGIC
from img_enhance.models.weights.ncnn_graph import read_pair, weights_of, with_its_numbers
from img_enhance.models.weights.ncnn_proof import difference
from img_enhance.models.weights.onnx_file import looks_like_onnx
from img_enhance.models.weights.pth import read_pth
from img_enhance.models.weights.safetensors import read_safetensors
from img_enhance.models.weights.tensors import Array, array_at, mapped
from img_enhance.units import bytes_text

# The largest networks that enlarge have 0.2 GB; whatever is larger is something else, and would take long to hash.
LARGEST_FILE = 2_000_000_000

_BLOCK_BYTES = 1 << 20

Kind = Literal["safetensors", "pth", "onnx", "ncnn"]


@dataclass(frozen=True)
class OwnFile:
    """What a file holds: a network, and its weights by their published names, arrays over the mapped file."""

    architecture: Architecture
    weights: dict[str, Array]


def files_of(path: Path) -> tuple[Path, ...]:
    """The files that a model is in, of which any may be named: two of ncnn, one otherwise.

    Raises: WeightsMissing when one is not there, or cannot be read.
    """
    twin = {".param": ".bin", ".bin": ".param"}.get(path.suffix.lower())
    if twin is not None and (path.suffix.lower() == ".param" or os.path.isfile(path.with_suffix(twin))):
        files: tuple[Path, ...] = (path.with_suffix(".param"), path.with_suffix(".bin"))
    else:
        files = (path,)
    for file in files:
        if not os.path.isfile(file):  # not Path.is_file, which raises for names that are too long
            advice = "a model of ncnn is two files, NAME.param and NAME.bin, side by side" if len(files) > 1 else "check its name"
            raise WeightsMissing(f"there is no file {file}", advice)
    return files


def size_and_hash(files: tuple[Path, ...]) -> tuple[int, str]:
    """The bytes of the files, one after the other, and their sha256.

    Raises: WeightsMissing when one cannot be read; UnsupportedModel when they are larger than any network.
    """
    digest, size = hashlib.sha256(), 0
    for block in _blocks(files):
        size += len(block)
        digest.update(block)
    return size, digest.hexdigest()


def _blocks(files: tuple[Path, ...]) -> Iterator[bytes]:
    try:
        size = sum(file.stat().st_size for file in files)
        if size > LARGEST_FILE:
            raise UnsupportedModel(
                f"{files[0]} has {bytes_text(size)}, and files of at most {bytes_text(LARGEST_FILE)} are taken as models"
            )
        for file in files:
            with file.open("rb") as data:
                while block := data.read(_BLOCK_BYTES):
                    yield block
    except OSError as error:
        raise WeightsMissing(f"cannot read the weights {files[0]}: {error.strerror}") from None


def kind_of(file: Path) -> Kind | None:
    """What kind of file it is, by how it begins; None for any other.

    Raises: WeightsMissing when it cannot be read.
    """
    try:
        with file.open("rb") as data:
            head = data.read(16)
    except OSError as error:
        raise WeightsMissing(f"cannot read the weights {file}: {error.strerror}") from None
    if head[8:9] == b"{":  # after the header's length, which may begin as anything does
        return "safetensors"
    if head[:2] == b"PK" or head[:1] == b"\x80":
        return "pth"
    if looks_like_onnx(head):
        return "onnx"
    return "ncnn" if head.startswith(MAGIC.encode()) else None


def read_foreign(file: Path) -> dict[str, Array]:
    """What a network that another program runs is made of: the bytes of an ONNX file, or tensors of any types by their names.

    Raises: as `read_own`.
    """
    if kind_of(file) != "onnx":
        return _tensors(file)
    with mapped(file) as data:
        return {GRAPH: array_at(data, "U8", 0, (len(data),))}


def read_own(files: tuple[Path, ...]) -> OwnFile:
    """What the files hold, by their contents.

    Raises: UnsupportedModel for a network that is not known here, or a file of another kind; WeightsCorrupt for a damaged one;
    WeightsMissing when it cannot be read.
    """
    name = files[0].name
    if len(files) == 2:
        pair = read_pair(*files)
        weights = weights_of(pair)
        network = with_its_numbers(enlarging_network({key: array.shape for key, array in weights.items()}, name), pair)
        other = difference(pair, network)
        if other:
            raise UnsupportedModel(
                f"{name} has the weights of {title_of(network)}, but {other} is not in that network",
                "take the PyTorch or safetensors file of the model instead",
            )
        return OwnFile(network, weights)
    found = with_grids(published(_tensors(files[0])))
    tensors = {key: _as_float(values) for key, values in found.items() if np.issubdtype(values.dtype, np.floating)}
    shapes = used({key: values.shape for key, values in tensors.items()})
    network = enlarging_network(shapes, name)
    if isinstance(network, EDSR):
        network = as_trained(network, tensors)
    return OwnFile(network, {key: tensors[key] for key in shapes})


def _as_float(values: Array) -> Array:
    return values.astype(np.float32) if values.dtype == np.float64 else values


def _tensors(file: Path) -> dict[str, Array]:
    """The tensors of a file of PyTorch or safetensors."""
    kind = kind_of(file)
    if kind in ("safetensors", "pth"):
        return read_safetensors(file) if kind == "safetensors" else read_pth(file)
    if kind == "ncnn":
        raise UnsupportedModel(
            f"{file.name} is one of the two files of an ncnn model", "call them NAME.param and NAME.bin, and name either"
        )
    raise UnsupportedModel(
        f"{file.name} is neither a PyTorch file of weights nor safetensors nor ONNX",
        "take a .pth, .safetensors or .onnx file, or both files of an ncnn model (.param and .bin)",
    )
