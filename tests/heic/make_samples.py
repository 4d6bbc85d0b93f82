"""Writes the HEIC photos of this folder from the project's sample photo. They are committed, because the tests install no encoder.

python -m venv /tmp/heif; /tmp/heif/bin/pip install pillow-heif==1.8.1 pillow numpy; /tmp/heif/bin/python tests/heic/make_samples.py
"""

from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

HERE = Path(__file__).parent
SAMPLE = HERE.parent.parent / "samples" / "cat.png"
LEFT, TOP, WIDTH, HEIGHT = 130, 60, 90, 70

# HEVC without loss: RGB planes as they are.
EXACT: dict[str, Any] = {"quality": -1, "chroma": 444, "matrix_coefficients": 0}

GPS_AND_MAKE = Image.Exif()
GPS_AND_MAKE[0x010F] = "Test camera"
GPS_AND_MAKE[0x0112] = 6
GPS_AND_MAKE.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'


def main() -> None:
    """Write them all."""
    with Image.open(SAMPLE) as whole:
        cat = whole.convert("RGB").crop((LEFT, TOP, LEFT + WIDTH, TOP + HEIGHT))
    cat.info.clear()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    save("exact", cat, **EXACT)
    save("phone", cat, quality=80, exif=GPS_AND_MAKE.tobytes(), xmp=XMP, icc_profile=srgb)
    save("grey", cat.convert("L"), quality=-1)
    alpha = Image.fromarray(np.tile(np.arange(WIDTH, dtype=np.uint8), (HEIGHT, 1)) * 2)
    cat.putalpha(alpha)
    save("alpha", cat, **EXACT)
    ramp = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) % 1024
    deep = np.repeat(ramp[..., None], 3, axis=2) << 6
    pillow_heif.encode("RGB;16", (WIDTH, HEIGHT), deep.tobytes(), HERE / "ten_bits.heic", **EXACT)
    save("large", Image.fromarray(large()), **EXACT)
    frames = pillow_heif.from_pillow(cat.convert("RGB"))
    frames.add_from_pillow(cat.convert("RGB").rotate(180))
    frames.save(HERE / "two_frames.heic", quality=50, primary_index=0)


def large() -> Any:
    """As large as a phone's photo is for the memory it takes, of flat squares so that its file is small: (1200, 1600, 3) uint8."""
    squares = np.arange(6 * 8 * 3).reshape(6, 8, 3) * 37 % 256
    return np.kron(squares, np.ones((200, 200, 1))).astype(np.uint8)


def save(name: str, picture: Image.Image, **options: Any) -> None:
    pillow_heif.from_pillow(picture).save(HERE / f"{name}.heic", **options)


if __name__ == "__main__":
    main()
