"""The command line with random weights for GFPGAN: python bench/faces_once.py FOLDER enhance PHOTO --gfpgan ..."""

import sys
from pathlib import Path

from face_weights import random_weights_table
from img_enhance.cli.main import main
from img_enhance.machine import settings

if __name__ == "__main__":
    settings.BUILT_IN = random_weights_table(Path(sys.argv[1]))  # type: ignore[attr-defined]
    sys.exit(main(sys.argv[2:]))
