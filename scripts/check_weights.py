"""Fetches every file of the weights table, compares its hash, and holds networks against their authors' code on the published weights.

Needs a network, PyTorch and spandrel, which keeps the authors' networks (spandrel wants torchvision). Files without a network here, such as
EDSR's, are compared by their hash only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from img_enhance.errors import ImgEnhanceError
from img_enhance.machine.settings import model_table, weight_store
from img_enhance.models.model import Model
from img_enhance.models.weight_sources import DownloadedWeights
from img_enhance.models.weights.fetch import pull
from img_enhance.models.weights.store import load
from img_enhance.runtimes.openvino import OpenVINO
from img_enhance.runtimes.reference import run_reference

Picture = npt.NDArray[np.float32]

# Other orders of the same sums gave 1e-6 on random weights, and 4e-6 through GFPGAN's 45 convolutions (2026-11).
RELATIVE = 1e-4


def main() -> int:
    """Exit code 1 where a file or a network is not what it should be."""
    store, wrong = weight_store(os.environ), 0
    table = model_table(store)
    for file in table.files:
        try:
            print(f"[OK] {file.name}: {pull(file, store)}", flush=True)
        except ImgEnhanceError as error:
            print(f"[ERROR] {file.name}: {error}", flush=True)
            wrong += 1
    faces = {model.name for model in table.faces}
    for model in table.models:
        if not isinstance(model.weights, DownloadedWeights):
            continue
        path = pull(model.weights.file, store)
        difference = (difference_of_faces if model.name in faces else difference_of_photos)(model, load(model, store), path)
        wrong += difference > RELATIVE
        print(f"[{'OK' if difference <= RELATIVE else 'ERROR'}] {model.name}: {difference:.1e} from its authors' network", flush=True)
    return 1 if wrong else 0


def difference_of_photos(model: Model, weights: dict[str, npt.NDArray[np.float32]], file: Path) -> float:
    """How far a network that enlarges is from the one that spandrel makes of the same file, relative to the largest value."""
    picture = np.random.default_rng(5).random((24, 32, 3)).astype(np.float32)
    found = run_reference(model.segments, weights, picture)
    expected = _answer(file, picture)
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def difference_of_faces(model: Model, weights: dict[str, npt.NDArray[np.float32]], file: Path) -> float:
    """The same of GFPGAN with its stored noise, in root mean squares."""
    y, x = np.mgrid[:512, :512] / 512
    picture = np.stack([np.sin(7 * x + 5 * y + phase) * np.cos(9 * y - 3 * x) for phase in range(3)], 2).astype(np.float32)
    found = OpenVINO("f32").compile(model.segments, weights).run([picture], lambda: None)
    expected = _answer(file, picture, randomize_noise=False)
    return float(np.sqrt(np.square(found - expected).mean() / np.square(expected).mean()))


def _answer(file: Path, picture: Picture, **options: bool) -> Picture:
    import spandrel
    import torch

    network = spandrel.ModelLoader().load_from_file(file).model.eval()
    with torch.no_grad():
        answer = network(torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()), **options)
    tensor = answer[0] if isinstance(answer, tuple | list) else answer
    return np.asarray(tensor[0].numpy().transpose(1, 2, 0), np.float32)


if __name__ == "__main__":
    sys.exit(main())
