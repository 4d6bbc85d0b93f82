"""Fuzz the decoders with atheris, where it is installed: `python tests/hostile/fuzz_decode.py [CORPUS] [-max_total_time=60]`."""

import sys
import tempfile
from pathlib import Path

from img_enhance.errors import ImgEnhanceError


def main() -> int:
    """Decode what the fuzzer makes; anything raised but an error of ours is a finding."""
    try:
        import atheris  # type: ignore[import-untyped]
    except ImportError:
        print("atheris is not installed; nothing was fuzzed")
        return 0
    with atheris.instrument_imports(include=["img_enhance", "decode"]):  # it learns from the branches that are taken
        from decode import decoded

    def one_input(data: bytes) -> None:
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(data)
            try:
                decoded(Path(file.name))
            except ImgEnhanceError:
                return

    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
