"""docs/formats.md says what is so: its tables are measured here. `python tests/golden/test_formats_page.py` writes it anew."""

import tempfile
from pathlib import Path

import numpy as np
import pyjpegxl
import pyvips
from PIL import Image
from small_pictures import Array, joined, noise, photo_of, read, smooth, vips, write
from test_colour import PROFILES
from test_hdr import cicp_tag, with_tag
from test_metadata import IPTC, XMP, exif, seen
from test_raw import dng, flat, mosaic
from test_stated_colours import P3_POINTS, chrm, cicp, coded, gama, made, sample

from img_enhance.photo import FORMATS, WRITTEN, Format, HighRange, Metadata, Photo
from img_enhance.request.options import AVIF_QUALITY, JPEG_QUALITY, JXL_QUALITY, WEBP_QUALITY, Output

SAMPLES = Path(__file__).parents[1] / "heic"
PAGE = Path(__file__).parents[2] / "docs" / "formats.md"

WORDS = """\
# Formats

What a file is, is decided by its first bytes and not by its name. These tables are measured by `tests/golden/test_formats_page.py`,
which also writes this page.

## In

{read}

GIF and BMP become PNG, HEIC JPEG and a raw file TIFF unless another format is asked for. A file cut short is refused, as is a TIFF with
NaN or infinite values, one of 64 bits a channel and a grey one in floating point without a profile. Of animated files and those
with several pages the first picture is taken with a warning, or refused (`--animation refuse`), whatever is wrong with later frames of a
GIF. A GIF whose first frame is smaller than the picture is transparent around it. Sequences in AVIF without a still picture are refused.

Of a TIFF the first page that is no small version of another is the photo. Compression by zstd and LZMA, tiles in separate planes and
compressed YCbCr are read in 8 bits a channel. In 16 bits, and in depths between, and compressed by JPEG 2000, LERC, PNG, JPEG XR, WebP
or JPEG XL, they take the extra `img-enhance[tiff]`. The whole picture then lies in memory. What is left is refused by name and not as
damaged: JPEGs of 12 bits, YCbCr without compression, BMPs of unusual layouts and those compressed by RLE4 where Pillow is older than 13,
which reads them wrongly, and a PNG with a chunk that must be understood and is not, such as Apple's CgBI.

Phones, scanners and web cameras write JPEGs with flaws that lose no pixel: wrong parameters of a scan, bytes between segments, no end
marker, an unknown version of JFIF or kind of colours, stray bytes before restart markers. They are taken with a warning, and the pixels are
those of the file without the flaw. Bytes before a restart marker are stray if they are no pixels: where bits were turned, what is left over
is mostly such as would be more of them, and the file is refused.
Where pixels are missing a file is refused; with `--salvage` what is there of a JPEG, PNG or TIFF is taken, and a warning tells how
many rows are missing. Such a photo is never copied as it is.

JPEG XL needs the extra `img-enhance[jxl]`. Floating-point values are brought to 16 bits with a warning; animations are
refused. Its metadata is written in plain boxes, grey with transparency as RGB. With loss a profile may come back as another that means
the same, without loss it comes back to the byte.

A camera's raw file (DNG, CR2, CR3, NEF, ARW, RAF, ORF, RW2) needs the extra `img-enhance[raw]`. LibRaw develops it to 16 bits in
Display P3, upright, with the camera's white balance and without changing its exposure, and a warning says so. A DNG's white is the one it
states; for other kinds LibRaw takes the brightest value above three quarters. EXIF is kept where the file is built as a TIFF (DNG, CR2,
NEF, ARW), and left out with a warning where it is not. This has been tested on DNGs of our own (Bayer, 12 and 14 bits); cameras' own
files are untried, of every kind.

Decoders other than libvips' own run in a process of their own (HEIC, JPEG XL, raw, BMP, kinds of TIFF), so that a file that crashes one
is a damaged file.

## Compared with other decoders

`python bench/formats_compare.py FOLDER` reads every file of a folder with us, Pillow 12.3 and OpenImageIO 3.2, each file in a process of
its own, and compares pixels in 8 bits. Test files of others, 2026-11-28; what is no format of ours is not counted.

| files of | equal | close | differs | only we read it | refused | refused, others read it | crash |
| --- | --- | --- | --- | --- | --- | --- | --- |
| Pillow | 665 | 9 | 12 | 2 | 18 | 32 | 0 |
| libvips | 47 | 1 | 0 | 0 | 2 | 2 | 0 |
| exif-samples | 95 | 0 | 0 | 5 | 0 | 1 | 0 |
| libavif | 56 | 13 | 25 | 7 | 1 | 2 | 0 |
| libheif | 6 | 0 | 2 | 8 | 204 | 0 | 0 |
| image-rs | 277 | 0 | 23 | 0 | 13 | 18 | 0 |

`python bench/spoiled.py` reads 3,000 small files of every format that a seed has spoiled: each must end as a photo or in words, and
leave nothing behind.

Equal is within 2 levels, close within 1 in the mean: colour of half the size is spread in more ways than one. What differs was converted
with a warning (PQ, linear light, CMYK, floats), is a GIF's first frame, transparent around it, or such colour on very small pictures.
libheif's refused files are fuzzed ones and pictures in no HEVC; those of image-rs and Pillow that others read are BMPs of unusual layouts,
RLE4, signed TIFFs and damaged files. Where Pillow itself differs in its own TIFFs with premultiplied transparency, it divides in 8 bits.

## Out

{written}

Quality is {jpeg} for JPEG, {webp} for WebP, {avif} for AVIF and {jxl} for JPEG XL unless `--quality` says
otherwise, or `--max-bytes`, which lowers it until the file is small enough. JPEG and AVIF keep
the full resolution of colour unless `--subsampling 4:2:0` is given; WebP with loss always halves it. `--lossless` makes WebP and JPEG XL
exact and AVIF exact within a level.

## Left as it is

Where nothing is done, nothing is lost: if no step changes a value of the photo, its file is copied byte for byte, and the record says
`"copied": true`. A new file is written all the same where

- the result is to have another format than the photo's content, whatever its name says, and from GIF, BMP, HEIC and raw, which are only
  read;
- `--quality`, `--lossless`, `--subsampling`, `--crop`, `--strip-gps` or `--strip` asks for something else, or `--max-bytes` for a smaller
  file, `--motion drop` for one without its video, or `--dynamic-range sdr` for one without its high dynamic range;
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
- The sizes and offsets of a panorama in XMP (GPano) follow the picture, and say what `--crop` took of it. Where it is equirectangular and
  shows all directions, networks, CLAHE and local exposure see its right edge beside its left one, so that they fit.
- The gain map of an HDR JPEG (Ultra HDR, Apple's, ISO 21496-1) is brought to the new size and part and lies behind a JPEG again; where
  tones were changed it is left out, and a warning says so. The video of a motion photo follows byte for byte; `--motion drop`,
  `--strip-gps` (it may say where it was taken) and `--strip` leave it out. What XMP says of both is brought up to date. Other formats hold
  neither. Depth maps, portrait mattes and other pictures in a JPEG are left out, as are these, gain maps and videos in HEIC and AVIF, and
  a warning says so.
- RGB and grey stay in their own encoding and keep their profile; where a format holds grey as RGB, that becomes one of RGB with the same
  curve. CMYK, CIELAB and linear light are converted to sRGB, and a warning says so. A broken
  profile, or one above 4 MB, is dropped with a warning.
- Of a TIFF's channels beside its colours only what it calls transparency is kept; others are left out with a warning. Its floating-point
  values become 16 bits and mean what its profile says; without one they are linear light.
- Colours that a file says in numbers get the profile that these mean: in a PNG the first that is there of cICP, iCCP, sRGB, and gAMA with
  cHRM; in AVIF and HEIC a profile goes before nclx. Numbers that mean nothing are left out with a warning.
- High dynamic range (next section) is kept in PNG, AVIF and JPEG XL and tone-mapped for other formats, and both are said.
- Damaged EXIF and XMP are dropped with a warning, as is what the output's format cannot hold.
- The XMP of the result says what was done. `--strip-gps` leaves the place out, in coordinates and in words (of IPTC then
  nothing else stays of Photoshop's block, and nothing at all where it cannot be read); titles, captions and keywords stay as they are.
  `--strip` leaves out everything but the colour profile.

## High dynamic range

A photo is of high dynamic range where its cICP, its nclx or the cicp tag of its profile says PQ or HLG (ITU-R BT.2100). Steps and networks
never see such values: they see the photo tone-mapped to the standard range, in Display P3 of 16 bits, by the EETF of ITU-R BT.2390 on the
largest channel. Light below the curve's knee stays, 203 cd/m2 looks white, the photo's brightest value (1000 cd/m2 at most) ends as white.

- A result in PNG, AVIF or JPEG XL stays of high dynamic range, in the photo's own curve and primaries (BT.2020's where they are none of
  BT.709, Display P3 and BT.2020): a PNG of 16 bits with cICP; an AVIF with nclx, of 10 bits where the photo's file has no more, else of 12;
  a JPEG XL whose codestream says it. No profile is written. The largest light that a file states for films (cLLI, mDCV and their like) is
  left out, and a warning says so.
- What steps did is carried back. Below the knee the result has the light that they made. Above it their change counts for as much more as
  light was drawn down there, pixel by pixel: the photo's light plus its gain (light over light as shown, with an offset of 1/64) times the
  change. For another size the photo's light and that as shown are brought to it by a triangle in linear light, so the gain is never
  more than it was in the photo. Where no step changed anything the values stay.
- What is brighter than steps see as white, above 1000 cd/m2, is enlarged by straight lines: a network has seen no detail there. What
  networks do to even white they do here too (realesr-animevideov3 makes 203 cd/m2 5 per cent brighter, realesrgan-x4plus 2 per cent).
- Other formats get the picture that steps saw, and a warning says so. So does `--dynamic-range sdr` in every format, and with
  `--dynamic-range hdr` they are refused. The photo of a `Result` in Python and before/after sheets show that picture too.
- The photo's file is read once more when the steps are done, and must be there still.
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
    lossless = Output(lossless=True) if entry.name in ("webp", "avif", "jxl") else None
    _, metadata, _ = again(smooth(3), Metadata(profile, exif(), XMP, IPTC, (300, 300)), lossless)
    deep = again(smooth(3, dtype="uint16"), output=Output(lossless=True))[0]
    bits = 8 if deep.dtype == np.uint8 else 16 if same(smooth(3, dtype="uint16"), deep) else 12
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
        written_in_high_range(entry, folder),
    )


def written_in_high_range(entry: Format, folder: Path) -> str:
    """Whether a photo's high dynamic range is there when it is read again."""
    values = smooth(3, dtype="uint16")
    photo = Photo(values, high_range=HighRange(values, 9, 16, 16))
    return yes(read(write(photo, Path(tempfile.mkdtemp(dir=folder)) / "photo", entry.name))[0].high_range is not None)


def in_row(entry: Format, folder: Path) -> tuple[str, ...]:
    """What is kept of files that others have made."""
    if entry.name == "heic":
        return heic_row(entry, folder)
    if entry.name == "raw":
        return raw_row(entry, folder)
    path = folder / "source"

    def kept(pixels: Array) -> Array | None:
        if entry.name == "jxl":
            source = Path(f"{path}.jxl")
            source.write_bytes(pyjpegxl.encode_from_numpy(pixels, lossless=True))
            return joined(read(source)[1])
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
        colours_in_numbers(entry, folder),
        hdr(entry, folder),
        entry.written_as or entry.name,
    )


def colours_in_numbers(entry: Format, folder: Path) -> str:
    """The ways of saying Display P3 or a gamma without a profile that come out with one."""
    path = folder / "numbers"
    if entry.name in ("avif", "heic"):
        source = sample(entry.endings[0], folder)
        return "nclx" if read(coded(path, source, 12, 13))[1].metadata.icc is not None else "-"
    chunks = {"cICP": cicp(12, 13), "gAMA": gama(1 / 1.8), "cHRM": chrm(P3_POINTS)} if entry.name == "png" else {}
    return ", ".join(name for name, chunk in chunks.items() if read(made(path, chunk))[1].metadata.icc is not None) or "-"


def hdr(entry: Format, folder: Path) -> str:
    """Whether PQ is understood that is said by a profile, or by nclx or the codestream where we can write no profile."""
    path = folder / "hdr"
    if entry.name == "heic":
        coded(path, sample(entry.endings[0], folder), 9, 16)
    elif entry.name == "jxl":
        return written_in_high_range(entry, folder)
    else:
        Image.fromarray(smooth(3)).save(path, entry.name, icc_profile=with_tag(PROFILES["Display P3"][0], b"cicp", cicp_tag(9, 16)))
    return yes(read(path)[0].high_range is not None)


def heic_row(entry: Format, folder: Path) -> tuple[str, ...]:
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
        colours_in_numbers(entry, folder),
        hdr(entry, folder),
        entry.written_as,
    )


def raw_row(entry: Format, folder: Path) -> tuple[str, ...]:
    """What is kept of a DNG."""
    file, photo = read(dng(folder / "photo.dng", mosaic(flat(0.4, 0.4, 0.4))))
    held = file.metadata
    kept = (yes(photo.grey), yes(photo.alpha is not None), yes(held.icc is not None), yes(held.exif is not None), yes(held.xmp is not None))
    return (entry.name, str(photo.depth), *kept, "-", "-", entry.written_as)


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
            "HDR",
        )
        written = table(out_header, [out_row(entry, folder) for entry in WRITTEN])
        in_header = ("format", "bits", "grey", "alpha", "profile", "EXIF", "XMP", "colours in numbers", "HDR", "comes out as")
        reads = table(in_header, [in_row(entry, folder) for entry in FORMATS])
    return WORDS.format(read=reads, written=written, jpeg=JPEG_QUALITY, webp=WEBP_QUALITY, avif=AVIF_QUALITY, jxl=JXL_QUALITY)


def test_the_page_on_formats_is_true() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
