"""Reads PyTorch's files of weights (.pth, .pt) without PyTorch, and without running any of the code such files can carry.

Both layouts are taken: since PyTorch 1.6 a zip file with a pickle and one entry a storage, before it a row of pickles followed by the
storages. Source: torch/serialization.py describes both.
"""

import mmap
import struct
from collections.abc import Callable
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

from img_enhance.models.weights.stored_zip import Span, stored_entries
from img_enhance.models.weights.tensor_pickle import LARGEST_PICKLE, Storage, Tensor, read_pickle
from img_enhance.models.weights.tensors import DTYPES, Array, Malformed, array_at, mapped

# Where training code keeps the averaged weights, which are the better ones, the plain ones, and a table that may hold either.
_TABLES = ("params_ema", "params-ema", "params", "state_dict", "model_state_dict", "model", "net")
_MOST_TABLES = 3

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_COUNT = struct.Struct("<q")

Locate = Callable[[Storage], Span]


def read_pth(path: Path) -> dict[str, Array]:
    """The tensors by name, read-only arrays over the file (bfloat16 widened to float32): of `params_ema`, else `params`, else
    one of the other tables that programs put them in, else all.

    Raises: WeightsMissing when the file cannot be read; WeightsCorrupt when it holds anything but tensors, or is damaged.
    """
    with mapped(path) as data:
        root, locate = _zipped(data) if data[:2] == b"PK" else _legacy(data)
        return _arrays(data, _table(root), locate)


def _table(root: Any) -> dict[str, Tensor]:
    """The mapping of names to tensors in what a file holds."""
    table = root
    for _ in range(_MOST_TABLES):
        if not isinstance(table, dict):
            raise Malformed("it does not hold a mapping")
        table = next((table[name] for name in _TABLES if isinstance(table.get(name), dict)), table)
    tensors = dict[str, Tensor]()
    for name, value in table.items():
        if not isinstance(value, Tensor):
            raise Malformed(f"{name[:100]!a} is not a tensor")
        tensors[name] = value
    return tensors


def _arrays(data: mmap.mmap, table: dict[str, Tensor], locate: Locate) -> dict[str, Array]:
    # A few tensors may share values. Many that are all views of the same ones would fill the memory where they are widened.
    if sum(prod(tensor.shape) * DTYPES[tensor.storage.dtype].itemsize for tensor in set(table.values())) > len(data):
        raise Malformed("its tensors have more values than the file")
    known: dict[Tensor, Array] = {}
    for tensor in table.values():
        if tensor not in known:
            dtype = tensor.storage.dtype
            offset = locate(tensor.storage).offset + tensor.offset * DTYPES[dtype].itemsize
            known[tensor] = array_at(data, dtype, offset, tensor.shape, tensor.strides)
    return {name: known[tensor] for name, tensor in table.items()}


def _zipped(data: mmap.mmap) -> tuple[Any, Locate]:
    """What a zip file's pickle describes, and where its storages lie."""
    entries = stored_entries(data)
    pickles = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise Malformed(f"it has {len(pickles)} pickles of tensors instead of one")
    folder = pickles[0].removesuffix("data.pkl")
    order = entries.get(f"{folder}byteorder")
    if order is not None and data[order.offset : order.offset + order.size] != b"little":
        raise Malformed("its numbers are not little-endian")
    span = entries[pickles[0]]
    if span.size > LARGEST_PICKLE:
        raise Malformed(f"its pickle has {span.size:,} bytes; {LARGEST_PICKLE:,} are taken")

    def locate(storage: Storage) -> Span:
        found = entries.get(f"{folder}data/{storage.key}")
        if found is None or found.size != storage.count * DTYPES[storage.dtype].itemsize:
            raise Malformed(f"the storage {storage.key[:100]!a} is missing or has another size")
        return found

    return read_pickle(BytesIO(data[span.offset : span.offset + span.size]), {}), locate


def _legacy(data: mmap.mmap) -> tuple[Any, Locate]:
    """What a file of the layout before PyTorch 1.6 describes, and where its storages lie."""
    file = BytesIO(data[:LARGEST_PICKLE])
    storages: dict[str, Storage] = {}
    if read_pickle(file, storages) != _LEGACY_MAGIC or read_pickle(file, storages) != _LEGACY_PROTOCOL:
        raise Malformed("it was not written by PyTorch")
    system = read_pickle(file, storages)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Malformed("its numbers are not little-endian")
    root = read_pickle(file, storages)
    keys = read_pickle(file, storages)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(storages):
        raise Malformed("its list of storages is broken")
    spans = _legacy_spans(data, file.tell(), [storages[key] for key in keys])
    return root, lambda storage: spans[storage.key]


def _legacy_spans(data: mmap.mmap, offset: int, storages: list[Storage]) -> dict[str, Span]:
    """Where the storages lie that follow one another from `offset` on, each after the number of its values."""
    spans: dict[str, Span] = {}
    for storage in storages:
        size = storage.count * DTYPES[storage.dtype].itemsize
        if offset + _COUNT.size + size > len(data):
            raise Malformed("it ends too early")
        if _COUNT.unpack_from(data, offset) != (storage.count,):
            raise Malformed(f"the storage {storage.key[:100]!a} has another size")
        spans[storage.key] = Span(offset + _COUNT.size, size)
        offset += _COUNT.size + size
    if offset != len(data):
        raise Malformed(f"{len(data) - offset:,} bytes are left over")
    return spans
