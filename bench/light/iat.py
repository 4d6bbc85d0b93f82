"""Illumination Adaptive Transformer: light gained and added pixel by pixel, then one mix of colours and one gamma for the whole photo.

Source: Cui, Li, Gu, Su, Gao, Jiang, Qiao and Harada 2022, "You only need 90K parameters to adapt light: a light weight transformer for
image enhancement and exposure correction" (BMVC), section 3; weights that its authors published, Apache-2.0.
"""

from pathlib import Path

import torch
import torch.nn.functional as functional

from light.pytorch import Tensor, loaded, pixels_of, tensor_of
from photos import Pixels

# By what they were trained for: photos too dark or too bright, and dark ones.
WEIGHTS = {"exposure": "iat_exposure.pth", "LOL": "iat_lol_v1.pth"}

_SLOPE = 0.2
_BLOCKS = 3
_HEADS = 4
# So that a power has a value where light is nothing or less.
_LEAST_LIGHT = 1e-8

Weights = dict[str, Tensor]


def corrected(pixels: Pixels, *, weights: Path) -> Pixels:
    """`pixels` (H, W, 3) uint8 by one of WEIGHTS."""
    with torch.inference_mode():
        return pixels_of(_answer(tensor_of(pixels), loaded(weights)))


def _answer(photo: Tensor, known: Weights) -> Tensor:
    gain, offset = _local(photo, _part(known, "local_net"))
    gamma, colours = _whole(photo, _part(known, "global_net"))
    lit = photo * gain + offset
    mixed = functional.conv2d(lit, colours[..., None, None])
    return mixed.clamp(_LEAST_LIGHT, 1) ** gamma


def _local(photo: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """What the light of each pixel is multiplied with, and what is added to it; (1, 3, H, W) each."""
    features = functional.leaky_relu(_convolved(photo, weights, "conv1"), _SLOPE)
    gain, offset = (_convolved(_branch(features, weights, name) + features, weights, f"{name}_end.0") for name in ("mul", "add"))
    return functional.relu(gain), torch.tanh(offset)


def _branch(x: Tensor, weights: Weights, name: str) -> Tensor:
    for number in range(_BLOCKS):
        x = _block(x, _part(weights, f"{name}_blocks.{number}"))
    return x


def _block(x: Tensor, weights: Weights) -> Tensor:
    """A transformer's block whose attention is a convolution, and whose normalization mixes channels."""
    x = x + _each_channel(x, weights, "pos_embed")
    y = _convolved(_colour_normalized(x, weights, "norm1"), weights, "conv1")
    y = _convolved(_each_channel(y, weights, "attn"), weights, "conv2")
    x = x + weights["gamma_1"] * y
    y = functional.gelu(_convolved(_colour_normalized(x, weights, "norm2"), weights, "mlp.fc1"))
    return x + weights["gamma_2"] * _convolved(y, weights, "mlp.fc2")


def _whole(photo: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """The gamma, (1,), and the mix of colours, (3, 3), of the whole photo: ten questions are put to a fourth of its features."""
    x = functional.gelu(_normalized(_convolved(photo, weights, "conv_large.proj.0", stride=2), weights, "conv_large.proj.1"))
    x = _normalized(_convolved(x, weights, "conv_large.proj.3", stride=2), weights, "conv_large.proj.4")
    answers = _asked(x, _part(weights, "generator"))
    gamma = _linear(answers[:1], weights, "gamma_linear").flatten() + weights["gamma_base"]
    colours = _linear(answers[1:], weights, "color_linear").reshape(3, 3) + weights["color_base"]
    return gamma, colours


def _asked(x: Tensor, weights: Weights) -> Tensor:
    """(10, C): the answers of features (1, C, H, W) to learned questions."""
    x = (x + _each_channel(x, weights, "pos_embed"))[0].flatten(1).T
    seen = _layer_normalized(x, weights, "norm1")
    questions, keys, values = (
        _in_heads(rows) for rows in (weights["attn.q"][0], seen @ weights["attn.k.weight"].T, seen @ weights["attn.v.weight"].T)
    )
    heard = functional.scaled_dot_product_attention(questions, keys, values)
    answers = _linear(heard.transpose(0, 1).flatten(1), weights, "attn.proj")
    y = functional.gelu(_linear(_layer_normalized(answers, weights, "norm2"), weights, "mlp.fc1"))
    return answers + _linear(y, weights, "mlp.fc2")


def _in_heads(rows: Tensor) -> Tensor:
    """(heads, N, C / heads) of (N, C)."""
    return rows.unflatten(1, (_HEADS, -1)).transpose(0, 1)


def _convolved(x: Tensor, weights: Weights, name: str, *, stride: int = 1) -> Tensor:
    kernel = weights[f"{name}.weight"]
    return functional.conv2d(x, kernel, weights[f"{name}.bias"], stride=stride, padding=kernel.shape[-1] // 2)


def _each_channel(x: Tensor, weights: Weights, name: str) -> Tensor:
    kernel = weights[f"{name}.weight"]
    return functional.conv2d(x, kernel, weights[f"{name}.bias"], padding=kernel.shape[-1] // 2, groups=len(kernel))


def _colour_normalized(x: Tensor, weights: Weights, name: str) -> Tensor:
    """Channels mixed, then each scaled and moved: one convolution of a pixel."""
    scale, move = weights[f"{name}.alpha"].flatten(), weights[f"{name}.beta"].flatten()
    return functional.conv2d(x, (weights[f"{name}.color"] * scale[:, None])[..., None, None], move)


def _normalized(x: Tensor, weights: Weights, name: str) -> Tensor:
    """By the means and variances of the training photos."""
    mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    return functional.batch_norm(x, mean, variance, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _layer_normalized(x: Tensor, weights: Weights, name: str) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"])


def _linear(x: Tensor, weights: Weights, name: str) -> Tensor:
    return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _part(weights: Weights, name: str) -> Weights:
    """The weights below `name`, by the rest of their names."""
    return {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}
