"""Names of tensors as different programs write them, brought to those of the published code that networks here are written in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import prod
from typing import TypeVar

from img_enhance.models.weights.tensors import Array

Value = TypeVar("Value")

# What stands before every name: the key of a table that was flattened, a wrapper of PyTorch's, the part of a model that is the network.
_PREFIXES = ("module.", "_orig_mod.", "params_ema.", "params-ema.", "params.", "state_dict.", "net_g.", "netG.", "generator.", "model.")

# ESRGAN's first names, which most of its users' models have, and those that its code had in between: the rest are as they are now.
# Source: the three versions of RRDBNet in github.com/xinntao/ESRGAN and github.com/XPixelGroup/BasicSR.
_FIRST_ESRGAN = re.compile(r"model\.1\.sub\.\d+\.RDB1\.conv1\.0\.weight")
_SECOND_ESRGAN = re.compile(r"RRDB_trunk\.\d+\.RDB1\.conv1\.weight")
_BLOCKS = (
    (re.compile(r"model\.1\.sub\.(\d+)\.RDB([123])\.conv([1-5])\.0\."), r"body.\1.rdb\2.conv\3."),
    (re.compile(r"model\.1\.sub\.\d+\.(?=weight|bias)"), "conv_body."),
    (re.compile(r"model\.0\."), "conv_first."),
)
_SECOND = (
    (re.compile(r"RRDB_trunk\.(\d+)\.RDB([123])\."), r"body.\1.rdb\2."),
    (re.compile(r"trunk_conv\."), "conv_body."),
    (re.compile(r"upconv(\d+)\."), r"conv_up\1."),
    (re.compile(r"HRconv\."), "conv_hr."),
)
# EDSR as BasicSR writes it, which calls the last convolution of the body by its own name.
# Source: basicsr/archs/edsr_arch.py of github.com/XPixelGroup/BasicSR.
_BASICSR_EDSR = re.compile(r"body\.\d+\.conv1\.weight")
_BASICSR = (
    (re.compile(r"conv_first\."), "head.0."),
    (re.compile(r"body\.(\d+)\.conv1\."), r"body.\1.body.0."),
    (re.compile(r"body\.(\d+)\.conv2\."), r"body.\1.body.2."),
    (re.compile(r"upsample\.(\d+)\."), r"tail.0.\1."),
    (re.compile(r"conv_last\."), "tail.1."),
)
_LATER_LAYER = re.compile(r"model\.(\d+)\.(weight|bias)")


def published(tensors: Mapping[str, Value]) -> dict[str, Value]:
    """The tensors by the names that the published code of their network has now; as they are where no known program wrote them."""
    names = list(tensors)
    new = _bare(names)
    if any(map(_FIRST_ESRGAN.fullmatch, new)):
        new = _of_first_esrgan(new)
    elif any(map(_SECOND_ESRGAN.fullmatch, new)):
        new = [_renamed(name, _SECOND) for name in new]
    elif blocks := sum(map(bool, map(_BASICSR_EDSR.fullmatch, new))):
        after = (re.compile(r"conv_after_body\."), f"body.{blocks}.")
        new = [_renamed(name, (after, *_BASICSR)) for name in new]
    if len(set(new)) != len(new):
        new = names  # two would be one: none of the layouts above
    return dict(zip(new, tensors.values(), strict=True))


def _bare(names: list[str]) -> list[str]:
    """The names without what stands before each of them."""
    while names and not any(map(_FIRST_ESRGAN.fullmatch, names)):
        prefix = next((prefix for prefix in _PREFIXES if all(name.startswith(prefix) for name in names)), None)
        if prefix is None:
            break
        names = [name.removeprefix(prefix) for name in names]
    return names


def _of_first_esrgan(names: list[str]) -> list[str]:
    """The layers after the blocks are numbered with what lies between them: the last two are the last two, the others enlarge."""
    numbers = sorted({int(match[1]) for name in names if (match := _LATER_LAYER.fullmatch(name)) and int(match[1]) > 1})
    called = [*(f"conv_up{n}" for n in range(1, len(numbers) - 1)), "conv_hr", "conv_last"]
    layers = {f"model.{number}.": f"{name}." for number, name in zip(numbers, called, strict=False)}

    def renamed(name: str) -> str:
        prefix = name[: name.rfind(".") + 1]
        return layers[prefix] + name.removeprefix(prefix) if prefix in layers else _renamed(name, _BLOCKS)

    return [renamed(name) for name in names]


def _renamed(name: str, rules: Iterable[tuple[re.Pattern[str], str]]) -> str:
    for pattern, replacement in rules:
        name, count = pattern.subn(replacement, name, count=1)
        if count:
            break
    return name


def with_grids(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors; lists of how far apart the places of a window are, as DAT's files have them, become grids of rows and columns.

    The list's shape does not tell the window's sides; the grid's, (2 * h - 1, 2 * w - 1, 2), does.
    """
    return {name: _grid(values) if name.endswith(".rpe_biases") else values for name, values in tensors.items()}


def _grid(offsets: Array) -> Array:
    if offsets.ndim != 2 or offsets.shape[1] != 2 or not len(offsets):
        return offsets
    # From the furthest up and to the left to the furthest down and to the right, row by row.
    (down, right), sides = offsets[-1], (0, 0)
    if 0 <= down < len(offsets) and 0 <= right < len(offsets):  # no NaN, nor what is too large for an integer
        sides = (2 * int(down) + 1, 2 * int(right) + 1)
    return offsets.reshape(*sides, 2) if prod(sides) == len(offsets) else offsets
