"""Writes gfpgan.npz: what an independent implementation of GFPGAN answers with seeded weights.

Run by hand, with spandrel and torch installed (spandrel imports torchvision.transforms.functional, of which names suffice):

    PYTHONPATH=src python tests/golden/make_gfpgan.py

The weights take the way of the published ones: a file saved by PyTorch, recognised by its names.
"""

import tempfile
from pathlib import Path

import numpy as np
import spandrel
import torch
from gfpgan_golden import GOLDEN, face, seeded_face_weights, summary


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seeded.pth"
        torch.save({"params_ema": {name: torch.from_numpy(values) for name, values in seeded_face_weights().items()}}, path)
        network = spandrel.ModelLoader().load_from_file(path).model.eval()
    picture = torch.from_numpy(face().transpose(2, 0, 1)[None])
    with torch.no_grad():
        answer = network(picture, randomize_noise=False)[0][0].numpy().transpose(1, 2, 0)
    np.savez_compressed(GOLDEN, allow_pickle=False, **summary(answer))
    print(f"{GOLDEN.stat().st_size} bytes, answer {answer.mean():.3f} +- {answer.std():.3f}")


if __name__ == "__main__":
    main()
