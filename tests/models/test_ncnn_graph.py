"""Networks of ncnn that nobody told us the structure of: found, proven, or refused with the layer that is different."""

import dataclasses
import struct
from pathlib import Path

import numpy as np
import pytest

from img_enhance.errors import UnsupportedModel, WeightsCorrupt, WeightsMissing
from img_enhance.models.networks.rrdbnet import RRDBNet
from img_enhance.models.networks.span import NO_NORM, SPAN
from img_enhance.models.networks.srvgg import SRVGGNetCompact
from img_enhance.models.weights.own_file import files_of, read_own
from own_networks import Convertible, ncnn_layers, ncnn_pair
from random_weights import random_weights

COMPACT = SRVGGNetCompact(2, 2, 8)
RRDB = RRDBNet(1, doublings=1, features=8, growth=4)
SPAN_2X = SPAN(4, 2, fused=True)
NETWORKS = (
    COMPACT,
    SRVGGNetCompact(1, 4, 5),
    SRVGGNetCompact(1, 1, 5),
    RRDB,
    RRDBNet(2, doublings=2, features=6, growth=2),
    RRDBNet(1, cell=2, doublings=2, features=8, growth=4),
    RRDBNet(1, doublings=0, features=8, growth=4),
    RRDBNet(1, doublings=3, features=8, growth=4),
    SPAN_2X,
    SPAN(5, 4, fused=True, norm=False),
    SPAN(5, 1, fused=True, mean=(0.485, 0.456, 0.406), values=1.0),
)


@pytest.mark.parametrize("network", NETWORKS, ids=str)
@pytest.mark.parametrize("flag", [0, 0x01306B47])
def test_finds_the_network_and_its_weights(network: Convertible, flag: int, tmp_path: Path) -> None:
    own = read_own(files_of(ncnn_pair(tmp_path, network, flag=flag)))
    assert own.architecture == network
    assert list(own.weights) == list(network.shapes)
    for name, values in random_weights(network.shapes, seed=5).items():
        stored = values.astype(np.float16) if values.ndim == 4 and flag else np.zeros(1) if name == NO_NORM else values
        np.testing.assert_array_equal(own.weights[name], stored)


def test_either_file_may_be_named(tmp_path: Path) -> None:
    param = ncnn_pair(tmp_path, COMPACT)
    assert files_of(param) == files_of(param.with_suffix(".bin")) == (param, param.with_suffix(".bin"))


def test_a_curve_may_be_written_as_a_product(tmp_path: Path) -> None:
    lines = ncnn_layers(SPAN_2X)
    for number, line in reversed(list(enumerate(lines))):
        if line.startswith("Swish"):
            _, name, _, _, before, after = line.split()
            lines[number : number + 1] = [f"Sigmoid {name}s 1 1 {before} {name}s", f"BinaryOp {name} 2 1 {before} {name}s {after} 0=2"]
    assert read_own(files_of(ncnn_pair(tmp_path, SPAN_2X, lines))).architecture == SPAN_2X


@pytest.mark.parametrize("mean", [(0.4, 0.5, np.nan), (0.4, 0.5, 1.5), (0.0, 0.5, 0.5)], ids=str)
def test_refuses_a_mean_that_is_no_colour(mean: tuple[float, ...], tmp_path: Path) -> None:
    network = dataclasses.replace(SPAN_2X, mean=mean)
    with pytest.raises(UnsupportedModel, match=r"its layer 'less' \(BinaryOp\) is not in that network"):
        read_own(files_of(ncnn_pair(tmp_path, network)))


def test_refuses_a_mean_that_is_not_by_channel(tmp_path: Path) -> None:
    lines = [line.replace("0=1 1=1 2=3", "0=3 1=1 2=1") for line in ncnn_layers(SPAN_2X)]
    with pytest.raises(UnsupportedModel, match=r"its layer 'less' \(BinaryOp\) is not in that network"):
        read_own(files_of(ncnn_pair(tmp_path, SPAN_2X, lines)))


CHANGES: dict[str, tuple[Convertible, str, str, str]] = {
    "another slope": (RRDB, "Convolution 0.1.1 ", "2.000000e-01", "1.000000e-01"),
    "another share of a block": (RRDB, "Eltwise 0 ", "2,2.000000e-01", "2,1.000000e-01"),
    "another way to enlarge": (RRDB, "Interp twice0 ", "0=1", "0=2"),
    "another factor": (RRDB, "Interp twice0 ", "1=2.000000e+00", "1=3.000000e+00"),
    "another stride": (COMPACT, "Convolution c1 ", "4=1", "4=1 3=2"),
    "another padding": (COMPACT, "Convolution c1 ", "4=1", "4=0"),
    "another dilation": (COMPACT, "Convolution c1 ", "4=1", "4=1 2=2"),
    "another dilation of rows": (COMPACT, "Convolution c1 ", "4=1", "4=1 12=2"),
    "another stride of rows": (COMPACT, "Convolution c1 ", "4=1", "4=1 13=2"),
    "an activation more": (COMPACT, "Convolution last ", "5=1", "5=1 9=1"),
    "another order of channels": (COMPACT, "PixelShuffle ", "0=2", "0=2 1=1"),
    "another half": (SPAN_2X, "BinaryOp 2.half ", "2=5.0", "2=2.5"),
    "a sum with a half": (SPAN_2X, "BinaryOp 2.half ", "0=1", "0=0"),
    "a sum for a product": (SPAN_2X, "BinaryOp 2 ", "0=2", "0=0"),
    "a mean added": (SPAN_2X, "BinaryOp less ", "0=1", "0=0"),
    "another curve": (SPAN_2X, "Swish 3.1a ", "Swish", "ReLU"),
    "a quotient": (SPAN_2X, "BinaryOp times ", "0=2", "0=3"),
    "another block's first": (SPAN_2X, "Concat all ", "6.1a", "5.1a"),
    "an unknown layer": (COMPACT, "PixelShuffle ", "PixelShuffle", "DeconvolutionX"),
    "an unknown blob": (COMPACT, "PixelShuffle ", "last", "lost"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_refuses_a_network_that_is_put_together_otherwise(change: str, tmp_path: Path) -> None:
    network, start, old, new = CHANGES[change]
    lines = ncnn_layers(network)
    number = next(n for n, line in enumerate(lines) if line.startswith(start))
    assert old in lines[number]
    lines[number] = lines[number].replace(old, new)
    name = lines[number].split()[1]
    with pytest.raises(UnsupportedModel, match=rf"its layer '{name}' \(\w+\) is not in that network; take the PyTorch or safetensors file"):
        read_own(files_of(ncnn_pair(tmp_path, network, lines)))


@pytest.mark.parametrize("operation", ["0=2", "1=1 2=1.0"])
def test_refuses_a_product_or_a_sum_with_a_number(operation: str, tmp_path: Path) -> None:
    lines = [f"{line} {operation}" if line.startswith("BinaryOp") else line for line in ncnn_layers(COMPACT)]
    with pytest.raises(UnsupportedModel, match="its layer 'sum'"):
        read_own(files_of(ncnn_pair(tmp_path, COMPACT, lines)))


def test_refuses_a_network_that_goes_on(tmp_path: Path) -> None:
    lines = [*ncnn_layers(COMPACT), "Interp half 1 1 output half 0=3 1=5.000000e-01 2=5.000000e-01"]
    with pytest.raises(UnsupportedModel, match=r"its layer 'half' \(Interp\)"):
        read_own(files_of(ncnn_pair(tmp_path, COMPACT, lines)))


def test_refuses_a_network_that_ends_too_early(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="its last layer is not in that network"):
        read_own(files_of(ncnn_pair(tmp_path, COMPACT, ncnn_layers(COMPACT)[:-1])))


@pytest.mark.parametrize("cut", [1, 4, 100])
def test_refuses_a_file_that_ends_too_early(cut: int, tmp_path: Path) -> None:
    param = ncnn_pair(tmp_path, COMPACT)
    binary = param.with_suffix(".bin")
    binary.write_bytes(binary.read_bytes()[:-cut])
    with pytest.raises(WeightsCorrupt, match=r"x\.bin cannot be read as weights: it ends too early"):
        read_own(files_of(param))


def test_refuses_bytes_left_over(tmp_path: Path) -> None:
    param = ncnn_pair(tmp_path, COMPACT)
    binary = param.with_suffix(".bin")
    size = binary.stat().st_size
    binary.write_bytes(binary.read_bytes() + b"\0" * 8)
    with pytest.raises(WeightsCorrupt, match=f"its network ends at byte {size:,}, and it has {size + 8:,}"):
        read_own(files_of(param))


def test_refuses_weights_of_8_bits(tmp_path: Path) -> None:
    param = ncnn_pair(tmp_path, COMPACT)
    data = param.with_suffix(".bin").read_bytes()
    param.with_suffix(".bin").write_bytes(struct.pack("<I", 0x000D4B38) + data[4:])
    with pytest.raises(WeightsCorrupt, match="stored neither as float16 nor as float32"):
        read_own(files_of(param))


BROKEN = {
    "no count": ("0=8 ", "0=-8 ", "where a count should be"),
    "a fraction": ("0=8 ", "0=8.5 ", "where a count should be"),
    "infinite": ("0=8 ", "0=1e999 ", "has inf where a count should be"),
    "more than there is": ("6=216", "6=216000000000", "where a count should be"),
    "more than the file has": ("6=216", "6=2160000", "it ends too early"),
    "no whole kernels": ("6=216", "6=217", "217 weights for 8 kernels of 3x3"),
    "no numbers": ("1 1 d1", "one one d1", "broken"),
    "fewer blobs": ("1 1 d1", "9 9 d1", "broken"),
    "negative": ("1 1 d1", "-1 1 d1", "broken"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_refuses_a_list_of_layers_that_lies(name: str, tmp_path: Path) -> None:
    old, new, words = BROKEN[name]
    lines = ncnn_layers(COMPACT)
    assert old in lines[2]
    lines[2] = lines[2].replace(old, new)
    with pytest.raises(WeightsCorrupt, match=words):
        read_own(files_of(ncnn_pair(tmp_path, COMPACT, lines)))


def test_refuses_a_list_of_layers_without_end(tmp_path: Path) -> None:
    with pytest.raises(WeightsCorrupt, match="20,003 layers; 20,000 are taken"):
        read_own(files_of(ncnn_pair(tmp_path, COMPACT, ["Input in 0 1 data"] * 20_001)))


def test_refuses_half_of_a_pair(tmp_path: Path) -> None:
    param = ncnn_pair(tmp_path, COMPACT)
    param.with_suffix(".bin").unlink()
    with pytest.raises(WeightsMissing, match=r"no file .*x\.bin; a model of ncnn is two files"):
        files_of(param)
