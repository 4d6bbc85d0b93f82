"""JPEGs as phones write them, with more behind the picture: made here from their specifications."""

import struct
from pathlib import Path

import numpy as np
import pyvips
from small_pictures import Array, smooth, vips

VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(range(256)) * 8
HDRGM = 'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
GAIN = f'{HDRGM} hdrgm:GainMapMin="0" hdrgm:GainMapMax="2" hdrgm:HDRCapacityMin="0" hdrgm:HDRCapacityMax="2"'
APPLES = 'xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/" HDRGainMap:HDRGainMapVersion="65536"'
DEPTH = 'xmlns:depthData="http://ns.apple.com/depthData/1.0/" depthData:DepthDataVersion="125537"'
CAMERA = 'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"'
MOTION = f'{CAMERA} GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1" GCamera:MotionPhotoPresentationTimestampUs="5"'
ISO = b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4)


def xmp(attributes: str, items: dict[str, int] | None = None) -> bytes:
    """A packet with these attributes, and a directory of what lies behind the picture: name and length."""
    listed = "".join(
        f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="{name}" Item:Mime="x" Item:Length="{length}"/></rdf:li>'
        for name, length in {"Primary": 0, **(items or {})}.items()
    )
    directory = f"<Container:Directory><rdf:Seq>{listed}</rdf:Seq></Container:Directory>" if items else ""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'xmlns:Container="http://ns.google.com/photos/1.0/container/" xmlns:Item="http://ns.google.com/photos/1.0/container/item/" '
        f"{attributes}>{directory}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg(pixels: Array, packet: bytes | None = None, *more: bytes) -> bytes:
    """A JPEG with an XMP packet and more segments."""
    plain = bytes(vips(pixels).jpegsave_buffer(Q=95, keep="none"))
    told = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet) if packet is not None else b""
    return plain[:2] + told + b"".join(more) + plain[2:]


def indexed(pixels: Array, packet: bytes | None, others: dict[bytes, int], *more: bytes) -> bytes:
    """A JPEG whose index (MPF) says where others lie behind it: each with the kind that its attributes name."""

    def index(main: int, places: list[int]) -> bytes:
        entries = struct.pack("<IIIHH", 0x030000, main, 0, 0, 0)
        for (other, kind), place in zip(others.items(), places, strict=True):
            entries += struct.pack("<IIIHH", kind, len(other), place, 0, 0)
        lines = struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack("<HHII", 0xB001, 4, 1, 1 + len(others))
        lines += struct.pack("<HHII", 0xB002, 7, len(entries), 50)
        return segment(0xE2, b"MPF\0II*\0" + struct.pack("<IH", 8, 3) + lines + bytes(4) + entries)

    main = len(jpeg(pixels, packet, *more, index(0, [0] * len(others))))
    index_at = jpeg(pixels, packet, *more, index(0, [0] * len(others))).index(b"MPF\0") + 4
    places = [main - index_at + sum(map(len, list(others)[:number])) for number in range(len(others))]
    return jpeg(pixels, packet, *more, index(main, places)) + b"".join(others)


def gain_map(packet: bytes | None = None) -> bytes:
    """A gain map of 24 x 16, dark at the left and bright at the right, as a JPEG."""
    ramp = np.tile(np.linspace(0, 250, 24).astype(np.uint8), (16, 1))
    return jpeg(ramp, packet or xmp(GAIN))


def ultra_hdr(*, video: bytes = b"") -> bytes:
    map_ = gain_map()
    items = {"GainMap": len(map_)} | ({"MotionPhoto": len(video)} if video else {})
    return indexed(smooth(3), xmp(f"{HDRGM} {MOTION if video else ''}", items), {map_: 0}) + video


def saved(file: bytes, folder: Path) -> Path:
    path = folder / "phone.jpg"
    path.write_bytes(file)
    return path


def hdr(path: Path) -> pyvips.Image:
    """The picture in HDR, in light, by libultrahdr."""
    return pyvips.Image.uhdrload(str(path)).uhdr2scRGB()


def map_of(path: Path) -> Array:
    """The gain map of a file, by libultrahdr."""
    loaded: Array = pyvips.Image.jpegload_buffer(pyvips.Image.uhdrload(str(path)).get("gainmap-data")).numpy()
    return loaded
