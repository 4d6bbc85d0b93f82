"""EXIF as cameras write it, and as somebody who means harm might; built here from scratch, not with the code under test."""

import struct
from collections.abc import Iterator

Entry = tuple[int, int, int, bytes]

NOTE = bytes(range(256)) + b"MakerNote with offsets into the whole"
THUMBNAIL = b"\xff\xd8" + b"thumbnail" * 40 + b"\xff\xd9"
LATITUDE = (48, 8, 15)
AREA = b"ASCII\0\0\0Secret Street 7"


def short(order: str, tag: int, *numbers: int) -> Entry:
    return tag, 3, len(numbers), struct.pack(f"{order}{len(numbers)}H", *numbers)


def long(order: str, tag: int, *numbers: int) -> Entry:
    return tag, 4, len(numbers), struct.pack(f"{order}{len(numbers)}I", *numbers)


def rational(order: str, tag: int, *numbers: int) -> Entry:
    return tag, 5, len(numbers), b"".join(struct.pack(order + "II", number, 1) for number in numbers)


def text(tag: int, words: bytes) -> Entry:
    return tag, 2, len(words) + 1, words + b"\0"


def raw(tag: int, data: bytes) -> Entry:
    return tag, 7, len(data), data


def directory(order: str, at: int, entries: list[Entry], next_at: int = 0) -> bytes:
    """A directory that lies at `at`, with its values behind it."""
    lines, values = b"", b""
    values_at = at + 2 + 12 * len(entries) + 4
    for tag, kind, count, data in sorted(entries):
        place = data.ljust(4, b"\0")
        if len(data) > 4:
            place = struct.pack(order + "I", values_at + len(values))
            values += data + b"\0" * (len(data) % 2)
        lines += struct.pack(order + "HHI", tag, kind, count) + place
    return struct.pack(order + "H", len(entries)) + lines + struct.pack(order + "I", next_at) + values


def camera(
    order: str = "<",
    *,
    gps: bool = True,
    thumbnail: bool = True,
    resolution: bool = True,
    prefix: bool = True,
    size_type: int = 3,
    tail: bytes = b"",
) -> bytes:
    """What a camera that was held upright writes for a photo of 4000 times 3000."""
    sized = short if size_type == 3 else long
    gps_entries = [text(1, b"N"), rational(order, 2, *LATITUDE), raw(0x1C, AREA)]
    interop_entries = [text(1, b"R98")]
    ifd1_entries = [short(order, 0x103, 6), long(order, 0x201, 0), long(order, 0x202, len(THUMBNAIL))]

    def ifd0(exif_at: int, gps_at: int) -> list[Entry]:
        entries = [text(0x10F, b"ACME Cameras"), sized(order, 0x100, 4000), sized(order, 0x101, 3000), short(order, 0x112, 6)]
        if resolution:
            entries += [rational(order, 0x11A, 300), rational(order, 0x11B, 300), short(order, 0x128, 2)]
        entries += [long(order, 0x8769, exif_at)] + ([long(order, 0x8825, gps_at)] if gps else [])
        return entries

    def exif(interop_at: int) -> list[Entry]:
        sizes = [sized(order, 0xA002, 4000), sized(order, 0xA003, 3000)]
        return [raw(0x9000, b"0232"), raw(0x927C, NOTE), *sizes, long(order, 0xA005, interop_at), text(0xA434, b"50mm F1.8")]

    exif_at = 8 + len(directory(order, 8, ifd0(0, 0)))
    interop_at = exif_at + len(directory(order, 0, exif(0)))
    gps_at = interop_at + len(directory(order, 0, interop_entries))
    ifd1_at = gps_at + (len(directory(order, 0, gps_entries)) if gps else 0)
    picture_at = ifd1_at + len(directory(order, 0, ifd1_entries))
    ifd1_entries[1] = long(order, 0x201, picture_at)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    whole = mark + struct.pack(order + "I", 8) + directory(order, 8, ifd0(exif_at, gps_at), ifd1_at if thumbnail else 0)
    whole += directory(order, exif_at, exif(interop_at)) + directory(order, interop_at, interop_entries)
    whole += directory(order, gps_at, gps_entries) if gps else b""
    whole += directory(order, ifd1_at, ifd1_entries) + THUMBNAIL if thumbnail else b""
    return (b"Exif\0\0" if prefix else b"") + whole + tail


def states_gps(blob: bytes) -> bool:
    """Whether IFD0 or the Exif directory have an entry for GPS data; read here from scratch, forgiving what is cut off."""
    tiff = blob.removeprefix(b"Exif\0\0")
    order = "<" if tiff.startswith(b"II") else ">"

    def entries(at: int) -> dict[int, int]:
        (count,) = struct.unpack_from(order + "H", tiff, at) if at + 2 <= len(tiff) else (0,)
        lines = range(at + 2, min(at + 2 + 12 * count, len(tiff) - 11), 12)
        return dict(struct.unpack_from(order + "H6xI", tiff, line) for line in lines)

    (first,) = struct.unpack_from(order + "I", tiff, 4)
    ifd0 = entries(first)
    return 0x8825 in ifd0 or (0x8769 in ifd0 and 0x8825 in entries(ifd0[0x8769]))


def hostile() -> Iterator[bytes]:
    """Blobs with one thing wrong: cut anywhere, or any four bytes forged."""
    for order in "<>":
        good = camera(order)
        for end in range(len(good)):
            yield good[:end]
        for at in range(6, len(good) - 4, 2):
            for forged in (b"\xff\xff\xff\xff", struct.pack(order + "I", 8), struct.pack(order + "I", len(good)), b"\0\0\0\0"):
                yield good[:at] + forged + good[at + 4 :]


def everything_here(order: str = "<", *, entries: int = 60_000, data: int = 1 << 20) -> bytes:
    """A directory whose every entry claims the whole blob, and whose successor is itself."""
    line = struct.pack(order + "HHII", 0x927C, 7, 0xFFFFFFFF, 0)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    body = struct.pack(order + "H", entries) + line * entries + struct.pack(order + "I", 8)
    return b"Exif\0\0" + mark + struct.pack(order + "I", 8) + body + bytes(data)


def many_strips(order: str = "<", *, count: int = 3_500_000) -> bytes:
    """A thumbnail in millions of strips."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    lines = b"".join(struct.pack(order + "HHII", tag, 4, count, 100) for tag in (0x111, 0x117))
    whole = mark + struct.pack(order + "IHIH", 8, 0, 14, 2) + lines
    return whole.ljust(100, b"\0") + struct.pack(order + "I", 7) * count


def many_large(order: str = "<", *, tag: int = 0x8825) -> bytes:
    """A thousand pointers to directories of a thousand entries that each claim the whole blob, in 14 MB."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    places = [16_000 + number * 13_000 for number in range(1000)]
    ifd0 = b"".join(struct.pack(order + "HHII", tag, 4, 1, place) for place in places)
    whole = bytearray(mark + struct.pack(order + "IH", 8, 1000) + ifd0 + struct.pack(order + "I", places[0]))
    lines = struct.pack(order + "HHII", 2, 1, 0xFFFFFFFF, 0) * 1000
    for number, place in enumerate(places):
        whole = whole.ljust(place, b"\0")
        whole += struct.pack(order + "H", 1000) + lines + struct.pack(order + "I", places[(number + 1) % 1000])
    return bytes(whole)
