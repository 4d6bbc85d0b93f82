"""Writes own_models.npz: what spandrel's own classes answer with random weights, by the names that they give them.

Run by hand, with spandrel 0.4.2 and torch installed (it imports torchvision, of which `transforms.functional.normalize` suffices):

    PYTHONPATH=src:tests python tests/golden/make_own_models.py
"""

import importlib
import json
from typing import Any

import numpy as np
import torch
from own_models_golden import COMPACT, ESRGAN, GOLDEN, RENAMED, picture_of, weights_of
from spandrel import ModelLoader

from img_enhance.models.networks.rrdbnet import RRDBNet


def answered(network: Any, weights: dict[str, Any]) -> Any:
    """The network's answer to the picture, (H, W, 3)."""
    network.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()}, strict=True)
    with torch.no_grad():
        return network.eval()(torch.from_numpy(picture_of().transpose(2, 0, 1)[None]))[0].numpy().transpose(1, 2, 0)


def main() -> None:
    esrgan = importlib.import_module("spandrel.architectures.ESRGAN.__arch.RRDB").RRDBNet
    compact = importlib.import_module("spandrel.architectures.Compact.__arch.SRVGG").SRVGGNetCompact
    networks = {name: esrgan(**numbers) for name, numbers in ESRGAN.items()} | {
        name: compact(**numbers) for name, numbers in COMPACT.items()
    }
    kept: dict[str, Any] = {}
    for name, network in networks.items():
        shapes = {key: tuple(values.shape) for key, values in network.state_dict().items()}
        kept[name], kept[f"{name} shapes"] = answered(network, weights_of(shapes)), json.dumps(list(shapes.items()))
    shapes = RRDBNet(2).shapes
    weights = weights_of(shapes)
    read = ModelLoader().load_from_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    with torch.no_grad():
        answer = read.model(torch.from_numpy(picture_of().transpose(2, 0, 1)[None]))[0].numpy().transpose(1, 2, 0)
    kept[RENAMED], kept[f"{RENAMED} shapes"] = answer, json.dumps(list(shapes.items()))
    for name, values in kept.items():
        if not name.endswith("shapes"):
            print(f"{name}: {values.shape}, {values.mean():.3f} +- {values.std():.3f}")
    np.savez_compressed(GOLDEN, **kept)
    print(f"{GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
