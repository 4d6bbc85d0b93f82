"""The command line with random weights for GFPGAN: python bench/faces_once.py FOLDER enhance PHOTO --gfpgan ..."""

import sys
from pathlib import Path

from face_weights import use_random_weights
from img_enhance.cli import main

if __name__ == "__main__":
    use_random_weights(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
