"""Writes networks.npz: what spandrel's own classes answer with random weights.

Run by hand, with spandrel 0.4.2 and torch installed:

    PYTHONPATH=src:tests:bench python tests/golden/make_networks.py
"""

from typing import Any

import numpy as np
import spandrel
import torch
from networks_golden import CASES, GOLDEN, picture_of, weights_of

from img_enhance.models.networks.dat import DAT
from peers.spandrel_dat import spandrels


def tensors_of(name: str) -> dict[str, Any]:
    """A file's tensors: our weights, and what spandrel's own class has beside them that is not trained."""
    architecture = CASES[name]
    weights = {key: torch.from_numpy(values) for key, values in weights_of(name).items()}
    if not isinstance(architecture, DAT):
        return weights
    buffers: dict[str, Any] = spandrels(architecture).state_dict()
    return buffers | {key: values for key, values in weights.items() if not key.endswith(".rpe_biases")}


def main() -> None:
    answers = {}
    for name in CASES:
        # spandrel finds the structure by itself, and takes no file that lacks a tensor or has one more.
        weights = tensors_of(name)
        network = spandrel.ModelLoader().load_from_state_dict(weights).eval()
        with torch.no_grad():
            picture = torch.from_numpy(picture_of().transpose(2, 0, 1)[None])
            answers[name] = network.model(picture)[0].numpy().transpose(1, 2, 0)
        print(f"{name}: {network.architecture.id} {answers[name].shape}, {answers[name].mean():.3f} +- {answers[name].std():.3f}")
    np.savez_compressed(GOLDEN, **answers)
    print(f"{GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
