"""Weights in ncnn's format: exactly these layers, exactly these bytes, or a refusal."""

import struct
from pathlib import Path

import numpy as np
import pytest

from img_enhance.errors import WeightsCorrupt
from img_enhance.models.networks.segment import Shapes
from img_enhance.models.weights.ncnn import read_ncnn

FLAG = 0x01306B47
MAGIC = "7767517"

# An odd count of float16 values, so that the padding to 4 bytes is needed.
SHAPES: Shapes = {"a.weight": (1, 1, 3, 3), "a.bias": (1,), "a.slope": (1,), "b.weight": (2, 1, 3, 3), "b.bias": (2,)}
LAYERS = ["Input data", "Convolution a", "PReLU a_slope", "Split s", "Convolution b", "PixelShuffle p"]


def convolution(values: list[float], bias: list[float], flag: int = FLAG) -> bytes:
    halves = np.array(values, np.float16).tobytes()
    return struct.pack("<I", flag) + halves + b"\0" * (-len(halves) % 4) + np.array(bias, np.float32).tobytes()


def slopes(values: list[float]) -> bytes:
    return np.array(values, np.float32).tobytes()


A = convolution([float(n) for n in range(9)], [0.5])
SLOPE = slopes([0.25])
B = convolution([n / 4 for n in range(18)], [1.5, -2.5])


def files(folder: Path, data: bytes, *, layers: list[str] = LAYERS, magic: str = MAGIC) -> tuple[Path, Path]:
    param, binary = folder / "x.param", folder / "x.bin"
    param.write_text("\n".join([magic, f"{len(layers)} {len(layers)}", *layers, ""]))
    binary.write_bytes(data)
    return param, binary


def test_reads_every_value(tmp_path: Path) -> None:
    weights = read_ncnn(*files(tmp_path, A + SLOPE + B), SHAPES)
    assert {name: values.shape for name, values in weights.items()} == SHAPES
    assert weights["a.weight"].dtype == np.float16
    assert weights["a.weight"].ravel().tolist() == list(range(9))
    assert weights["a.bias"].tolist() == [0.5]
    assert weights["a.slope"].tolist() == [0.25]
    assert weights["b.weight"].ravel().tolist() == [n / 4 for n in range(18)]
    assert weights["b.bias"].tolist() == [1.5, -2.5]


@pytest.mark.parametrize("length", [0, 1, 4, 10, len(A), len(A) + 2, len(A + SLOPE), len(A + SLOPE) + 4, len(A + SLOPE + B) - 1])
def test_refuses_a_file_that_ends_too_early(tmp_path: Path, length: int) -> None:
    with pytest.raises(WeightsCorrupt, match=r"x\.bin ends too early"):
        read_ncnn(*files(tmp_path, (A + SLOPE + B)[:length]), SHAPES)


@pytest.mark.parametrize("extra", [1, 4, 400])
def test_refuses_bytes_left_over(tmp_path: Path, extra: int) -> None:
    with pytest.raises(WeightsCorrupt, match=f"{extra} bytes left over"):
        read_ncnn(*files(tmp_path, A + SLOPE + B + b"\0" * extra), SHAPES)


@pytest.mark.parametrize("magic", ["7767518", "", "{}", "\u00ff"])
def test_refuses_a_list_of_layers_that_is_not_ncnns(tmp_path: Path, magic: str) -> None:
    with pytest.raises(WeightsCorrupt, match="not an ncnn network"):
        read_ncnn(*files(tmp_path, A + SLOPE + B, magic=magic), SHAPES)


def test_refuses_an_empty_list_of_layers(tmp_path: Path) -> None:
    param, binary = files(tmp_path, A)
    param.write_bytes(b"")
    with pytest.raises(WeightsCorrupt, match="not an ncnn network"):
        read_ncnn(param, binary, SHAPES)


@pytest.mark.parametrize("flag", [0, FLAG + 1, 0x000D4B38])
def test_refuses_weights_that_are_not_float16(tmp_path: Path, flag: int) -> None:
    data = convolution([1.0] * 9, [0.5], flag) + SLOPE + B
    with pytest.raises(WeightsCorrupt, match=r"a\.weight is not stored as float16"):
        read_ncnn(*files(tmp_path, data), SHAPES)


def test_refuses_fewer_layers_than_the_network_has(tmp_path: Path) -> None:
    with pytest.raises(WeightsCorrupt, match=r"no weights for b\.weight"):
        read_ncnn(*files(tmp_path, A + SLOPE, layers=LAYERS[:3]), SHAPES)


def test_refuses_more_layers_than_the_network_has(tmp_path: Path) -> None:
    with pytest.raises(WeightsCorrupt, match="more layers than the network has"):
        read_ncnn(*files(tmp_path, A + SLOPE + B + A, layers=[*LAYERS, "Convolution c"]), SHAPES)
