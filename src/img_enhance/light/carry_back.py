"""What steps did to a photo shown in the standard range, carried back to its high dynamic range.

Below the knee of the tone mapping both mean the same light, and the result has that of the steps. Above it a change counts for as much more
as light was drawn down there: what is twice as bright after the steps is twice as bright in the result. So gain maps work, and this is one
that is made of the photo itself. Source: ISO 21496-1:2025, gain maps with an offset.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from img_enhance.light.colour import Floats, Pixels, srgb
from img_enhance.light.hdr import Range, range_of, screen_light, screen_values, shown
from img_enhance.metadata.colours import BT709, BT2020, DISPLAY_P3, Colours, to_xyz

# Added to both lights before one is divided by the other, so that black has a gain too, of 1. Source: that of Ultra HDR's gain maps.
_OFFSET = np.float32(1 / 64)

# Primaries that all formats of ours can say.
_USUAL = (BT709, DISPLAY_P3, BT2020)


@dataclass(frozen=True, eq=False)
class Carrying:
    """Between a photo's values and those of the result: how both become light, and matrices (3, 3) from the photo's primaries, and from
    Display P3, to the result's. `peak` is the light that was shown as white."""

    source: Range
    result: Range
    peak: float
    from_source: Floats
    from_p3: Floats


def result_colours(colours: Colours) -> Colours:
    """What a result's values stand for: what the photo's do, in the full range; primaries that not all formats can say become BT.2020's."""
    return dataclasses.replace(colours, primaries=colours.primaries if colours.primaries in _USUAL else BT2020, full=True)


def carrying(colours: Colours, peak: float, *, grey: bool) -> Carrying:
    """What carries back to a photo of such colours, shown with this peak (`hdr.brightest`)."""
    result = result_colours(colours)
    own, made = (DISPLAY_P3 if grey else each.primaries for each in (colours, result))
    to_made = np.linalg.inv(to_xyz(made))
    return Carrying(
        source=range_of(colours, grey=grey),
        result=range_of(result, grey=grey),
        peak=peak,
        from_source=(to_made @ to_xyz(own)).astype(np.float32),
        from_p3=(to_made @ to_xyz(DISPLAY_P3)).astype(np.float32),
    )


def lights(values: Pixels, both: Carrying) -> Floats:
    """Of a photo's values (..., 3) the light, and behind it that of the standard range as shown: (..., 6) in the result's primaries."""
    light = screen_light(values, both.source)
    seen = srgb().decode(shown(light, both.source, both.peak))
    return np.concatenate([light @ both.from_source.T, seen @ both.from_p3.T], axis=-1)


def carried_back(pixels: Pixels, photo: Floats, both: Carrying) -> Pixels:
    """The result's values, (..., 3) uint16, of what steps made of the shown photo, `pixels`; `photo` are the `lights` of it at that size.

    Where the steps changed nothing, the light stays as it was.
    """
    light, seen = photo[..., :3], photo[..., 3:]
    gain = (light + _OFFSET) / (seen + _OFFSET)
    made = srgb().decode(pixels) @ both.from_p3.T
    return screen_values(np.maximum(light + gain * (made - seen), 0), both.result)
