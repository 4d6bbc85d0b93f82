"""A folder of test data with one small scene at several exposures, and two photos with wishes."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from conftest import SAMPLE

Pixels = npt.NDArray[np.uint8]

# Factors on the encoded values: three darker than right, one that is nearly right, the right one, two brighter.
GAINS = (0.05, 0.3, 0.6, 0.85, 1.0, 1.3, 1.6)


def right() -> Pixels:
    """The sample photo, small: its mean grey is 119."""
    with Image.open(SAMPLE) as photo:
        pixels: Pixels = np.asarray(photo.convert("RGB").resize((150, 100)))
    return pixels


def exposed(pixels: Pixels, gain: float) -> Pixels:
    values: Pixels = np.clip(pixels.astype(np.float32) * gain, 0, 255).astype(np.uint8)
    return values


def write_data(folder: Path) -> None:
    """brackets/ and natural/ in `folder`."""
    rows = ["sequence,file"]
    (folder / "brackets").mkdir(parents=True)
    for gain in GAINS:
        Image.fromarray(exposed(right(), gain)).save(folder / "brackets" / f"{gain}.png")
        rows.append(f"7,{gain}.png")
    (folder / "brackets" / "sequences.csv").write_text("\n".join(rows) + "\n")
    (folder / "natural").mkdir()
    Image.fromarray(right()).save(folder / "natural" / "right.png")
    Image.fromarray(exposed(right(), 0.1)).save(folder / "natural" / "dark.png")
    (folder / "natural" / "wishes.csv").write_text("file,wish,what\nright.png,leave,a cat\ndark.png,lift,a cat at night\n")
