"""Small networks as people's own models, in the files that those come in."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from img_enhance.models.networks.rrdbnet import RRDBNet
from img_enhance.models.networks.span import BLOCKS, NO_NORM, SPAN
from img_enhance.models.networks.srvgg import SRVGGNetCompact
from img_enhance.models.weights.safetensors import write_safetensors
from random_weights import random_weights

Weights = dict[str, npt.NDArray[np.float32]]
Convertible = RRDBNet | SRVGGNetCompact | SPAN

CARRIER = RRDBNet(blocks=1, doublings=1, features=8, growth=4)


def carrier_weights(*, order: tuple[int, int, int] = (0, 1, 2), factor: float = 1.0, network: RRDBNet = CARRIER) -> Weights:
    """Weights under which a network repeats every pixel, with its channels in this order and times a factor."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in network.shapes.items()}
    for name in ("conv_first", "conv_up1", "conv_hr"):
        for channel in range(3):
            weights[f"{name}.weight"][channel, channel, 1, 1] = 1
    for channel, source in enumerate(order):
        weights["conv_last.weight"][channel, source, 1, 1] = factor
    return weights


def carrier_file(path: Path, weights: Weights | None = None) -> Path:
    """A safetensors file of a network that repeats every pixel twice each way."""
    write_safetensors(path, carrier_weights() if weights is None else weights)
    return path


def ncnn_layers(network: Convertible) -> list[str]:
    """The lines of a param file for the network, as a converter of the published networks writes them."""
    if isinstance(network, SPAN):
        return _span(network)
    return _compact(network) if isinstance(network, SRVGGNetCompact) else _rrdb(network)


def ncnn_pair(folder: Path, network: Convertible, lines: list[str] | None = None, *, flag: int = 0x01306B47) -> Path:
    """The param file of a pair with random weights, in float16, or in float32 with flag 0."""
    param = folder / "x.param"
    lines = ncnn_layers(network) if lines is None else lines
    param.write_text("\n".join(["7767517", f"{len(lines)} {len(lines)}", *lines, ""]))
    data = np.array(network.mean, np.float32).tobytes() if isinstance(network, SPAN) and network.norm else b""
    weights = random_weights(network.shapes, seed=5)
    weights.pop(NO_NORM, None)
    for values in weights.values():
        if values.ndim == 4:
            kernel = values.astype(np.float32 if flag == 0 else np.float16).tobytes()
            data += np.uint32(flag).tobytes() + kernel + b"\0" * (-len(kernel) % 4)
        else:
            data += values.tobytes()
    param.with_suffix(".bin").write_bytes(data)
    return param


def _convolution(name: str, blobs: str, channels: tuple[int, int], more: str = "", *, side: int = 3) -> str:
    count = channels[0] * channels[1] * side**2
    return f"Convolution {name} 1 1 {blobs} 0={channels[1]} 1={side} 4={side // 2} 5=1 6={count}{more}"


def _compact(network: SRVGGNetCompact) -> list[str]:
    width, scale = network.width, network.scale
    lines, before = ["Input in 0 1 data", "Split s 1 2 data d0 d1"], "d1"
    for k in range(network.convolutions + 1):
        lines.append(_convolution(f"c{k}", f"{before} c{k}", (width if k else 3, width)))
        lines.append(f"PReLU p{k} 1 1 c{k} p{k} 0={width}")
        before = f"p{k}"
    lines.append(_convolution("last", f"{before} last", (width, 3 * scale * scale)))
    lines.append(f"PixelShuffle shuffle 1 1 last shuffled 0={scale}")
    lines.append(f"Interp base 1 1 d0 base 0=1 1={scale:e} 2={scale:e}")
    return [*lines, "BinaryOp sum 2 1 shuffled base output"]


def _rrdb(network: RRDBNet) -> list[str]:
    features, growth, leaky = network.features, network.growth, " 9=2 -23310=1,2.000000e-01"
    lines = ["Input in 0 1 data"]
    x = "data"
    if network.cell > 1:
        lines, x = [*lines, f"Reorg cells 1 1 data cells 0={network.cell}"], "cells"
    lines.append(_convolution("first", f"{x} first", (3 * network.cell**2, features)))
    x = "first"
    for block in range(network.blocks):
        start = x
        for dense in (1, 2, 3):
            seen = [x]
            for k in range(1, 6):
                here = seen[0]
                if k > 1:
                    here = f"{block}.{dense}.{k}in"
                    lines.append(f"Concat {here} {k} 1 {' '.join(seen)} {here}")
                name = f"{block}.{dense}.{k}"
                channels = (features + (k - 1) * growth, growth if k < 5 else features)
                lines.append(_convolution(name, f"{here} {name}", channels, leaky if k < 5 else ""))
                seen.append(name)
            lines.append(f"Eltwise {block}.{dense} 2 1 {seen[-1]} {x} {block}.{dense} 0=1 -23301=2,2.000000e-01,1.000000e+00")
            x = f"{block}.{dense}"
        lines.append(f"Eltwise {block} 2 1 {x} {start} {block} 0=1 -23301=2,2.000000e-01,1.000000e+00")
        x = f"{block}"
    lines.append(_convolution("body", f"{x} body", (features, features)))
    lines.append("BinaryOp sum 2 1 body first sum")
    x = "sum"
    for n in range(network.doublings):
        lines.append(f"Interp twice{n} 1 1 {x} twice{n} 0=1 1=2.000000e+00 2=2.000000e+00")
        lines.append(_convolution(f"up{n}", f"twice{n} up{n}", (features, features), leaky))
        x = f"up{n}"
    lines.append(_convolution("hr", f"{x} hr", (features, features), leaky))
    return [*lines, _convolution("out", "hr output", (features, 3))]


def _span(network: SPAN) -> list[str]:
    width, scale, x = network.channels, network.scale, "data"
    lines = ["Input in 0 1 data"]
    if network.norm:
        lines += ["MemoryData mean 0 1 mean 0=1 1=1 2=3", "BinaryOp less 2 1 data mean less 0=1"]
        x = "less"
    if network.norm and network.values != 1:
        lines, x = [*lines, f"BinaryOp times 1 1 less times 0=2 1=1 2={network.values:e}"], "times"
    lines.append(_convolution("first", f"{x} first", (3, width)))
    x = "first"
    for block in range(1, BLOCKS + 1):
        before = x
        for k in (1, 2, 3):
            lines.append(_convolution(f"{block}.{k}", f"{x} {block}.{k}", (width, width)))
            x = f"{block}.{k}"
            if k < 3:
                lines.append(f"Swish {block}.{k}a 1 1 {x} {block}.{k}a")
                x = f"{block}.{k}a"
        lines.append(f"Sigmoid {block}.s 1 1 {x} {block}.s")
        lines.append(f"BinaryOp {block}.half 1 1 {block}.s {block}.half 0=1 1=1 2=5.000000e-01")
        lines.append(f"BinaryOp {block}.sum 2 1 {x} {before} {block}.sum 0=0")
        lines.append(f"BinaryOp {block} 2 1 {block}.sum {block}.half {block} 0=2")
        x = f"{block}"
    lines.append(_convolution("second", f"{x} second", (width, width)))
    lines.append(f"Concat all 4 1 first second 1 {BLOCKS}.1a all")
    lines.append(_convolution("cat", "all cat", (4 * width, width), side=1))
    lines.append(_convolution("last", "cat last", (width, 3 * scale**2)))
    return [*lines, f"PixelShuffle shuffle 1 1 last output 0={scale}"]
