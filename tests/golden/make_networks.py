"""Writes networks.npz: what spandrel's own classes answer with random weights.

Run by hand, with spandrel 0.4.2 and torch installed:

    PYTHONPATH=src:tests python tests/golden/make_networks.py
"""

import numpy as np
import spandrel
import torch
from networks_golden import CASES, GOLDEN, picture_of, weights_of


def main() -> None:
    answers = {}
    for name in CASES:
        # spandrel finds the structure by itself, and takes no file that lacks a tensor or has one more.
        weights = {key: torch.from_numpy(values) for key, values in weights_of(name).items()}
        network = spandrel.ModelLoader().load_from_state_dict(weights).eval()
        with torch.no_grad():
            picture = torch.from_numpy(picture_of().transpose(2, 0, 1)[None])
            answers[name] = network.model(picture)[0].numpy().transpose(1, 2, 0)
        print(f"{name}: {network.architecture.id} {answers[name].shape}, {answers[name].mean():.3f} +- {answers[name].std():.3f}")
    np.savez_compressed(GOLDEN, **answers)
    print(f"{GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
