"""The sheet itself: pictures, histograms and words put where the layout says."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, ImageDraw

from img_enhance.compare import histogram
from img_enhance.compare.display import Part, preview, transform_of, view
from img_enhance.compare.layout import (
    CAPTION,
    DETAIL,
    LINE,
    MARGIN,
    SPACE,
    TITLE_LINES,
    Layout,
    column_width,
    content_width,
    lay_out,
)
from img_enhance.compare.region import check_region, detailed_region, fitted_size, matching_part, same_shape
from img_enhance.compare.text import LARGE, SMALL, fitted, font, wrapped
from img_enhance.geometry import Box, Size
from img_enhance.machine.canvas import Pixels
from img_enhance.photo import Metadata, Photo
from img_enhance.units import file_bytes_text

_PAPER, _INK, _SOFT, _RULE = (255, 255, 255), (28, 28, 30), (110, 110, 116), (222, 222, 226)
_FRAME_LIGHT, _FRAME_DARK = (255, 255, 255), (20, 20, 20)

_MOST_STEPS = 20

# littlecms writes the time into a profile it makes; the same photos shall give the same sheet.
_PROFILE_DATE = slice(24, 36)
_FIXED_DATE = bytes.fromhex("07ea 0001 0001 0000 0000 0000")


@dataclass(frozen=True)
class _Compared:
    """The part of the result that is compared, the size it is shown at, and why this part."""

    box: Box
    size: Size
    why: str


def sheet(
    before: Photo,
    after: Photo,
    *,
    before_name: str,
    after_name: str,
    steps: tuple[str, ...] = (),
    layout: str = "side-by-side",
    region: Box | None = None,
    overview: bool = False,
    file_bytes: tuple[int | None, int | None] = (None, None),
) -> Photo:
    """The sheet of two photos, 8 bits in sRGB: `region` of `after` pixel for pixel, with what of `before` lies there at the same size.

    Without a region it is the part with most detail; with `overview` it is all, reduced to fit. `steps` are lines that say what was
    done. Photos are read in strips, so they may be larger than memory; they are not modified.

    Raises: OptionError when `region` reaches beyond `after`.
    """
    photos = before, after
    small = photos if overview else (preview(before), preview(after))
    compared = _compared(small[1], after.size, layout, region, overview=overview)
    columns = column_width(content_width(layout, compared.size))
    remarks = [line for remark in _remarks(photos) for line in wrapped(remark, SMALL, columns)]
    done = _step_lines(steps, columns)
    # A heading over each; no room is kept for what is not there.
    lines = max(len(text) + 1 if text else 0 for text in (done, remarks))
    plan = lay_out(layout, compared.size, (before.size, after.size), whole=compared.box != after.size.box, lines=lines)

    page = Image.new("RGB", (plan.size.width, plan.size.height), _PAPER)
    draw = ImageDraw.Draw(page)
    _draw_titles(draw, plan, photos, (before_name, after_name), file_bytes)
    _draw_whole(page, plan, photos, small, compared.box)
    _draw_histograms(page, draw, plan, photos)
    _draw_captions(draw, plan, _captions(before, after, compared))
    _draw_compared(page, plan, photos, compared)
    _draw_text(draw, plan.steps, "Steps", done)
    _draw_text(draw, plan.remarks, "Remarks", remarks)
    return Photo(np.asarray(page), metadata=Metadata(icc=srgb_profile()))


def srgb_profile() -> bytes:
    """A profile that says sRGB, the same bytes every time."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_PROFILE_DATE] = _FIXED_DATE
    return bytes(profile)


def _compared(small: Photo, after: Size, layout: str, region: Box | None, *, overview: bool) -> _Compared:
    if overview:
        return _Compared(after.box, fitted_size(after, DETAIL[layout]), "all of it")
    if region is not None:
        check_region(region, after)
        return _Compared(region, region.size, "as asked")
    box = detailed_region(small, after, DETAIL[layout])
    return _Compared(box, box.size, "all of it" if box == after.box else "the part with most detail")


def _remarks(photos: tuple[Photo, Photo]) -> list[str]:
    """What a person must know to judge the sheet."""
    remarks = []
    before, after = photos
    if not same_shape(before.size, after.size):
        remarks.append(
            f"The photos have different shapes, {before.size} and {after.size}. "
            "The middle of the first that has the shape of the second is compared."
        )
    if any(photo.alpha is not None for photo in photos):
        remarks.append("Transparent parts are laid on a checkerboard.")
    profiles = ["sRGB" if transform_of(photo) is None else _profile_name(photo) for photo in photos]
    if profiles != ["sRGB", "sRGB"]:
        both = profiles[0] if profiles[0] == profiles[1] else " and ".join(profiles)
        remarks.append(f"Colour profile: {both}. Both photos are shown in sRGB.")
    if any(photo.depth == 16 for photo in photos):
        remarks.append("16 bits a channel are shown with 8.")
    return remarks


def _profile_name(photo: Photo) -> str:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(photo.metadata.icc or b""))
    return ImageCms.getProfileDescription(profile).strip() or "one without a name"


def _step_lines(steps: tuple[str, ...], width: int) -> list[str]:
    """The steps, numbered and wrapped; of very many the last ones."""
    numbered = list(enumerate(steps, 1))
    left_out = [f"... {len(steps) - _MOST_STEPS} steps before"] if len(steps) > _MOST_STEPS else []
    return left_out + [line for number, step in numbered[-_MOST_STEPS:] for line in wrapped(f"{number}. {step}", SMALL, width)]


def _draw_titles(
    draw: ImageDraw.ImageDraw, plan: Layout, photos: tuple[Photo, Photo], names: tuple[str, str], file_bytes: tuple[int | None, int | None]
) -> None:
    for box, photo, word, name, size in zip(plan.titles, photos, ("Before", "After"), names, file_bytes, strict=True):
        top = box.top
        rows = ((word, SMALL, _SOFT), (name, LARGE, _INK), (_facts(photo, size), SMALL, _SOFT))
        for (text, height, colour), row in zip(rows, TITLE_LINES, strict=True):
            shown = fitted(text, height, box.size.width)
            draw.text((box.left, top + row // 2), shown, fill=colour, font=font(height), anchor="lm")
            top += row


def _facts(photo: Photo, file_bytes: int | None) -> str:
    megapixels = photo.size.pixels / 1e6
    rows = [f"{photo.size.width} x {photo.size.height}"]
    rows += [f"{megapixels:.1f} MP" if megapixels >= 0.95 else f"{megapixels:.2f} MP"] if megapixels >= 0.005 else []
    rows += [file_bytes_text(file_bytes)] if file_bytes is not None else []
    rows += ["grey"] if photo.grey else []
    rows += [f"{photo.depth} bits"]
    return "   ".join(rows)


def _draw_whole(page: Image.Image, plan: Layout, photos: tuple[Photo, Photo], small: tuple[Photo, Photo], compared: Box) -> None:
    """Both photos whole, with a frame around the part that is compared."""
    if plan.whole is None:
        return
    for box, photo, reduced in zip(plan.whole, photos, small, strict=True):
        _put(page, box, view(reduced, (0, 0, reduced.size.width, reduced.size.height), box.size))
        part = matching_part(compared, photos[1].size, photo.size)
        _draw_frame(ImageDraw.Draw(page), box, part, photo.size)


def _draw_histograms(page: Image.Image, draw: ImageDraw.ImageDraw, plan: Layout, photos: tuple[Photo, Photo]) -> None:
    """Both histograms to one scale, and what they say in figures."""
    shown = histogram.histogram(photos[0]), histogram.histogram(photos[1])
    top = histogram.peak(shown)
    for box, each in zip(plan.histograms, shown, strict=True):
        page.paste(Image.fromarray(histogram.drawn(each, box.size, top)), (box.left, box.top))
        black, white = 100 * each.shares[0, 0], 100 * each.shares[0, -1]
        for row, text in enumerate((f"median {each.median} of 255", f"{black:.1f}% black, {white:.1f}% white")):
            draw.text((box.left, box.bottom + LINE * row + LINE // 2 + 2), text, fill=_SOFT, font=font(SMALL), anchor="lm")


def _draw_frame(draw: ImageDraw.ImageDraw, box: Box, part: Part, size: Size) -> None:
    across, down = box.size.width / size.width, box.size.height / size.height
    left, top = box.left + round(part[0] * across), box.top + round(part[1] * down)
    right = max(left, box.left + round(part[2] * across) - 1)
    bottom = max(top, box.top + round(part[3] * down) - 1)
    if right - left >= 8 and bottom - top >= 8:
        draw.rectangle((left, top, right, bottom), outline=_FRAME_DARK)
        draw.rectangle((left + 1, top + 1, right - 1, bottom - 1), outline=_FRAME_LIGHT, width=2)
        draw.rectangle((left + 3, top + 3, right - 3, bottom - 3), outline=_FRAME_DARK)
    else:
        draw.rectangle((left, top, right, bottom), outline=_FRAME_LIGHT)


def _captions(before: Photo, after: Photo, compared: _Compared) -> tuple[str, str]:
    part = matching_part(compared.box, after.size, before.size)
    times = compared.size.width / (part[2] - part[0])
    if abs(times - 1) < 0.005:
        enlarged = "at its own size"
    else:
        enlarged = f"plainly enlarged {times:.3g} times (bicubic)" if times > 1 else f"reduced to {100 * times:.3g}%"
    box, share = compared.box, compared.size.width / compared.box.size.width
    shown = "pixel for pixel" if share == 1 else f"reduced to {100 * share:.3g}%"
    if box == after.size.box:
        return f"Before, {enlarged}", f"After, {shown}"
    return f"Before, {enlarged}", f"After, {shown}: {box.size.width} x {box.size.height} at {box.left}, {box.top}, {compared.why}"


def _draw_captions(draw: ImageDraw.ImageDraw, plan: Layout, captions: tuple[str, str]) -> None:
    rule = plan.captions[0].top - SPACE // 2
    draw.line((MARGIN, rule, plan.size.width - MARGIN - 1, rule), fill=_RULE)
    for box, caption in zip(plan.captions, captions, strict=True):
        shown = fitted(caption, SMALL, box.size.width)
        draw.text((box.left, box.top + CAPTION // 2 - 2), shown, fill=_INK, font=font(SMALL), anchor="lm")


def _draw_compared(page: Image.Image, plan: Layout, photos: tuple[Photo, Photo], compared: _Compared) -> None:
    before, after = photos
    box, size = compared.box, compared.size
    old = view(before, matching_part(box, after.size, before.size), size)
    new = view(after, (box.left, box.top, box.right, box.bottom), size)
    if plan.divider is None:
        for place, picture in zip(plan.detail, (old, new), strict=True):
            _put(page, place, picture)
        return
    place = plan.detail[0]
    column = plan.divider - place.left
    _put(page, place, np.concatenate([old[:, :column], new[:, column:]], axis=1))
    _draw_divider(page, plan)


def _put(page: Image.Image, box: Box, picture: Pixels) -> None:
    """A picture in its box, with a hairline around it, where a white one would otherwise end unseen."""
    ImageDraw.Draw(page).rectangle((box.left - 1, box.top - 1, box.right, box.bottom), outline=_RULE)
    page.paste(Image.fromarray(picture), (box.left, box.top))


def _draw_divider(page: Image.Image, plan: Layout) -> None:
    line = plan.divider_line
    if line is None or line.size.width < 2:
        return
    draw = ImageDraw.Draw(page)
    draw.rectangle((line.left, line.top, line.right - 1, line.bottom - 1), fill=_FRAME_DARK)
    if line.size.width >= 4:
        draw.rectangle((line.left + 1, line.top, line.right - 2, line.bottom - 1), fill=_FRAME_LIGHT)


def _draw_text(draw: ImageDraw.ImageDraw, box: Box, heading: str, lines: list[str]) -> None:
    if not lines:
        return
    for row, (text, colour) in enumerate([(heading, _SOFT), *((line, _INK) for line in lines)]):
        draw.text((box.left, box.top + LINE * row + LINE // 2), text, fill=colour, font=font(SMALL), anchor="lm")
