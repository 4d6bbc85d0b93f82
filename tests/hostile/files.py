"""Files made to harm, small and the same every time: bombs, cuts, flips, and things that are not what they say."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pyvips
from PIL import Image

SIDE = 70_000


def picture(*, height: int = 40, width: int = 56) -> Any:
    """A picture with content everywhere, so that a missing part shows."""
    return np.random.default_rng(7).integers(40, 256, (height, width, 3), np.uint8)


def _saved(format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture()).save(file, format, **options)
    return file.getvalue()


def valid() -> dict[str, bytes]:
    """A small good file of every kind of coding."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    deep = pyvips.Image.new_from_array(picture().astype(np.uint16) * 257).copy(interpretation="rgb16")
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
    return {
        "jpeg": _saved("JPEG", exif=exif, xmp=xmp, dpi=(300, 300)),
        "progressive jpeg": _saved("JPEG", progressive=True),
        "png": _saved("PNG", exif=exif),
        "interlaced png": deep.pngsave_buffer(interlace=True),
        "webp": _saved("WEBP", exif=exif, xmp=xmp),
        "lossless webp": _saved("WEBP", lossless=True),
        "tiff": _saved("TIFF", exif=exif),
        "deflate tiff": _saved("TIFF", compression="tiff_deflate"),
        "lzw tiff": _saved("TIFF", compression="tiff_lzw"),
        "avif": _saved("AVIF", exif=exif),
        "gif": _saved("GIF"),
        "bmp": _saved("BMP"),
    }


# What carries checksums, or is compressed so that a cut cannot go unseen; the end of a file may hold no pixels.
def cuts(name: str, data: bytes) -> list[int]:
    """Lengths to which a file is cut so that pixels are missing."""
    tail = {"gif": 2, "png": 16, "interlaced png": 16}.get(name, 1)
    ends = [
        len(data) - tail - 12,
        len(data) * 9 // 10,
        len(data) * 3 // 4,
        len(data) // 2,
        len(data) // 4,
        len(data) // 10,
        64,
        30,
        12,
        3,
        1,
    ]
    return sorted({end for end in ends if end > 0})


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def after_png_header(data: bytes, chunks: bytes) -> bytes:
    return data[:33] + chunks + data[33:]


def bombs() -> dict[str, bytes]:
    """Headers that promise SIDE x SIDE pixels, or as many as the format can state, over little data."""
    good = valid()
    png_header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    png = (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", png_header) + png_chunk(b"IDAT", zlib.compress(bytes(100_000))) + png_chunk(b"IEND", b"")
    )
    jpeg = bytearray(good["jpeg"])
    at = jpeg.find(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
    gif = bytearray(good["gif"])
    gif[6:10] = struct.pack("<HH", 65_000, 65_000)
    descriptor = gif.find(b",", 13 + 3 * 256)
    gif[descriptor + 5 : descriptor + 9] = struct.pack("<HH", 65_000, 65_000)
    bmp = bytearray(good["bmp"])
    bmp[18:26] = struct.pack("<ii", SIDE, SIDE)
    webp = bytearray(good["lossless webp"])
    at = webp.find(b"VP8L") + 9
    webp[at : at + 4] = struct.pack("<I", 0x3FFF | 0x3FFF << 14)
    avif = bytearray(good["avif"])
    at = avif.find(b"ispe") + 8
    avif[at : at + 8] = struct.pack(">II", SIDE, SIDE)
    tiff = bytearray(good["deflate tiff"])
    first = struct.unpack_from("<I", tiff, 4)[0]
    for number in range(struct.unpack_from("<H", tiff, first)[0]):
        place = first + 2 + 12 * number
        if struct.unpack_from("<H", tiff, place)[0] in (256, 257):
            tiff[place : place + 12] = struct.pack("<HHII", struct.unpack_from("<H", tiff, place)[0], 4, 1, SIDE)
    bombs = {"png": png, "jpeg": bytes(jpeg), "gif": bytes(gif), "bmp": bytes(bmp), "webp": bytes(webp), "avif": bytes(avif)}
    return bombs | {"tiff": bytes(tiff), "bmp upside down": bytes(bmp[:22] + struct.pack("<i", -SIDE) + bmp[26:])}


def scans(count: int = 1000) -> bytes:
    """A progressive JPEG whose last scan comes again and again: small to store, long to decode."""
    data = _saved("JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def many_frames(count: int = 3000) -> bytes:
    """A GIF of many tiny frames."""
    file = io.BytesIO()
    first = Image.new("P", (4, 4))
    first.save(file, "GIF", save_all=True, append_images=[Image.new("P", (4, 4), number % 2 + 1) for number in range(count - 1)])
    return file.getvalue()


def looping_tiff() -> bytes:
    """A TIFF whose next directory is its first one."""
    data = bytearray(_saved("TIFF"))
    first = struct.unpack_from("<I", data, 4)[0]
    entries = struct.unpack_from("<H", data, first)[0]
    data[first + 2 + 12 * entries : first + 6 + 12 * entries] = struct.pack("<I", first)
    return bytes(data)


def many_directories(count: int = 3000) -> bytes:
    """A TIFF with a long chain of directories over the same pixels."""
    data = bytearray(_saved("TIFF"))
    first = struct.unpack_from("<I", data, 4)[0]
    entries = struct.unpack_from("<H", data, first)[0]
    size = 2 + 12 * entries + 4
    body = bytes(data[first : first + size - 4])
    data += b"\0" * (len(data) % 2)
    data[first + size - 4 : first + size] = struct.pack("<I", len(data))
    for number in range(count):
        last = number == count - 1
        data += body + struct.pack("<I", 0 if last else len(data) + size)
    return bytes(data)


def text_bomb(kind: bytes = b"zTXt") -> bytes:
    """A PNG with texts that unpack to 40 MB each."""
    body = b"Comment\0\0" + zlib.compress(bytes(40_000_000), 9)
    xmp = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(40_000_000), 9)
    return after_png_header(_saved("PNG"), png_chunk(kind, body) * 3 + png_chunk(b"iTXt", xmp))


def profile_bomb() -> bytes:
    """A PNG whose colour profile unpacks to 40 MB."""
    return after_png_header(_saved("PNG"), png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(40_000_000), 9)))


def huge_profile() -> bytes:
    """A TIFF with a colour profile of 5 MB."""
    return _saved("TIFF", icc_profile=bytes(5_000_000))


# What takes long to read, or to make.
COSTLY: dict[str, Callable[[], bytes]] = {
    "scans": scans,
    "frames": many_frames,
    "loop": looping_tiff,
    "directories": many_directories,
    "texts": text_bomb,
    "profile bomb": profile_bomb,
    "huge profile": huge_profile,
}


def polyglots() -> dict[str, bytes]:
    """One kind of file with another behind it, or in front."""
    good = valid()
    return {
        "png then zip": good["png"] + b"PK\3\4" + bytes(100),
        "jpeg then html": good["jpeg"] + b"<script>alert(1)</script>",
        "gif as script": b"GIF89a=1;/*" + bytes(200),
        "html": b"<html><img src=x></html>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "pdf": b"%PDF-1.7\n%%EOF",
        "zeros": bytes(1000),
        "one byte": b"\xff",
        "bm": b"BM",
        "riff": b"RIFF\xff\xff\xff\xffWEBP",
        "ftyp": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50),
        "ftyp avif": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + bytes(50),
        "short tiff": b"II*\0\x08\0\0\0\xff\xff",
        "directory far away": b"II*\0\xf0\xff\xff\xff" + bytes(30),
    }


def flipped(data: bytes, *, count: int, seed: int) -> bytes:
    """`data` with some bits turned over."""
    random = np.random.default_rng(seed)
    body = bytearray(data)
    for place in random.integers(0, len(data) * 8, count):
        body[place // 8] ^= 1 << (int(place) % 8)
    return bytes(body)
