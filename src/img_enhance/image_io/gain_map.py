"""The gain map of a picture that phones show in HDR, brought to where the picture is now."""

from math import sqrt

import numpy as np
import pyvips

from img_enhance.cancelling import Tick
from img_enhance.geometry import Box, Framing, Size
from img_enhance.image_io.strips import image_of, resample
from img_enhance.image_io.turned import upright
from img_enhance.machine.canvas import Pixels
from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.attached import APP1, APP2, ISO_START, XMP_START, segment, segments
from img_enhance.photo import GainMap

# A larger map shows nothing more: phones' own have a sixteenth of the picture's pixels, or as many.
_MOST_PIXELS = 16_000_000
_MOST_READ_PIXELS = 64_000_000
_QUALITY = 95
_KEPT = ((APP1, XMP_START), (APP2, ISO_START), (APP2, b"ICC_PROFILE\0"))


def check_gain_map(jpeg: bytes) -> None:
    """Pass if a gain map can be decoded.

    Raises: BrokenMetadata.
    """
    try:
        image = pyvips.Image.jpegload_buffer(jpeg, fail_on="error")
        if image.bands not in (1, 3) or image.width * image.height > _MOST_READ_PIXELS:
            raise BrokenMetadata(f"it has {image.bands} channels and is {image.width}x{image.height}")
        image.avg()
    except pyvips.Error:
        raise BrokenMetadata("it is no JPEG that can be decoded") from None


def framed_gain_map(gain_map: GainMap, framing: Framing, tick: Tick) -> bytes:
    """The gain map as a JPEG for a picture that was turned upright and then framed so; the same pixels where that changes nothing."""
    if gain_map.orientation == 1 and framing.part == framing.result.box == framing.size.box:
        return _alone(gain_map.jpeg)
    pixels = upright(pyvips.Image.jpegload_buffer(gain_map.jpeg).numpy(), gain_map.orientation)
    size, part = _placed(Size(pixels.shape[1], pixels.shape[0]), framing)
    canvas: Pixels = np.empty((part.size.height, part.size.width, *pixels.shape[2:]), np.uint8)
    resample(pixels, canvas, tick, size=size, part=part)
    written = image_of(canvas).jpegsave_buffer(Q=_QUALITY, subsample_mode="off", keep="none")
    found = ((marker, gain_map.jpeg[at:end]) for marker, at, end in segments(gain_map.jpeg))
    kept = b"".join(segment(marker, data) for marker, data in found if _is_kept(marker, data))
    return bytes(written[:2]) + kept + bytes(written[2:])


def _alone(jpeg: bytes) -> bytes:
    """The map byte for byte, without what else its segments hold: EXIF with a place, an index of another file."""
    found = list(segments(jpeg))
    kept = (jpeg[at - 4 : end] for marker, at, end in found[:-1] if marker not in (APP1, APP2) or _is_kept(marker, jpeg[at:end]))
    return jpeg[:2] + b"".join(kept) + jpeg[found[-1][1] - 4 :]


def _placed(own: Size, framing: Framing) -> tuple[Size, Box]:
    """The size of the whole map, and its part: enlarged like the picture; where only a part is wanted, as large as the picture."""
    result = framing.result
    if framing.part != result.box:
        return result, framing.part
    across, down = result.width / framing.size.width, result.height / framing.size.height
    most = min(1.0, sqrt(_MOST_PIXELS / (own.pixels * across * down)))
    size = Size(max(1, round(own.width * across * most)), max(1, round(own.height * down * most)))
    return size, size.box


def _is_kept(marker: int, data: bytes) -> bool:
    return any(marker == kept and data.startswith(start) for kept, start in _KEPT)
