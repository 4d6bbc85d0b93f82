"""Reads and writes files of weights in the safetensors format: the header's length in 8 bytes, a JSON header, the values.

Source: the format's description in github.com/huggingface/safetensors.
"""

import json
import mmap
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from img_enhance.models.weights.tensors import DTYPES, MOST_DIMENSIONS, Array, Malformed, array_at, mapped

_LENGTH = struct.Struct("<Q")
_METADATA = "__metadata__"
# A tensor takes about 100 bytes of it.
LARGEST_HEADER = 4_000_000

# What is a bfloat16 in a file is none in memory.
_NAMES = {kind: name for name, kind in DTYPES.items() if name not in ("BF16", "BOOL")} | {np.dtype(bool): "BOOL"}


class _Row(NamedTuple):
    begin: int
    end: int
    name: str
    dtype: str
    shape: list[int]


def read_safetensors(path: Path) -> dict[str, Array]:
    """The tensors by name, read-only arrays over the file (bfloat16 widened to float32).

    Raises: WeightsMissing when the file cannot be read; WeightsCorrupt when it is damaged or not of this format.
    """
    with mapped(path) as data:
        rows, start = _header(data)
        reached = 0
        for row in sorted(rows):
            if row.begin != reached:
                raise Malformed(f"the values of {row.name[:100]!a} overlap others or leave a hole")
            reached = row.end
        if start + reached != len(data):
            raise Malformed(f"it has {len(data) - start:,} bytes of values, its header says {reached:,}")
        return {row.name: array_at(data, row.dtype, start + row.begin, row.shape) for row in rows}


def write_safetensors(path: Path, tensors: Mapping[str, Array]) -> None:
    """Write the tensors, of any type that is read, in their order.

    Raises: OSError when that fails.
    """
    header, end = dict[str, Any](), 0
    for name, values in tensors.items():
        dtype = _NAMES[values.dtype]
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [end, end := end + values.nbytes]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # so that the values are aligned, and can be used where they lie
    with path.open("wb") as file:
        file.write(_LENGTH.pack(len(text)) + text)
        for values in tensors.values():
            file.write(np.ascontiguousarray(values).tobytes())


def _header(data: mmap.mmap) -> tuple[list[_Row], int]:
    """The rows of the header, and where the values begin."""
    if len(data) < _LENGTH.size:
        raise Malformed("it ends too early")
    (length,) = _LENGTH.unpack_from(data)
    if length > min(LARGEST_HEADER, len(data) - _LENGTH.size):
        raise Malformed(f"its header would have {length:,} bytes")
    start = _LENGTH.size + length
    try:
        header = json.loads(data[_LENGTH.size : start].decode("utf-8"), object_pairs_hook=_distinct)
    except RecursionError:
        raise Malformed("its header is nested too deep") from None
    if not isinstance(header, dict):
        raise Malformed("its header is not a mapping")
    return [_row(name, entry) for name, entry in header.items() if name != _METADATA], start


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise Malformed("its header has a name twice")
    return mapping


def _row(name: str, entry: Any) -> _Row:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise Malformed(f"the header's row {name[:100]!a} is broken")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise Malformed(f"{name[:100]!a} is of a type that is not taken")
    if not _wholes(shape) or len(shape) > MOST_DIMENSIONS or not _wholes(offsets) or len(offsets) != 2:
        raise Malformed(f"the header's row {name[:100]!a} is broken")
    begin, end = offsets
    if end - begin != prod(shape) * DTYPES[dtype].itemsize:
        raise Malformed(f"{name[:100]!a} has another size than its shape says")
    return _Row(begin, end, name, dtype, shape)


def _wholes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)
