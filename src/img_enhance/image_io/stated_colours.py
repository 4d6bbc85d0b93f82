"""What a file's values stand for: its profile, or the one that its numbers mean."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.colours import SRGB, Colours
from img_enhance.metadata.heif import read_nclx
from img_enhance.metadata.icc import fitted_profile, profile_colours
from img_enhance.metadata.jpeg_profile import read_jpeg_profile
from img_enhance.metadata.made_profile import colours_profile
from img_enhance.metadata.png_colours import read_png_colours


@dataclass(frozen=True)
class StatedColours:
    """A photo's profile, None for sRGB; `hdr` and no profile where its values are of high dynamic range. `narrow` values run as in video.

    `warning` is what could not be understood, else "".
    """

    profile: bytes | None
    hdr: Colours | None = None
    narrow: bool = False
    warning: str = ""


def stated_colours(path: Path, name: str, embedded: bytes | None, *, grey: bool) -> StatedColours:
    """What the file at `path`, of the format `name` and with the profile `embedded`, says of its values.

    In a PNG the first counts that is there of cICP, iCCP, sRGB, and gAMA with cHRM (PNG, third edition, section 4.3). In AVIF and HEIC a
    profile goes before numbers, unless they say high dynamic range, which few profiles can.
    """
    try:
        if name == "jpeg":  # libvips joins whatever pieces there are
            embedded = read_jpeg_profile(path) or embedded
    except BrokenMetadata as error:
        return StatedColours(None, warning=f"its colour profile was dropped: {error}")
    embedded = None if embedded is None else fitted_profile(embedded)
    try:
        colours = _READERS[name](path) if name in _READERS else None
        if embedded is not None and (colours is None or not (colours.hdr or name == "png")):
            carried = profile_colours(embedded)
            if carried is None or not carried.hdr:
                return StatedColours(embedded, narrow=colours is not None and not colours.full)
            colours = carried
        return _stated(colours, embedded, grey=grey)
    except BrokenMetadata as error:
        return StatedColours(embedded, warning=f"what it says of its colours was left out: {error}")


_READERS: dict[str, Callable[[Path], Colours | None]] = {"png": read_png_colours, "avif": read_nclx, "heic": read_nclx}


def _stated(colours: Colours | None, embedded: bytes | None, *, grey: bool) -> StatedColours:
    if colours is None:
        return StatedColours(embedded)
    if colours.hdr:
        return StatedColours(None, hdr=colours, narrow=not colours.full)
    plain = (colours.primaries, colours.curve) == (SRGB.primaries, SRGB.curve)
    return StatedColours(None if plain else colours_profile(colours, grey=grey), narrow=not colours.full)
