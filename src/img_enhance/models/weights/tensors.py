"""What the readers of weight files share: types of numbers, and arrays over the bytes of a mapped file."""

import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.errors import WeightsCorrupt, WeightsMissing

Array = npt.NDArray[Any]

# By the names of safetensors, little-endian. numpy has no bfloat16: it is read as the upper half of a float32.
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("u1"),
}
# A convolution over volumes has five; numpy stops at 64.
MOST_DIMENSIONS = 8


class Malformed(ValueError):
    """Bytes that are not what a reader takes; turned into WeightsCorrupt with the file's name by `mapped`."""


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """The file's bytes; arrays over them keep the file mapped, so that no weight is copied.

    They are mapped for private writing, which nobody does: OpenVINO shares only memory that could be written.

    Raises: WeightsMissing when it cannot be read; WeightsCorrupt for any ValueError of the reader that uses it.
    """
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except OSError as error:
        raise WeightsMissing(f"cannot read the weights {path}: {error.strerror}") from None
    except ValueError:
        raise WeightsCorrupt(f"{path} is empty") from None
    try:
        yield data
    except ValueError as error:
        raise WeightsCorrupt(f"{path.name} cannot be read as weights: {error}") from None


def array_at(data: mmap.mmap, dtype: str, offset: int, shape: Sequence[int], strides: Sequence[int] | None = None) -> Array:
    """A read-only array over `data` from the byte `offset`; `strides` count values, and without them rows follow one another.

    bfloat16 is widened to float32 and thus copied, as is what lies unaligned.

    Raises: ValueError when any value lies outside of `data`.
    """
    kind = DTYPES[dtype]
    if prod(shape) == 0:
        return np.empty(shape, np.float32 if dtype == "BF16" else kind)
    steps = None if strides is None else [step * kind.itemsize for step in strides]
    values: Array = np.require(np.ndarray(shape, kind, data, offset, steps), requirements="A")
    if dtype == "BF16":
        wide = values.astype(np.uint32)
        np.left_shift(wide, 16, out=wide)
        values = wide.view(np.float32)
    elif dtype == "BOOL":
        values = values != 0
    values.flags.writeable = False
    return values
