"""`python -m img_enhance` is the command `img-enhance`, also where no folder of commands is on the PATH."""

import sys

from img_enhance.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
