"""Small files of every format, spoiled in ways that a seed decides, and read: `python bench/spoiled.py [COUNT] [--first SEED]`.

What comes must be a photo of its header's size or an error of ours, and nothing may be left in the folder of temporary files. What is not
so is printed with its seed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import OpenImageIO  # noqa: F401 - without it no JPEG XL is written

from img_enhance.errors import ImgEnhanceError
from img_enhance.image_io import open_photo, read_whole, write_photo
from img_enhance.photo import WRITTEN, Photo
from img_enhance.request.options import Output
from mutations import mutated

_ROOT = Path(__file__).parents[1]
_READ_ONLY = sorted([*(_ROOT / "tests/heic").glob("*.heic"), *(_ROOT / "src/img_enhance/doctor").glob("tiny.*")])
_MOST_FILE_BYTES = 30_000
_MOST_PIXELS, _MOST_IN_MEMORY = 1_000_000, 100_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=3000)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    counts, findings = Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder:
        whole = _whole_files(Path(folder))
        scratch = Path(folder) / "temporary"
        scratch.mkdir()
        tempfile.tempdir = str(scratch)
        for seed in range(arguments.first, arguments.first + arguments.count):
            path = Path(folder) / "file"
            chance = random.Random(seed)
            path.write_bytes(mutated(chance.choice(whole), chance, chance.choice(whole)))
            ended, right = _read(path)
            left = [each.name for each in scratch.iterdir()]
            counts[ended] += 1
            if left or not right:
                findings += 1
                print(f"seed {seed}: {ended}, left behind: {left}")
    for ended, count in sorted(counts.items()):
        print(f"{count:6} {ended}")
    return 1 if findings else 0


def _whole_files(folder: Path) -> list[bytes]:
    """Small good files: of every format that is written, in 8 and 16 bits, and of those that are only read."""
    pixels = np.random.default_rng(7).integers(40, 256, (40, 56, 3), np.uint8)
    found = [path.read_bytes() for path in _READ_ONLY if path.stat().st_size <= _MOST_FILE_BYTES]
    for entry in WRITTEN:
        for photo in (Photo(pixels), Photo(pixels.astype(np.uint16) * 257, alpha=pixels[..., 0].astype(np.uint16) * 257)):
            path = folder / f"whole{entry.endings[0]}"
            write_photo(photo, path, format=entry.name, output=Output(), overwrite=True, note="", tick=lambda: None)
            found.append(path.read_bytes())
    return found


def _read(path: Path) -> tuple[str, bool]:
    """How the reading of a file ended, in a word or two, and whether it may end so."""
    try:
        file = open_photo(path, max_pixels=_MOST_PIXELS)
        photo = read_whole(file, most_in_memory=_MOST_IN_MEMORY)
    except ImgEnhanceError as error:
        return type(error).__name__, True
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return repr(error), False
    if photo.size != file.header.size:
        return f"{photo.size} instead of {file.header.size}", False
    return f"{file.header.format} read", True


if __name__ == "__main__":
    sys.exit(main())
