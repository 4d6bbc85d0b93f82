"""Attention as nodes of OpenVINO's graphs, and how sizes are reckoned with there that are known only when a window runs.

The product, what is added to it, the softmax and the second product follow each other directly, because OpenVINO makes one kernel of such
a row (also without AVX-512), which never holds all the weights of a map at once: for windows of 8 x 32 places and three heads those would
be 3 KB a pixel (measured 2026-11). Maps are turned to channels last before they are parted, which is how convolutions leave them: that is
a tenth faster than to part them as they are named. Heads of channels are parted as they are named, because to turn those is slower.
"""

import numpy as np
import openvino as ov
from openvino import Output
from openvino import opset15 as opset

from img_enhance.models.networks.ops import LEAST_LENGTH, NEVER


def sides(x: Output) -> list[ov.Node]:
    """Height and width of a window, which are known when it runs."""
    sizes = opset.shape_of(x, "i64")
    zero = opset.constant(np.array(0, np.int64))
    return [opset.gather(sizes, whole_numbers(axis), zero) for axis in (2, 3)]


def whole_numbers(*values: int | ov.Node) -> ov.Node:
    """A row of known and unknown numbers, such as a shape."""
    if all(isinstance(value, int) for value in values):
        return opset.constant(np.array(values, np.int64))
    return opset.concat([whole_numbers(value) if isinstance(value, int) else value for value in values], 0)


def window_attention(
    queries: Output, keys: Output, values: Output, bias: ov.Node, *, window: tuple[int, int], shift: tuple[int, int], multiple: int
) -> Output:
    """As `Ops.window_attention` says; `bias` is (1, heads, h * w, h * w)."""
    channels, heads, places = values.get_partial_shape()[1].get_length(), bias.shape[1], bias.shape[2]
    # Before the maps and after them lies what the first and the last windows have beyond their edges.
    before = [-first % side for first, side in zip(shift, window, strict=True)]
    size = sides(values)
    missing = [_up_to_multiple(side, multiple) for side in size]
    after = [opset.add(zeros, whole_numbers(first)) for zeros, first in zip(missing, shift, strict=True)]
    full = [opset.add(opset.add(side, end), whole_numbers(start)) for side, start, end in zip(size, before, after, strict=True)]
    rows, columns = (opset.divide(side, whole_numbers(each)) for side, each in zip(full, window, strict=True))

    def in_windows(x: Output | ov.Node, end: list[ov.Node], beyond: float, heads: int) -> ov.Node:
        """(1, c, height, width) as (windows, heads, places, channels of a head)."""
        last = opset.transpose(x, whole_numbers(0, 2, 3, 1))
        padded = opset.pad(last, whole_numbers(0, *before, 0), whole_numbers(0, *end, 0), "constant", _float(beyond))
        each = x.get_partial_shape()[1].get_length() // heads
        apart = opset.reshape(padded, whole_numbers(rows, window[0], columns, window[1], heads, each), special_zero=False)
        by_window = opset.transpose(apart, whole_numbers(0, 2, 4, 1, 3, 5))
        return opset.reshape(by_window, whole_numbers(-1, heads, places, each), special_zero=False)

    asked, seen, held = (in_windows(x, after, 0.0, heads) for x in (queries, keys, values))
    weights = opset.add(opset.matmul(asked, seen, False, True), bias)
    if any(shift):
        there = opset.broadcast(_float(0.0), whole_numbers(1, 1, *(opset.add(*both) for both in zip(size, missing, strict=True)))).output(0)
        beyond = in_windows(there, [whole_numbers(first) for first in shift], NEVER, 1)
        weights = opset.add(weights, opset.reshape(beyond, whole_numbers(-1, 1, 1, places), special_zero=False))
    attended = opset.matmul(opset.softmax(weights, -1), held, False, False)
    apart = opset.reshape(attended, whole_numbers(rows, columns, heads, *window, channels // heads), special_zero=False)
    together = opset.reshape(opset.transpose(apart, whole_numbers(0, 3, 1, 4, 2, 5)), whole_numbers(1, *full, channels), special_zero=False)
    stop = whole_numbers(*(opset.add(side, whole_numbers(start)) for side, start in zip(size, before, strict=True)))
    cut = opset.slice(together, whole_numbers(*before), stop, whole_numbers(1, 1), whole_numbers(1, 2))
    return opset.transpose(cut, whole_numbers(0, 3, 1, 2)).output(0)


def channel_attention(queries: Output, keys: Output, values: Output, temperatures: ov.Node) -> Output:
    """As `Ops.channel_attention` says; `temperatures` are (heads, 1, 1)."""
    heads = temperatures.shape[0]
    each = values.get_partial_shape()[1].get_length() // heads
    asked, seen, held = (opset.reshape(x, whole_numbers(heads, each, -1), special_zero=False) for x in (queries, keys, values))
    lengths = [opset.reduce_l2(x, whole_numbers(2), keep_dims=True) for x in (asked, seen)]
    both = opset.matmul(*lengths, False, True)
    cosines = opset.divide(opset.matmul(asked, seen, False, True), opset.maximum(both, _float(LEAST_LENGTH)))
    attended = opset.matmul(opset.softmax(opset.multiply(cosines, temperatures), -1), held, False, False)
    return opset.reshape(attended, opset.shape_of(values, "i64"), special_zero=False).output(0)


def _float(value: float) -> ov.Node:
    return opset.constant(np.float32(value))


def _up_to_multiple(side: ov.Node, multiple: int) -> ov.Node:
    """How many pixels are missing to a multiple."""
    whole = opset.divide(opset.add(side, whole_numbers(multiple - 1)), whole_numbers(multiple))
    return opset.subtract(opset.multiply(whole, whole_numbers(multiple)), side)
