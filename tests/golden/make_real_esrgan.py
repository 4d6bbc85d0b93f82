"""Writes real_esrgan.npz: what an independent implementation of Real-ESRGAN's networks answers with random weights.

Run by hand, with spandrel and torch installed (spandrel imports torchvision.transforms.functional, of which names suffice):

    PYTHONPATH=src:tests python tests/golden/make_real_esrgan.py

The weights take the way of the published ones: a file saved by PyTorch, recognised by its names.
"""

import tempfile
from pathlib import Path

import numpy as np
import spandrel
import torch
from real_esrgan_golden import CASES, GOLDEN, picture_of, weights_of


def main() -> None:
    answers = {}
    for model, table, picture in CASES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "random.pth"
            torch.save({table: {name: torch.from_numpy(values) for name, values in weights_of(model).items()}}, path)
            network = spandrel.ModelLoader().load_from_file(path).model.eval()
        with torch.no_grad():
            answer = network(torch.from_numpy(picture_of(picture).transpose(2, 0, 1)[None]))[0].numpy().transpose(1, 2, 0)
        answers[f"{model} {picture}"] = answer
        print(f"{model} {picture}: {answer.shape}, {answer.mean():.3f} +- {answer.std():.3f}")
    np.savez_compressed(GOLDEN, **answers)
    print(f"{GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
