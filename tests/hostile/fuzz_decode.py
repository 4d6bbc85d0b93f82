"""Fuzz the decoders with atheris, where it is installed: `python tests/hostile/fuzz_decode.py [CORPUS] [-max_total_time=60]`."""

import sys
import tempfile
from pathlib import Path

from decode import decoded

from img_enhance.errors import ImgEnhanceError


def one_input(data: bytes) -> None:
    """Decode `data`; anything raised but an error of ours is a finding."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        try:
            decoded(Path(file.name))
        except ImgEnhanceError:
            return


def main() -> int:
    try:
        import atheris  # type: ignore[import-untyped]
    except ImportError:
        print("atheris is not installed; nothing was fuzzed")
        return 0
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
