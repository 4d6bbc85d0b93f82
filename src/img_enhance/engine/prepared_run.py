"""What is known of a photo and a recipe before the work: how the steps follow one another, the result's format, what it cannot hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from img_enhance.errors import OptionError, PhotoError
from img_enhance.geometry import Size
from img_enhance.image_io import PhotoFile, moved_to_disk
from img_enhance.models.networks.segment import Precision
from img_enhance.models.table import ModelTable
from img_enhance.photo import WRITTEN, Format, Header, Metadata, Photo, format_named, format_of_ending
from img_enhance.planning.plan import Pass, Plan, PlanRequest
from img_enhance.planning.sweep_plan import Medium
from img_enhance.request.options import QUALITIES, Output
from img_enhance.request.recipe import AUTO, Reason, Recipe
from img_enhance.steps import passes_of
from img_enhance.words import Setting, Words


class Decoded:
    """A photo that was decoded before it is enhanced, until it is taken: what runs has the only hold on it, and may change it."""

    def __init__(self, photo: Photo, medium: Medium) -> None:
        self._photo: Photo | None = photo
        self._medium: Medium = medium

    def move_to_disk(self, scratch: str | None) -> None:
        """Make room in memory: the photo, if it lies there, goes to an unnamed file in the folder `scratch`.

        Raises: DiskError when the disk has no room.
        """
        if self._photo is not None and self._medium == "memory":
            self._photo, self._medium = moved_to_disk(self._photo, scratch), "disk"

    @property
    def disk_bytes(self) -> int:
        """What it takes of the disk now."""
        if self._photo is None or self._medium == "memory":
            return 0
        return self._photo.pixels.nbytes + (0 if self._photo.alpha is None else self._photo.alpha.nbytes)

    @property
    def photo(self) -> Photo | None:
        """The photo, to be looked at only, until it is taken."""
        return self._photo

    def take(self) -> Photo | None:
        """The photo, the first time."""
        photo, self._photo = self._photo, None
        return photo


@dataclass(frozen=True)
class PreparedRun:
    """A photo and a recipe that are known to fit together, planned but not begun.

    `losses` are those of the warnings that say what the result will lack of the photo's file. `decoded` is there if that had to be decoded
    for all this, which found no fault with it.
    """

    source: Photo | PhotoFile
    request: PlanRequest
    recipe: Recipe
    reasons: tuple[Reason, ...]
    plan: Plan
    warnings: tuple[str, ...]
    losses: tuple[str, ...] = ()
    decoded: Decoded | None = None

    @property
    def header(self) -> Header:
        return self.request.header

    @property
    def output_format(self) -> str:
        return self.request.output_format

    @property
    def copies(self) -> bool:
        """Whether it is known already that the photo's file will be copied as it is."""
        return not self.plan.passes and can_be_copied(self.source, self.output_format, self.recipe.output)

    @property
    def seconds_left(self) -> float:
        """How long all that is still to be done takes: the photo may have been decoded already, or need not be."""
        if self.copies:
            return 0.0
        is_read = isinstance(self.source, Photo) or self.decoded is not None
        return self.plan.seconds - (self.plan.reading_seconds if is_read else 0.0)

    @property
    def foreseen_warnings(self) -> tuple[str, ...]:
        """What there is to warn of, as far as it is known."""
        return without(self.warnings, self.losses) if self.copies else self.warnings

    @property
    def at_hand(self) -> Photo | PhotoFile:
        """The photo, to be looked at only: decoded where it is so already, else its file."""
        decoded = None if self.decoded is None else self.decoded.photo
        return self.source if decoded is None else decoded

    def taken(self) -> Photo | None:
        """The photo that was decoded before, for whoever calls first, as `Decoded.take`."""
        return None if self.decoded is None else self.decoded.take()

    def planned_again(self, plan: Plan, warning: str) -> PreparedRun:
        """The same by another plan, and why."""
        return replace(self, plan=plan, warnings=(*self.warnings, warning))


def all_passes(recipe: Recipe, header: Header, models: ModelTable) -> tuple[tuple[Pass, ...], Size]:
    """All passes of a recipe over a photo, and the size of the result."""
    passes: tuple[Pass, ...] = ()
    size = header.size
    assert recipe.steps != AUTO, "the steps are chosen before they are planned"
    for options in recipe.steps:
        for each in passes_of(options, size, models, wraps=header.wraps):
            passes += (each,)
            size = each.result(size)
    return passes, size


def steps_of_passes(recipe: Recipe, header: Header, models: ModelTable) -> tuple[str, ...]:
    """For every pass of `all_passes`, the name of the step that asked for it."""
    owners: tuple[str, ...] = ()
    size = header.size
    assert recipe.steps != AUTO, "the steps are chosen before they are planned"
    for options in recipe.steps:
        for each in passes_of(options, size, models, wraps=header.wraps):
            owners += (options.name,)
            size = each.result(size)
    return owners


def output_format_of(header: Header, recipe: Recipe, output: Path | None) -> str:
    """The format asked for, else the one of the output's name, else the photo's own or what stands for it."""
    if recipe.output.format is not None:
        return recipe.output.format
    if output is not None:
        return format_of_ending(output.suffix).name
    return format_named(header.format).written_as or header.format


def kept_high_range(source: Photo | PhotoFile, output: Output, output_format: str) -> PhotoFile | None:
    """The photo's file, if the result will be of high dynamic range as that is.

    Raises: OptionError where that is asked for and the format holds none.
    """
    if isinstance(source, Photo) or source.high_range is None or output.dynamic_range == "sdr":
        return None
    if output.dynamic_range == "hdr" and not format_named(output_format).high_range:
        asked = Words(f"{output_format} holds no {source.high_range.name}, which is asked for by ", Setting("dynamic_range", "hdr"))
        raise OptionError(asked, "use ", Setting("format", " or ".join(_HIGH_RANGE)), ", or ", Setting("dynamic_range", "sdr"))
    return source if format_named(output_format).high_range else None


_HIGH_RANGE = tuple(entry.name for entry in WRITTEN if entry.high_range)


def file_warnings(file: PhotoFile, output: Output, *, high_range: bool) -> tuple[str, ...]:
    """What its file warns of, with `high_range` where the result will be of high dynamic range."""
    if file.high_range is None:
        return file.warnings
    shown = file.high_range.shown
    if high_range:
        return without(file.warnings, (shown,))
    kept = "" if output.dynamic_range == "sdr" else f"; {', '.join(_HIGH_RANGE[:-1])} or {_HIGH_RANGE[-1]} would keep it"
    return tuple(f"{warning}{kept}" if warning == shown else warning for warning in file.warnings)


def losses(header: Header, output: Format, precision: Precision) -> tuple[str, ...]:
    """What of the photo the result cannot keep."""
    lost = []
    if header.depth == 16 and not output.deep:
        lost.append(f"{output.name} holds 8 bits a channel, the photo has 16; png or tiff would keep them")
    if header.depth == 16 and precision != "f32":
        kept = 8 if precision == "bf16" else 11
        lost.append(Words(f"{precision} carries about {kept} of the photo's 16 bits; ", Setting("precision", "f32"), " would keep them"))
    if header.alpha and not output.alpha:
        lost.append(f"{output.name} holds no transparency; the photo was laid on white")
    return tuple(lost)


def check_compressible(output_format: str, output: Output) -> None:
    """Pass if a file of this format can be made smaller where that is asked for.

    Raises: OptionError.
    """
    if output.max_bytes is None:
        return
    if output.lossless or output_format not in QUALITIES:
        what = "a file without loss" if output.lossless else f"a {output_format}, which loses nothing,"
        able = Setting("format", " or ".join(QUALITIES))
        raise OptionError(Words(f"{what} cannot be brought to ", Setting("max_bytes", str(output.max_bytes))), "use ", able, " with loss")


def attached_losses(metadata: Metadata, output: Output) -> tuple[str, ...]:
    """What is said where a gain map or a video goes that nobody spoke of."""
    lost = []
    if output.strip and metadata.gain_map is not None:
        lost.append("the photo's gain map, which makes it HDR, was left out too")
    if metadata.video is not None and not output.keeps_video and output.motion != "drop":
        lost.append("the photo's video was left out too: it may say where it was taken")
    return tuple(lost)


def can_be_copied(source: Photo | PhotoFile, output_format: str, output: Output) -> bool:
    """Whether the file of a photo that is left as it is will do as the result's: it is of that format, and nothing else is asked for."""
    if isinstance(source, Photo) or source.several or source.salvage or source.header.format != output_format:
        return False
    has_video = source.metadata.video is not None
    fits = output.max_bytes is None or source.bytes <= output.max_bytes
    has_high_range = source.high_range is not None and output.dynamic_range == "sdr"
    asked = {name for name, value in asdict(output).items() if value and value != "keep"}
    fitting = {"motion": not has_video, "max_bytes": fits, "dynamic_range": not has_high_range}
    return asked <= {"format"} | {name for name, fit in fitting.items() if fit}


def without(warnings: tuple[str, ...], losses: tuple[str, ...]) -> tuple[str, ...]:
    """The warnings that are still true where nothing is lost."""
    return tuple(warning for warning in warnings if warning not in losses)


def check_photo(photo: Photo) -> None:
    """Pass if the arrays of a Photo have the shapes and types that its docstring asks for.

    Raises: PhotoError.
    """
    pixels, alpha = photo.pixels, photo.alpha
    if not isinstance(pixels, np.ndarray) or pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise PhotoError("the pixels of a Photo must be an array of shape (height, width, 3) and type uint8 or uint16, RGB")
    if pixels.size == 0:
        raise PhotoError(f"a photo of shape {pixels.shape} has no pixels")
    if alpha is not None and (alpha.shape != pixels.shape[:2] or alpha.dtype != pixels.dtype):
        raise PhotoError("the alpha of a Photo must be an array of shape (height, width) and of the type of its pixels")
