"""docs/formats.md says what is so: its tables are measured here. `python tests/golden/test_formats_page.py` writes it anew."""

import tempfile
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image
from small_pictures import Array, joined, noise, photo_of, read, smooth, vips, write
from test_metadata import IPTC, XMP, exif, seen

from img_enhance.photo import FORMATS, WRITTEN, Format, Metadata
from img_enhance.request.options import AVIF_QUALITY, JPEG_QUALITY, WEBP_QUALITY, Output

SAMPLES = Path(__file__).parents[1] / "heic"
PAGE = Path(__file__).parents[2] / "docs" / "formats.md"

WORDS = """\
# Formats

What a file is, is decided by its first bytes and not by its name. These tables are measured by `tests/golden/test_formats_page.py`,
which also writes this page.

## In

{read}

A GIF, a BMP and a HEIC become PNG, PNG and JPEG unless another format is asked for. A file cut short is refused, as is a TIFF with NaN or
infinite values, a grey TIFF in floating point, a camera's raw file and YCbCr in a TIFF outside JPEG. Of animated files and those with
several pages the first picture is taken with a warning, or refused (`--animation refuse`). A GIF whose first frame is smaller than the
picture is transparent around it.

Of a TIFF the first page that is no small version of another is the photo. Compression by zstd, LZMA and WebP and tiles in separate planes
are read in 8 bits a channel, and the whole picture then lies in memory; in 16 bits they are refused, as are JPEG 2000, LERC and JPEG XL
in a TIFF and depths such as 12 bits, by name and not as damaged. So is a PNG with a chunk that must be understood and is not, such as
Apple's CgBI.

Phones, scanners and web cameras write JPEGs with flaws that lose no pixel: wrong parameters of a scan, bytes between segments, no end
marker, an unknown version of JFIF or kind of colours. They are taken with a warning, and the pixels are those of the file without the flaw.
Where pixels are missing a file is refused; with `--salvage` what is there of a JPEG, PNG or TIFF is taken, and a warning tells how
many rows are missing. Such a photo is never copied as it is.

## Out

{written}

Quality is {jpeg} for JPEG, {webp} for WebP and {avif} for AVIF unless `--quality` says otherwise. JPEG and AVIF keep the full resolution of
colour unless `--subsampling 4:2:0` is given; WebP with loss always halves it. `--lossless` makes WebP exact and AVIF exact within a level.

## Left as it is

Where nothing is done, nothing is lost: if no step changes a value of the photo, its file is copied byte for byte, and the record says
`"copied": true`. A new file is written all the same where

- the result is to have another format than the photo's content, whatever its name says, and from GIF, BMP and HEIC, which are only read;
- `--quality`, `--lossless`, `--subsampling`, `--crop`, `--strip-gps` or `--strip` asks for something else;
- the file holds several frames or pages, of which only the first is kept;
- the file has been written to or replaced since it was read.

The file has been decoded before, so a damaged one is refused, not copied. A copy keeps all that its file has: places and names, damaged
EXIF, CMYK and linear light, stored pixels that an orientation tag turns; sizes in records are those of the photo upright. Its XMP gets no
note. Who wants it upright, in sRGB or with a note asks for a `--quality`, and who gives photos away for `--strip-gps` or `--strip`.

## Files that are replaced, pipes and devices

A file that is replaced (`--overwrite`) hands on its permissions, and its owner and group as far as the system lets them be given. Pipes and
devices are never replaced: `enhance` and `suggest` read a photo from a pipe (`<(...)`, a FIFO) and `enhance` writes to one or to a
device as they do with `-`; everything else refuses them.

## Written anew

- EXIF orientation is applied once, and its tag then says upright; in a PNG wherever it lies, before or after the pixels, in a chunk eXIf or
  in a "Raw profile type exif". An orientation in XMP alone turns nothing and stays.
- Sizes in EXIF and XMP become the new ones, the thumbnail goes. The notes of camera makers stay at their offset in JPEG, PNG, WebP and
  AVIF; a TIFF spreads EXIF over the file, so there they move.
- RGB stays in its own encoding and keeps its profile. CMYK, CIELAB and linear light are converted to sRGB, and a warning says so. A broken
  profile, or one above 4 MB, is dropped with a warning.
- Damaged EXIF and XMP are dropped with a warning, as is what the output's format cannot hold.
- The XMP of the result says what was done. `--strip-gps` leaves the place out, `--strip` everything but the colour profile.
"""


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def yes(answer: bool) -> str:
    return "yes" if answer else "-"


def same(one: Array, other: Array | None, *, within: float = 0) -> bool:
    return other is not None and one.shape == other.shape and bool(np.abs(one.astype(float) - other).max() <= within)


def out_row(entry: Format, folder: Path) -> tuple[str, ...]:
    """What a format still has of a photo that has everything, when it is read again."""

    def again(pixels: Array, metadata: Metadata | None = None, output: Output | None = None) -> tuple[Array, Metadata, bool]:
        path = write(photo_of(pixels, metadata), Path(tempfile.mkdtemp(dir=folder)) / "photo", entry.name, output)
        file, photo = read(path)
        return joined(photo), file.metadata, file.header.grey

    profile = bytes(pyvips.Image.profile_load("p3"))
    _, metadata, _ = again(smooth(3), Metadata(profile, exif(), XMP, IPTC, (300, 300)))
    deep = again(smooth(3, dtype="uint16"), output=Output(lossless=True))[0]
    bits = 8 if deep.dtype == np.uint8 else 16 if same(smooth(3, dtype="uint16"), deep) else 12
    lossless = Output(lossless=True) if entry.name in ("webp", "avif") else None
    exact = same(noise(3), again(noise(3), output=lossless)[0], within=1 if entry.name == "avif" else 0)
    return (
        entry.name,
        " ".join(entry.endings),
        f"{entry.longest_side:,}",
        str(bits),
        "one channel" if again(smooth(1))[2] else "as RGB",
        yes(again(smooth(4))[0].shape[2] == 4),
        "no" if not exact else "asked" if lossless else "always",
        yes(metadata.icc == profile),
        yes(metadata.exif is not None and bool(seen(metadata.exif).get_ifd(0x8825))),
        yes(metadata.xmp is not None and b"nobody" in metadata.xmp),
        yes(metadata.iptc is not None),
        yes(metadata.resolution is not None and round(metadata.resolution[0]) == 300),
    )


def in_row(entry: Format, folder: Path) -> tuple[str, ...]:
    """What is kept of files that others have made."""
    if entry.name == "heic":
        return heic_row(entry)
    path = folder / "source"

    def kept(pixels: Array) -> Array | None:
        try:
            if pixels.dtype == np.uint16:
                if not entry.deep:
                    return None
                vips(pixels).write_to_file(f"{path}{entry.endings[0]}", **({"bitdepth": 12} if entry.name == "avif" else {}))
            else:
                options = {"lossless": True} if entry.name == "webp" else {"quality": 100} if entry.name == "avif" else {}
                Image.fromarray(pixels).save(f"{path}{entry.endings[0]}", entry.name, **options)
        except OSError:
            return None
        return joined(read(Path(f"{path}{entry.endings[0]}"))[1])

    deep = kept(smooth(3, dtype="uint16"))
    bits = "8" if deep is None else "16" if same(smooth(3, dtype="uint16"), deep) else "10 and 12"
    grey, alpha = kept(smooth(1)), kept(smooth(4))
    profile = bytes(pyvips.Image.profile_load("p3"))
    held = Metadata()
    if entry.written_as == "":
        file = write(photo_of(smooth(3), Metadata(profile, exif(), XMP, None, (300, 300))), folder / f"held.{entry.name}", entry.name)
        held = read(file)[0].metadata
    return (
        entry.name,
        bits,
        yes(grey is not None and grey.ndim == 2),
        yes((alpha is not None and alpha.ndim == 3 and alpha.shape[2] == 4) or entry.name == "gif"),
        yes(held.icc is not None),
        yes(held.exif is not None),
        yes(held.xmp is not None),
        entry.written_as or entry.name,
    )


def heic_row(entry: Format) -> tuple[str, ...]:
    """What is kept of the HEIC samples."""
    (_, grey), (_, alpha), (_, deep), (_, phone) = (read(SAMPLES / f"{name}.heic") for name in ("grey", "alpha", "ten_bits", "phone"))
    held = phone.metadata
    return (
        entry.name,
        "8 and 10" if deep.depth == 16 and phone.depth == 8 else "8",
        yes(grey.grey),
        yes(alpha.alpha is not None),
        yes(held.icc is not None),
        yes(held.exif is not None),
        yes(held.xmp is not None),
        entry.written_as,
    )


def page() -> str:
    """The page as it should be."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out_header = (
            "format",
            "names",
            "longest side",
            "bits",
            "grey",
            "alpha",
            "lossless",
            "profile",
            "EXIF, GPS",
            "XMP",
            "IPTC",
            "resolution",
        )
        written = table(out_header, [out_row(entry, folder) for entry in WRITTEN])
        in_header = ("format", "bits", "grey", "alpha", "profile", "EXIF", "XMP", "comes out as")
        reads = table(in_header, [in_row(entry, folder) for entry in FORMATS])
    return WORDS.format(read=reads, written=written, jpeg=JPEG_QUALITY, webp=WEBP_QUALITY, avif=AVIF_QUALITY)


def test_the_page_on_formats_is_true() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
