"""PQ said in an AVIF that was written without it: in its box, where both decoders here look for it, and in its stream."""

import io
from pathlib import Path

import numpy as np
import pi_heif
import pytest
import pyvips
from PIL import Image
from small_pictures import Array, smooth, vips

from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.avif_colours import with_colours
from img_enhance.metadata.heif import read_nclx

BT2020_PQ = (9, 16)


def avif(pixels: Array, *, bits: int = 10, lossless: bool = False, subsampled: bool = False) -> bytes:
    image = vips(pixels)
    mode = "on" if subsampled else "off"
    return bytes(
        image.heifsave_buffer(compression="av1", Q=90, bitdepth=bits, lossless=lossless, subsample_mode=mode, keep="none", effort=0)
    )


def nclx(data: bytes) -> tuple[int, ...]:
    """Primaries, curve, matrix and range as libheif reads them."""
    said = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)[0].info["nclx_profile"]
    return tuple(said[name] for name in ("color_primaries", "transfer_characteristics", "matrix_coefficients", "full_range_flag"))


@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("subsampled", [False, True])
@pytest.mark.parametrize("lossless", [False, True])
def test_it_is_said_and_the_pixels_stay(bands: int, bits: int, subsampled: bool, lossless: bool, tmp_path: Path) -> None:
    pixels = smooth(bands, dtype="uint8" if bits == 8 else "uint16")
    before = avif(pixels, bits=bits, lossless=lossless, subsampled=subsampled)
    after = with_colours(before, *BT2020_PQ)
    assert nclx(after) == (*BT2020_PQ, 0 if lossless else 6, 1)
    (tmp_path / "photo.avif").write_bytes(after)
    colours = read_nclx(tmp_path / "photo.avif")
    assert colours is not None
    assert (colours.curve, colours.full) == ("pq", True)
    np.testing.assert_array_equal(pyvips.Image.heifload_buffer(after).numpy(), pyvips.Image.heifload_buffer(before).numpy())
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(after))), np.asarray(Image.open(io.BytesIO(before))))


def test_its_stream_says_the_same() -> None:
    before = avif(smooth(3, dtype="uint16"))
    after = with_colours(before, *BT2020_PQ)
    header = slice(after.index(b"mdat") + 4, after.index(b"mdat") + 20)
    bits = f"{int.from_bytes(after[header]):0128b}"
    assert f"{9:08b}{16:08b}{6:08b}" in bits
    assert f"{9:08b}{16:08b}{6:08b}" not in f"{int.from_bytes(before[before.index(b'mdat') + 4 :][:16]):0128b}"


def test_exif_and_xmp_are_where_they_were() -> None:
    image = vips(smooth(3, dtype="uint16"))
    image.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    before = bytes(image.heifsave_buffer(compression="av1", keep="xmp|exif", bitdepth=10))
    found = pyvips.Image.heifload_buffer(with_colours(before, *BT2020_PQ))
    for name in ("xmp-data", "exif-data"):
        assert found.get(name) == pyvips.Image.heifload_buffer(before).get(name)


def test_a_file_that_is_cut_off_or_another_is_refused() -> None:
    whole = avif(smooth(3, dtype="uint16"))
    for count in range(0, whole.index(b"mdat") + 8, 7):
        with pytest.raises(BrokenMetadata):
            with_colours(whole[:count], *BT2020_PQ)
    with pytest.raises(BrokenMetadata):
        with_colours((Path(__file__).parents[1] / "heic" / "exact.heic").read_bytes(), *BT2020_PQ)
