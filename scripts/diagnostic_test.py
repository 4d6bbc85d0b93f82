"""`img-enhance doctor` under the name that people know from the system before this one.

python -m scripts.diagnostic_test [--algorithm real_esrgan] [--json]
"""

import sys

from img_enhance.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["doctor", *sys.argv[1:]]))
