"""JPEG XL, of which the tests make their own files; the two that pyjpegxl cannot make are written down here."""

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pyjpegxl
import pytest
import pyvips
from PIL import Image
from small_pictures import joined, noise, photo_of, read, smooth, turned, write
from test_metadata import XMP, exif

from conftest import SAMPLE
from img_enhance.engine import Engine
from img_enhance.errors import OutputError, PhotoError, UnsupportedPhoto
from img_enhance.image_io import extras, jxl, open_photo
from img_enhance.metadata.blob import tiff_of
from img_enhance.metadata.icc import matrix_profile
from img_enhance.photo import Metadata
from img_enhance.request.options import Output
from img_enhance.request.recipe import Recipe

# Three frames of 4 x 4, by libjxl 0.11.
ANIMATED = bytes.fromhex(
    "ff0a18104113008809080401003c004b188b1542a9d003900000000000000804010040004b188b1542b1e00310010000000000000804050040004b188b1542b1e0039003000000000000"
)
# 4 x 4 floats of 32 and of 16 bits, up to twice white, by libjxl 0.11.
FLOATS = {
    32: bytes.fromhex(
        "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000096a786c6c0a000000b96a786c63ff0a18107200458b080401008c024b386898c283f71514a4d0e23036d6db2212ed663e2657c02f0000a04caee0637205be4caec0265720932b58000000265780c915607205657205985c01265780c9157c10934b3f000080f06cd432b982a38dfa96c915d8e40a6472057936ea985c01265780c91594c915607205985c012657f0414cae7d232657bdb3516572058767a326932bb0c915c8e40ae2d9a831b9024cae00932b28932bc0e40a30b9024cae00"
    ),
    16: bytes.fromhex(
        "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000096a786c6c0a0000006e6a786c63ff0a18104600458b0804010060014b188b15c239e81c922ac086f92f101040fc2ce003c05a60f5566006562070198840063210810c64f069953dcab9ba9a736f156b55ac9a919f9d9dddd6fe6fecb621aca10ea2ec881a6be10211e50710002e001c03380200"
    ),
}
# 4 x 4 values of 16 bits in BT.2020, by libjxl 0.12.
HDR = {
    "PQ": bytes.fromhex(
        "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000096a786c6c0a0000001c6a786c7000000000ff0a1810013f00797488c301000000200000001b62726f62457869661b110000a401925410864181007503000000736a786c70800000010800010084014b18938e838319481cacde8324fbde81fe05e20100687f0ea0fd3980fedf0ea0fd3980fedf0ea0fd3980f66780f66780ee9f01fa7f3b80f66780ee9f0fb8fd3980f66780defc19a007d0fe3c7f06e8fe19a0fd79fe0cd079ea006d481c200e6000"
    ),
    "HLG": bytes.fromhex(
        "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000096a786c6c0a0000001c6a786c7000000000ff0a1810013f007906003d06000000800000001b62726f62457869661b110000a401925410864181007503000000736a786c70800000010800010084014b18938e838319481cacde8324fbde81fe05e20100687f0ea0fd3980fedf0ea0fd3980fedf0ea0fd3980f66780f66780ee9f01fa7f3b80f66780ee9f0fb8fd3980f66780defc19a007d0fe3c7f06e8fe19a0fd79fe0cd079ea006d481c200e6000"
    ),
}


def boxes(data: bytes) -> dict[bytes, bytes]:
    found, at = {}, 0
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        found[name] = data[at + 8 : at + size]
        at += size
    return found


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_photo_without_loss_comes_back_as_it_was(bands: int, dtype: str, tmp_path: Path) -> None:
    pixels = noise(bands, height=300, width=280, dtype=dtype)  # more than one group of 256
    file, photo = read(write(photo_of(pixels), tmp_path / "photo.jxl", "jxl", Output(lossless=True)))
    assert file.warnings == ()
    wanted = pixels[..., [0, 0, 0, 1]] if bands == 2 else pixels
    np.testing.assert_array_equal(joined(photo), wanted)


@pytest.mark.parametrize("name", ["p3", "srgb"])
@pytest.mark.parametrize("lossless", [True, False])
def test_the_profile_is_in_the_codestream_where_another_decoder_finds_it(name: str, lossless: bool, tmp_path: Path) -> None:
    profile = bytes(pyvips.Image.profile_load(name))
    path = write(photo_of(smooth(3), Metadata(profile)), tmp_path / "photo.jxl", "jxl", Output(lossless=lossless))
    with Image.open(path) as picture:
        theirs, pixels = picture.info["icc_profile"], np.asarray(picture)
    assert read(path)[0].metadata.icc == theirs
    if lossless:
        assert theirs == profile
        np.testing.assert_array_equal(pixels, smooth(3))
    primaries = [matrix_profile(icc, 2) for icc in (theirs, profile)]
    assert primaries[0] is not None
    assert primaries[1] is not None
    np.testing.assert_allclose(np.array(primaries[0][1]), np.array(primaries[1][1]), atol=0.002)
    assert np.abs(pixels.astype(int) - smooth(3)).mean() < 2


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_quality_is_libjxls(dtype: str, tmp_path: Path) -> None:
    pixels = smooth(3, dtype=dtype)
    sizes, errors = [], []
    for quality in (100, 90, 50, 10):
        path = write(photo_of(pixels), tmp_path / f"{quality}.jxl", "jxl", Output(quality=quality))
        sizes.append(path.stat().st_size)
        errors.append(float(np.abs(joined(read(path)[1]).astype(float) - pixels).mean() / np.iinfo(dtype).max))
    assert sizes == sorted(sizes, reverse=True)
    assert errors == sorted(errors)
    assert errors[0] < 0.002
    assert [jxl.distance(quality) for quality in (100, 90, 30)] == pytest.approx([0.1, 1.0, 6.4])


def test_metadata_lies_in_plain_boxes_to_the_byte(tmp_path: Path) -> None:
    path = write(photo_of(smooth(3), Metadata(exif=exif(), xmp=XMP)), tmp_path / "photo.jxl", "jxl")
    found, held = boxes(path.read_bytes()), read(path)[0].metadata
    assert list(found)[:5] == [b"JXL ", b"ftyp", b"Exif", b"xml ", b"jxlc"]
    assert held.exif is not None
    assert found[b"Exif"] == bytes(4) + tiff_of(held.exif)
    assert found[b"xml "] == held.xmp
    assert b"a test" in found[b"xml "]


def test_every_orientation_of_a_transcoded_jpeg_is_applied_once(tmp_path: Path) -> None:
    with Image.open(SAMPLE) as whole:
        upright = np.asarray(whole.convert("RGB").crop((130, 60, 170, 84)))
    for orientation in range(1, 9):
        told = Image.Exif()
        told[0x0112] = orientation
        jpeg = tmp_path / f"{orientation}.jpg"
        Image.fromarray(turned(upright, orientation)).save(jpeg, quality=100, subsampling=0, exif=told)
        path = jpeg.with_suffix(".jxl")
        path.write_bytes(pyjpegxl.jpeg_to_jxl(jpeg.read_bytes()))
        file, photo = read(path)
        assert file.header.size.width == 40
        assert np.abs(photo.pixels.astype(int) - upright).mean() < 1.5
        again = write(photo, tmp_path / f"again{orientation}.jpg", "jpeg")
        with Image.open(again) as picture:
            assert picture.size == (40, 24)
            assert picture.getexif().get(0x0112, 1) == 1


def test_an_animation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.jxl"
    path.write_bytes(ANIMATED)
    with pytest.raises(UnsupportedPhoto, match="animated"):
        open_photo(path, max_pixels=1000)


@pytest.mark.parametrize("transfer", HDR)
def test_hdr_is_shown_in_the_standard_range(transfer: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.jxl"
    path.write_bytes(HDR[transfer])
    file, photo = read(path)
    assert any(transfer in warning and "BT.2390" in warning for warning in file.warnings), file.warnings
    assert photo.depth == 16


@pytest.mark.parametrize("bits", FLOATS)
def test_floats_become_16_bits_and_it_is_said(bits: int, tmp_path: Path) -> None:
    path = tmp_path / "photo.jxl"
    path.write_bytes(FLOATS[bits])
    file, photo = read(path)
    assert any("floating-point values were brought to 16 bits" in warning for warning in file.warnings)
    expected = np.minimum(np.linspace(0, 2, 48).reshape(4, 4, 3), 1) * 65_535
    assert np.abs(photo.pixels - expected).max() <= (40 if bits == 16 else 1)


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("lossless", [True, False])
def test_a_file_cut_short_is_refused(part: float, lossless: bool, tmp_path: Path) -> None:
    path = write(photo_of(noise(3)), tmp_path / "photo.jxl", "jxl", Output(lossless=lossless))
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(PhotoError, match="truncated or damaged"):
        read(path)


def test_without_the_extra_both_ways_name_it(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(photo_of(smooth(3)), tmp_path / "photo.jxl", "jxl")
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedPhoto, match=r"pip install 'img-enhance\[jxl\]'"):
        open_photo(path, max_pixels=10_000)
    with pytest.raises(OutputError, match=r"pip install 'img-enhance\[jxl\]'"):
        engine.prepare(SAMPLE, Recipe(output=Output(format="jxl")))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_grey_with_transparency_of_others_comes_as_it_is(dtype: str, tmp_path: Path) -> None:
    path = tmp_path / "grey.jxl"
    pixels = noise(2, dtype=dtype)
    path.write_bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, planar=False))
    file, photo = read(path)
    assert (file.header.grey, file.header.alpha, photo.depth) == (True, True, 8 * pixels.itemsize)
    np.testing.assert_array_equal(photo.pixels, pixels[..., [0, 0, 0]])
    np.testing.assert_array_equal(photo.alpha, pixels[..., 1])
