"""Writes edsr_ways.npz: small EDSRs that were trained on the page's samples, each on the values of its project, and what they answer.

Run by hand, with torch installed (a minute):

    PYTHONPATH=src:tests python tests/golden/make_edsr_ways.py

The network is the one of the paper (arXiv:1707.02921, figure 3), with the names of its authors' code, written down here once more.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from edsr_ways_golden import BLOCKS, FEATURES, GOLDEN, MEAN, SCALE, WAYS, picture_of
from torch import nn

SAMPLES = Path(__file__).parents[2] / "src" / "img_enhance" / "service" / "page" / "samples"
STEPS, BATCH, SIDE, RATE = 2000, 8, 24, 1e-3


def conv(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)


class Block(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(FEATURES, FEATURES), nn.ReLU(), conv(FEATURES, FEATURES))

    def forward(self, x: Any) -> Any:
        return x + self.body(x)


class EDSR(nn.Module):  # type: ignore[misc]
    """Values from 0 to `values`, less the mean colour; with None from 0 to 1 and with it."""

    def __init__(self, values: float | None) -> None:
        super().__init__()
        self.mean = (values or 0) * torch.tensor(MEAN)[:, None, None]
        self.head = nn.Sequential(conv(3, FEATURES))
        self.body = nn.Sequential(*(Block() for _ in range(BLOCKS)), conv(FEATURES, FEATURES))
        self.tail = nn.Sequential(nn.Sequential(conv(FEATURES, FEATURES * SCALE**2), nn.PixelShuffle(SCALE)), conv(FEATURES, 3))

    def forward(self, x: Any) -> Any:
        head = self.head(x - self.mean)
        return self.tail(head + self.body(head)) + self.mean


def trained(values: float | None) -> EDSR:
    torch.manual_seed(1)
    network, random = EDSR(values), np.random.RandomState(3)
    photos: list[Any] = [cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in sorted(SAMPLES.glob("*.jpg")) if "small" not in path.stem]
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [STEPS // 2, STEPS * 3 // 4, STEPS * 7 // 8], 0.3)
    for _ in range(STEPS):
        large = np.stack([crop_of(photos[random.randint(len(photos))], random) for _ in range(BATCH)])
        small = np.stack([cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for crop in large])
        seen, wanted = (torch.from_numpy(x.transpose(0, 3, 1, 2).astype(np.float32) * ((values or 1) / 255)) for x in (small, large))
        loss = (network(seen) - wanted).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    print(f"values to {values}: off by {loss.item() * 255 / (values or 1):.1f} of 255")
    return network


def crop_of(photo: Any, random: np.random.RandomState) -> Any:
    side = SIDE * SCALE
    top, left = random.randint(photo.shape[0] - side), random.randint(photo.shape[1] - side)
    return photo[top : top + side, left : left + side]


def main() -> None:
    kept: dict[str, Any] = {}
    for way, values in WAYS.items():
        network = trained(values).half().float()
        with torch.no_grad():
            answer = network(torch.from_numpy(picture_of().transpose(2, 0, 1)[None]) * (values or 1))[0].numpy().transpose(1, 2, 0)
        kept |= {f"{way}/{name}": tensor.numpy().astype(np.float16) for name, tensor in network.state_dict().items()}
        kept[way] = answer / (values or 1)
    np.savez_compressed(GOLDEN, **kept)
    print(f"{GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
