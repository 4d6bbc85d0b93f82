"""Decodes a photo in a process of its own, run as a script: a damaged file can crash a decoder (pi-heif 1.4), and only that.

`python apart_child.py DECODER PATH header|pixels PAGE` writes a line of JSON, then the blocks that it lists, then the pixels. It ends
with 1 where the file is damaged, with 2 where it is of a kind that is not taken and with 3 where memory is short, and says on standard
error what is wrong.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    # What there is to say of a file, its blocks of metadata, and its pixels where they were asked for.
    Answer = tuple[dict[str, Any], dict[str, bytes], npt.NDArray[Any] | None]


# From <linux/prctl.h>.
_SET_PARENT_DEATH_SIGNAL = 1


class NotTaken(Exception):
    """A file of a kind that is not taken: what it is, as a sentence goes on after its name, and what to try."""


def heic(path: str, *, pixels: bool) -> Answer:
    """The main picture of a HEIC; rotated and mirrored as the container says."""
    import numpy as np
    import pi_heif

    file = pi_heif.open_heif(path, convert_hdr_to_8bit=False)
    if not len(file):
        raise NotTaken("is a HEIF without a picture in HEVC, which alone is taken", "save it as HEIC or PNG first")
    picture = file[file.primary_index]
    mode, _, deep = picture.mode.partition(";")
    facts = {"mode": mode, "deep": bool(deep), "size": picture.size, "bits": int(picture.info.get("bit_depth", 8)), "frames": len(file)}
    names = {"exif": "exif", "xmp": "xmp", "icc": "icc_profile"}
    blocks = {name: bytes(picture.info.get(info) or b"") for name, info in names.items()}
    # A copy: the picture's own memory ends with it (pi-heif 1.4).
    return facts, blocks, np.array(picture) if pixels else None


def jxl(path: str, *, pixels: bool) -> Answer:
    """A JPEG XL, upright; its values have 8 bits, or are brought to 16."""
    import pyjpegxl

    found = pyjpegxl.probe_file(path)
    mode = ("L" if found.num_color_channels == 1 else "RGB") + ("A" if found.has_alpha else "")
    deep = found.bits_per_sample > 8
    facts = {"mode": mode, "deep": deep, "size": (found.width, found.height), "bits": 16 if deep else 8, "frames": 1}
    exif = found.exif or b""
    if exif[:2] not in (b"II", b"MM"):  # the offset that the box begins with; some writers leave it out
        exif = exif[4 + int.from_bytes(exif[:4], "big") :]
    blocks = {"exif": exif, "xmp": found.xmp or b"", "icc": found.icc or b""}
    return facts, blocks, pyjpegxl.read_to_numpy(path, dtype="uint16" if deep else "uint8")[1] if pixels else None


_BMP_MODES = {"RGBA": "RGBA", "PA": "RGBA", "L": "L", "1": "L"}
_BMP_RLE4 = 2
_PILLOW_WITH_RLE4 = 13


def bmp(path: str, *, pixels: bool) -> Answer:
    """A BMP by Pillow."""
    import numpy as np
    import PIL
    from PIL.BmpImagePlugin import BmpImageFile

    try:
        # Not Image.open, whose limit of pixels is not ours, which is checked by the header.
        with open(path, "rb") as file, BmpImageFile(file) as picture:
            if picture.info.get("compression") == _BMP_RLE4 and int(PIL.__version__.partition(".")[0]) < _PILLOW_WITH_RLE4:
                raise NotTaken(
                    f"is a BMP compressed by RLE4, which Pillow {PIL.__version__} reads wrongly", "run: pip install 'pillow>=13'"
                )
            mode = _BMP_MODES.get(picture.mode, "RGB")
            dpi = [float(value) for value in picture.info.get("dpi", (0, 0))]
            facts = {"mode": mode, "deep": False, "size": picture.size, "bits": 8, "frames": 1, "dpi": dpi}
            return facts, {}, np.asarray(picture.convert(mode)) if pixels else None
    except OSError as error:
        if str(error).startswith("Unsupported BMP"):
            raise NotTaken(f"is a BMP of a kind that is not taken ({error})", "save it as PNG first") from None
        raise


_TIFF_MODES = ("L", "LA", "RGB", "RGBA", "RGBX", "CMYK", "LAB")
_XMP, _IPTC, _ICC = 700, 33723, 34675
_ORIENTATION, _FIRST_TURNED, _X_RESOLUTION = 0x0112, 5, 0x011A


def pillow(path: str, *, pixels: bool, page: int) -> Answer:
    """A page of a TIFF of 8 bits, upright; of CIELAB a and b from -128 to 127 as 0 to 255."""
    import numpy as np
    from PIL.TiffImagePlugin import TiffImageFile

    with open(path, "rb") as file:
        picture = TiffImageFile(file)
        picture.seek(page)
        if picture.mode not in _TIFF_MODES:
            raise NotTaken(f"is a TIFF of an unusual kind ({picture.mode})", "save it as RGB first")
        # Without that tag Pillow says 1.
        dpi = [float(value) for value in picture.info.get("dpi", (0, 0))] if _X_RESOLUTION in picture.tag_v2 else [0.0, 0.0]
        dpi = dpi[::-1] if picture.tag_v2.get(_ORIENTATION, 1) >= _FIRST_TURNED else dpi
        facts = {"mode": picture.mode, "deep": False, "size": picture.size, "bits": 8, "frames": 1, "dpi": dpi}
        blocks = {name: _bytes(picture.tag_v2.get(tag)) for name, tag in (("xmp", _XMP), ("iptc", _IPTC), ("icc", _ICC))}
        return facts, blocks, np.asarray(picture) if pixels else None


def _bytes(value: object) -> bytes:
    """The value of a tag that should be bytes; none where it is something else."""
    return bytes(value) if isinstance(value, bytes | bytearray) else b""


_MIN_IS_WHITE, _MODES_BY_PHOTOMETRIC = 0, {0: "L", 1: "L", 2: "RGB", 5: "CMYK"}
_INCH, _PREMULTIPLIED = 2, 1


def tifffile(path: str, *, pixels: bool, page: int) -> Answer:
    """A page of a TIFF by tifffile and imagecodecs, as stored; between 8 and 16 bits are brought to 16."""
    import numpy as np
    from tifffile import TiffFile

    with TiffFile(path) as file:
        found = file.pages[page].aspage()
        bits = int(found.bitspersample)
        mode = _MODES_BY_PHOTOMETRIC.get(int(found.photometric), "")
        if not mode or found.dtype is None or found.dtype.kind != "u" or not 8 <= bits <= 16:
            raise NotTaken("is a TIFF of an unusual kind", "save it as RGB of 8 or 16 bits first")
        if any(
            start + count > file.filehandle.size or not count for start, count in zip(found.dataoffsets, found.databytecounts, strict=True)
        ):
            raise ValueError("its pixels are cut off")
        facts = {"mode": mode + "X" * (found.samplesperpixel - len(mode)), "deep": bits > 8, "bits": bits, "frames": 1}
        facts["size"] = (found.imagewidth, found.imagelength)
        facts["orientation"] = int(found.tags.valueof(_ORIENTATION, default=1))
        facts["dpi"] = found.get_resolution(_INCH) if "XResolution" in found.tags else (0, 0)
        blocks = {name: _bytes(found.tags.valueof(tag)) for name, tag in (("xmp", _XMP), ("iptc", _IPTC), ("icc", _ICC))}
        if not pixels:
            return facts, blocks, None
        values = found.asarray()
        values = np.moveaxis(values, 0, -1) if found.axes == "SYX" else values.reshape(*values.shape[:2], -1)
        largest = (1 << bits) - 1
        if found.photometric == _MIN_IS_WHITE:
            values[..., 0] = largest - values[..., 0]
        if 8 < bits < 16:
            values = np.rint(values * (65_535 / largest)).astype(np.uint16)
        return facts, blocks, _divided(values, found.extrasamples, colours=len(mode))


def _divided(values: npt.NDArray[Any], extra: tuple[int, ...], *, colours: int) -> npt.NDArray[Any]:
    """(H, W, channels) with colours by which transparency was multiplied divided by it."""
    import numpy as np

    if not extra or extra[0] != _PREMULTIPLIED:
        return values
    alpha = values[..., colours : colours + 1].astype(np.float32)
    largest = np.iinfo(values.dtype).max
    plain = np.divide(
        values[..., :colours] * np.float32(largest), alpha, out=np.zeros(values[..., :colours].shape, np.float32), where=alpha > 0
    )
    return np.concatenate([np.clip(np.rint(plain), 0, largest).astype(values.dtype), values[..., colours:]], axis=-1)


_TURNED = (5, 6)  # dcraw's words for a quarter turn

# IEC 61966-2-1 as LibRaw wants it: the power, and the slope near black.
_SRGB_CURVE = (2.4, 12.92)


# LibRaw takes the brightest value for white where it is above this part of what the sensor holds: for many cameras it knows white but
# roughly, and full pixels would be pink.
_USUAL_WHITE = 0.75


def dng(path: str, *, pixels: bool) -> Answer:
    """A DNG, developed like any raw file, with the white that it states."""
    return raw(path, pixels=pixels, white_threshold=0)


def raw(path: str, *, pixels: bool, white_threshold: float = _USUAL_WHITE) -> Answer:
    """A camera's raw file, developed by LibRaw and upright: the camera's white balance, white where the sensor is full, Display P3."""
    import rawpy

    try:
        with rawpy.imread(path) as file:
            sizes = file.sizes
            size = (sizes.iheight, sizes.iwidth) if sizes.flip in _TURNED else (sizes.iwidth, sizes.iheight)
            balanced = min(file.camera_whitebalance[:3]) > 0
            balance = "the camera's white balance" if balanced else "daylight's white balance, because it names none,"
            facts = {"mode": "RGB", "deep": True, "size": size, "bits": 16, "frames": 1}
            facts["warnings"] = [f"the raw file was developed with {balance} in Display P3"]
            if not pixels:
                return facts, {}, None
            developed = file.postprocess(
                use_camera_wb=balanced,
                no_auto_bright=True,
                adjust_maximum_thr=white_threshold,
                output_bps=16,
                output_color=rawpy.ColorSpace.P3D65,
                gamma=_SRGB_CURVE,
            )
    except (rawpy.LibRawFileUnsupportedError, rawpy.LibRawNotImplementedError, rawpy.NotSupportedError):
        version = ".".join(str(part) for part in rawpy.libraw_version)
        raise NotTaken(
            f"is a raw file of a kind that LibRaw {version} does not know", "develop it and save it as TIFF of 16 bits"
        ) from None
    if (developed.shape[1], developed.shape[0]) != size:
        raise NotTaken("is a raw file that is developed to another size than it says", "develop it and save it as TIFF of 16 bits")
    return facts, {}, developed


DECODERS: dict[str, Callable[..., Answer]] = {"bmp": bmp, "dng": dng, "heic": heic, "jxl": jxl, "raw": raw}
TIFF_DECODERS: dict[str, Callable[..., Answer]] = {"pillow": pillow, "tifffile": tifffile}


def _die_with_parent() -> None:
    """Let the system end this process when its parent dies, who alone looks at the clock. (This script imports nothing of ours.)"""
    if sys.platform == "linux":
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def main() -> int:
    """Decode the file that the arguments name."""
    decoder, path, wanted, page = sys.argv[1:]
    _die_with_parent()
    try:
        if decoder in TIFF_DECODERS:
            facts, blocks, pixels = TIFF_DECODERS[decoder](path, pixels=wanted == "pixels", page=int(page))
        else:
            facts, blocks, pixels = DECODERS[decoder](path, pixels=wanted == "pixels")
    except NotTaken as error:
        sys.stderr.write("\n".join(error.args))
        return 2
    except MemoryError:
        return 3
    except Exception as error:  # noqa: BLE001 - whatever it is, this process has no more to say
        sys.stderr.write(str(error) or type(error).__name__)
        return 1
    facts["blocks"] = {name: len(block) for name, block in blocks.items()}
    facts["pixels"] = pixels is not None
    out = sys.stdout.buffer
    out.write(json.dumps(facts).encode() + b"\n")
    for block in blocks.values():
        out.write(block)
    if pixels is not None:
        import numpy as np

        out.write(np.ascontiguousarray(pixels).data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
