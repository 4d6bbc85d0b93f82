"""Writes edsr.npz: what the super-image package's own network answers with random weights.

Run by hand, with super-image 0.1.7 and torch installed (the package imports more than it needs here, of which names suffice):

    PYTHONPATH=src:tests python tests/golden/make_edsr.py
"""

import numpy as np
import torch
from edsr_golden import CASES, GOLDEN, picture_of, weights_of
from super_image.models.edsr.configuration_edsr import EdsrConfig
from super_image.models.edsr.modeling_edsr import EdsrModel


def main() -> None:
    answers = {}
    for model, scale in CASES.items():
        network = EdsrModel(EdsrConfig(scale=scale)).eval()
        # The shifts by the mean colour are layers of the class that it does not run; they keep the values that it gives them.
        network.load_state_dict({name: torch.from_numpy(values) for name, values in weights_of(model).items()}, strict=True)
        with torch.no_grad():
            answer = network(torch.from_numpy(picture_of().transpose(2, 0, 1)[None]))[0].numpy().transpose(1, 2, 0)
        answers[model] = answer
        print(f"{model}: {answer.shape}, {answer.mean():.3f} +- {answer.std():.3f}")
    np.savez_compressed(GOLDEN, **answers)
    print(f"{GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
