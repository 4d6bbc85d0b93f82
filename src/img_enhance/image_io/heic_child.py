"""Decodes a HEIC in a process of its own, run as a script: a damaged file can crash the decoder (pi-heif 1.4), and only that.

`python heic_child.py PATH header|pixels` writes a line of JSON, then the blocks that it lists, one after the other.
"""

import json
import sys
from typing import Any

BLOCKS = ("exif", "xmp", "icc_profile", "pixels")


def main() -> int:
    """Decode the file that the arguments name; what is wrong with it goes to standard error."""
    import numpy as np
    import pi_heif

    path, wanted = sys.argv[1:]
    try:
        file = pi_heif.open_heif(path, convert_hdr_to_8bit=False)
        picture = file[file.primary_index]
        blocks = {name: bytes(picture.info.get(name) or b"") for name in BLOCKS[:-1]}
        blocks["pixels"] = np.array(picture).tobytes() if wanted == "pixels" else b""
    except Exception as error:  # noqa: BLE001 - whatever it is, this process has no more to say
        sys.stderr.write(str(error))
        return 1
    facts: dict[str, Any] = {
        "mode": picture.mode,
        "size": picture.size,
        "bits": int(picture.info.get("bit_depth", 8)),
        "frames": len(file),
        "blocks": {name: len(blocks[name]) for name in BLOCKS},
    }
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n")
    for name in BLOCKS:
        sys.stdout.buffer.write(blocks[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
