"""Real-ESRGAN's two networks in plain PyTorch, as their papers draw them, with the parameter names of the published files.

RRDBNet: Wang et al. 2018, arXiv:1809.00219, figures 3 and 4; Real-ESRGAN's 2x by pixel unshuffle: arXiv:2107.10833, figure 4.
"""

import torch
from torch import nn
from torch.nn import functional


def _conv(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)


class Dense(nn.Module):  # type: ignore[misc]
    """Five convolutions, each of which sees all answers before it."""

    def __init__(self) -> None:
        super().__init__()
        for k in range(5):
            setattr(self, f"conv{k + 1}", _conv(64 + 32 * k, 32 if k < 4 else 64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = x
        for k in range(1, 5):
            seen = torch.cat([seen, functional.leaky_relu(getattr(self, f"conv{k}")(seen), 0.2)], dim=1)
        return x + 0.2 * self.conv5(seen)


class Block(nn.Module):  # type: ignore[misc]
    """Three dense blocks and a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = Dense(), Dense(), Dense()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class PlainRRDBNet(nn.Module):  # type: ignore[misc]
    """The network of x4plus, and with `unshuffle` 2 of x2plus."""

    def __init__(self, blocks: int, unshuffle: int) -> None:
        super().__init__()
        self.unshuffle = unshuffle
        self.conv_first = _conv(3 * unshuffle**2, 64)
        self.body = nn.Sequential(*(Block() for _ in range(blocks)))
        self.conv_body, self.conv_up1, self.conv_up2, self.conv_hr = (_conv(64, 64) for _ in range(4))
        self.conv_last = _conv(64, 3)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        first = self.conv_first(functional.pixel_unshuffle(picture, self.unshuffle))
        x = first + self.conv_body(self.body(first))
        for conv in (self.conv_up1, self.conv_up2):
            x = functional.leaky_relu(conv(functional.interpolate(x, scale_factor=2)), 0.2)
        return self.conv_last(functional.leaky_relu(self.conv_hr(x), 0.2))


class PlainSRVGG(nn.Module):  # type: ignore[misc]
    """Convolutions with PReLU, whose last answer is shuffled and added to the enlarged picture."""

    def __init__(self, convolutions: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        layers: list[nn.Module] = [_conv(3, 64), nn.PReLU(64)]
        for _ in range(convolutions):
            layers += [_conv(64, 64), nn.PReLU(64)]
        self.body = nn.Sequential(*layers, _conv(64, 3 * scale**2))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return functional.pixel_shuffle(self.body(picture), self.scale) + functional.interpolate(picture, scale_factor=self.scale)
