"""What a part of a photo looks like on an sRGB screen, at any size; only as much as is shown is held in memory."""

import dataclasses
import io
import math
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from img_enhance.geometry import Box, Size
from img_enhance.machine.canvas import Pixels
from img_enhance.metadata.icc import profile_problem
from img_enhance.photo import Photo

# Left, top, right and bottom in pixels, which may lie between two of them.
Part = tuple[float, float, float, float]

# Transparent parts are laid on these two greys, in squares of so many pixels of the sheet.
CHECKERBOARD = (255, 226)
CHECKER_SIDE = 12

# A profile that moves no colour of a coarse grid further than this (of 255) is sRGB under another name, and pixels stay as they are.
# Measured in 2026-11: 1 for the profiles of littlecms and libvips; 15 or more for Adobe RGB, Display P3 and a plain gamma of 2.2.
_SAME_COLOUR_WITHIN = 1
_GRID = 17

_STRIP_PIXELS = 1 << 21
PREVIEW_PIXELS = 4_000_000  # a photo is shown whole with a twentieth of them
_REACH = 8  # pixels around a part that the filters may look at, after whole factors are taken out


def view(photo: Photo, part: Part, size: Size) -> Pixels:
    """`part` of the photo at `size` in sRGB, (height, width, 3) uint8, with transparency laid on a checkerboard.

    A part of whole pixels at its own size is not resampled: an opaque 8-bit sRGB photo comes back bit for bit. Others are averaged by
    whole factors and then reduced by Lanczos, or enlarged by a bicubic, in the photo's own encoding. Colours outside sRGB are clipped.
    """
    return on_checkerboard(_resampled(photo, part, size), photo)


def preview(photo: Photo) -> Photo:
    """The photo with 8 bits a channel, averaged by a whole factor where it has many pixels, so that its file is read once only."""
    factor = math.ceil(math.sqrt(photo.size.pixels / PREVIEW_PIXELS))
    if factor < 2:
        return photo
    picture = np.asarray(_reduced(photo, photo.size.box, (min(factor, photo.size.width), min(factor, photo.size.height))))
    return dataclasses.replace(photo, pixels=picture[..., :3], alpha=None if photo.alpha is None else picture[..., 3])


def on_checkerboard(picture: Image.Image, photo: Photo) -> Pixels:
    """A picture made of the photo's pixels ("RGB" or "RGBA") in sRGB, (H, W, 3) uint8, laid on a checkerboard."""
    shown = in_srgb(picture.convert("RGB"), photo)
    if picture.mode == "RGBA":
        shown = Image.composite(shown, _checkerboard(Size(*picture.size)), picture.getchannel("A"))
    return np.asarray(shown)


def in_srgb(picture: Image.Image, photo: Photo) -> Image.Image:
    """An "RGB" picture in the photo's encoding as sRGB, by relative colorimetric intent; unchanged where the photo is sRGB already."""
    transform = transform_of(photo)
    return picture if transform is None else _applied(transform, picture, photo.grey)


def transform_of(photo: Photo) -> ImageCms.ImageCmsTransform | None:
    """From the photo's encoding to sRGB; None for a photo in sRGB, one without a profile, and one whose profile cannot be used."""
    return None if photo.metadata.icc is None else _transform(photo.metadata.icc, photo.grey)


@lru_cache(maxsize=4)  # a profile with tables takes littlecms 0.1 s, and photos of a folder have few
def _transform(icc: bytes, grey: bool) -> ImageCms.ImageCmsTransform | None:
    if profile_problem(icc, channels=1 if grey else 3) is not None:
        return None
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(icc)),
        ImageCms.createProfile("sRGB"),
        "L" if grey else "RGB",
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    grid = _greys() if grey else _colours()
    moved = np.asarray(_applied(transform, grid, grey), np.int16) - np.asarray(grid)
    return None if np.abs(moved).max() <= _SAME_COLOUR_WITHIN else transform


def _applied(transform: ImageCms.ImageCmsTransform, picture: Image.Image, grey: bool) -> Image.Image:
    shown = ImageCms.applyTransform(picture.getchannel(0) if grey else picture, transform)
    assert shown is not None, "only a transform in place answers None"
    return shown


def picture_of(photo: Photo, box: Box, step: int = 1) -> Image.Image:
    """A copy of the photo's pixels in `box`, every `step`-th of them, as an 8-bit "RGB" or "RGBA" picture in its own encoding."""
    rows, columns = slice(box.top, box.bottom, step), slice(box.left, box.right, step)
    colours = Image.fromarray(_eight_bits(photo.pixels[rows, columns]))
    if photo.alpha is not None:
        colours.putalpha(Image.fromarray(_eight_bits(photo.alpha[rows, columns])))
    return colours


def _resampled(photo: Photo, part: Part, size: Size) -> Image.Image:
    whole = photo.size
    left, top, right, bottom = max(0, part[0]), max(0, part[1]), min(whole.width, part[2]), min(whole.height, part[3])
    across, down = (right - left) / size.width, (bottom - top) / size.height
    box = Box(math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))
    if across == down == 1 and (left, top) == (box.left, box.top):
        return _reduced(photo, box, (1, 1))
    # Half of what is to be reduced is left to the better filter.
    factors = max(1, int(across / 2)), max(1, int(down / 2))
    box = box.grown(_REACH * max(factors), within=whole.box)
    picture = _reduced(photo, box, factors)
    inside = (
        (left - box.left) / factors[0],
        (top - box.top) / factors[1],
        min((right - box.left) / factors[0], picture.width),
        min((bottom - box.top) / factors[1], picture.height),
    )
    kernel = Image.Resampling.LANCZOS if max(across, down) > 1 else Image.Resampling.BICUBIC
    return picture.resize((size.width, size.height), kernel, box=inside)


def _reduced(photo: Photo, box: Box, factors: tuple[int, int]) -> Image.Image:
    """The photo's `box` with so many columns and rows averaged into one, read strip by strip in the order of memory."""
    if abs(photo.pixels.strides[0]) < abs(photo.pixels.strides[1]):
        turned = dataclasses.replace(photo, pixels=photo.pixels.swapaxes(0, 1), alpha=None if photo.alpha is None else photo.alpha.T)
        lying = _reduced(turned, Box(box.top, box.left, box.bottom, box.right), factors[::-1])
        return lying.transpose(Image.Transpose.TRANSPOSE)
    across, down = factors
    width, height = -(-box.size.width // across), -(-box.size.height // down)
    picture = Image.new("RGB" if photo.alpha is None else "RGBA", (width, height))
    rows = max(1, _STRIP_PIXELS // (box.size.width * down)) * down
    for top in range(box.top, box.bottom, rows):
        strip = Box(box.left, top, box.right, min(top + rows, box.bottom))
        picture.paste(picture_of(photo, strip).reduce(factors), (0, (top - box.top) // down))
    return picture


def _eight_bits(pixels: Pixels) -> Pixels:
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.ascontiguousarray(pixels)


def _checkerboard(size: Size) -> Image.Image:
    squares = np.add.outer(np.arange(size.height) // CHECKER_SIDE, np.arange(size.width) // CHECKER_SIDE) % 2
    return Image.fromarray(np.array(CHECKERBOARD, np.uint8)[squares]).convert("RGB")


def _colours() -> Image.Image:
    """Colours spread evenly over the cube."""
    levels = np.rint(np.linspace(0, 255, _GRID)).astype(np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    return Image.fromarray(colours.reshape(_GRID, _GRID * _GRID, 3))


def _greys() -> Image.Image:
    return Image.fromarray(np.arange(256, dtype=np.uint8)[None]).convert("RGB")
