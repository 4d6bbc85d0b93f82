"""How ncnn is given a network's weights: array by array, as it asks for their bytes, so that no second copy of all of them is made."""

import ctypes
from typing import Any

import ncnn
import numpy as np
import numpy.typing as npt

_address = ctypes.pythonapi.PyCapsule_GetPointer
_address.restype, _address.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)


class ArrayReader(ncnn.DataReader):  # type: ignore[misc]
    """Reads arrays one after the other: whole numbers as they are, everything else as float32."""

    def __init__(self, arrays: list[npt.NDArray[Any]]) -> None:
        super().__init__()
        self._arrays = iter(arrays)

    def read(self, buffer: Any, size: int) -> int:
        """Copy the next array, which must have this size, to where ncnn wants it; 0 where it has another."""
        array = next(self._arrays)
        values = np.ascontiguousarray(array, None if array.dtype.kind == "u" else np.float32)
        if values.nbytes != size:
            return 0
        ctypes.memmove(_address(buffer, None), values.ctypes.data, size)
        return size
