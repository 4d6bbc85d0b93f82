"""Whether arrays of numpy hold numbers only."""

from typing import Any

import numpy as np
import numpy.typing as npt


def is_finite(values: npt.NDArray[Any]) -> bool:
    """Whether no value is NaN or infinite, for float32 or bf16 as uint16.

    A float is not finite when its exponent's bits are all ones. Read as integers those values are the greatest of either sign, so two
    maxima tell, without a temporary array.
    """
    if values.size == 0:
        return True
    unsigned, signed, infinity = (np.uint16, np.int16, 0x7F80) if values.itemsize == 2 else (np.uint32, np.int32, 0x7F800000)
    sign = 1 << (8 * values.itemsize - 1)
    return bool(values.view(signed).max() < infinity and values.view(unsigned).max() < infinity + sign)
