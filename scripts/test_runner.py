"""Enhances all photos of a folder, as the system that this one succeeds did with its test photos.

    python -m scripts.test_runner [INPUT OUTPUT] [options of img-enhance enhance]

Without folders it takes test_images/ and test_output/. It is `img-enhance enhance INPUT -o OUTPUT` and says the same.
"""

import sys
from collections.abc import Sequence

from img_enhance.cli.main import main as img_enhance

INPUT, OUTPUT = "test_images", "test_output"


def main(given: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if given is None else given)
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    folders = [INPUT, OUTPUT]
    for number in range(len(folders)):
        if not arguments or arguments[0].startswith("-"):
            break
        folders[number] = arguments.pop(0)
    return img_enhance(["enhance", folders[0], "-o", folders[1], *arguments])


if __name__ == "__main__":
    sys.exit(main())
