"""Super-resolution: one or more passes of networks, then a reduction to the size asked for."""

from collections.abc import Callable
from math import sqrt

from img_enhance.errors import OptionError
from img_enhance.geometry import Size
from img_enhance.models.model import Model
from img_enhance.models.table import ModelTable
from img_enhance.passes.columns import ColumnsPass
from img_enhance.passes.network import NetworkPass
from img_enhance.passes.resample import ResamplePass
from img_enhance.planning.plan import Pass
from img_enhance.request.step_options import Enlarging, RealESRGAN, SuperImage
from img_enhance.words import Setting, Words

LARGEST_FACTOR = 16


def output_size(size: Size, options: Enlarging, own_factor: int) -> Size:
    """The size asked for, else the network's `own_factor`; the photo's proportions are kept to the nearest pixel.

    Raises: OptionError when it is more than 16 times as wide.
    """
    printed, asked = options.print_size, Setting("upscale")
    if options.width is not None:
        factor, asked = options.width / size.width, _asked(options, "width", f"{options.width}")
    elif options.height is not None:
        factor, asked = options.height / size.height, _asked(options, "height", f"{options.height}")
    elif options.megapixels is not None:
        factor, asked = sqrt(options.megapixels * 1e6 / size.pixels), _asked(options, "megapixels", f"{options.megapixels:g}")
    elif printed is not None:
        factor, asked = printed.pixels(size).width / size.width, _asked(options, "print", f"{options.print}")
    elif options.upscale is not None:
        factor, asked = options.upscale, _asked(options, "upscale", f"{options.upscale:g}")
    else:
        factor = float(own_factor)
    result = Size(options.width or max(1, round(size.width * factor)), options.height or max(1, round(size.height * factor)))
    if printed is not None:
        result = printed.pixels(size)
    if factor > LARGEST_FACTOR:
        raise OptionError(Words(asked, f" would make {size} into {result}"), f"ask for a size of at most {size.scaled(LARGEST_FACTOR)}")
    return result


def _asked(options: Enlarging, name: str, value: str) -> Setting:
    return Setting(f"{SuperImage.name}_{name}" if isinstance(options, SuperImage) else name, value)


# So many pixels a panorama of all directions goes on beyond its edges while networks see it. Further away than areas overlap
# (`sweep_planner.py`) nothing shows.
_MARGIN = 64


def real_esrgan_passes(size: Size, options: RealESRGAN, models: ModelTable, wraps: bool) -> tuple[Pass, ...]:
    """What Real-ESRGAN's step asks for.

    Raises: OptionError as `output_size`, for a denoise that the model does not have, and for a larger size where it only restores.
    """
    model = models.enlarger(options.model, denoise=options.denoise)
    target = output_size(size, options, model.scale)
    if model.scale == 1 and not _covers(size, target):
        raise OptionError(
            f"the model {model.name} works at the photo's own size, {size}, and {target} is asked for",
            *("ask for no larger size, or enlarge with another: ", Setting("model")),
        )
    return _passes(size, target, options, lambda _: model, wraps)


def super_image_passes(size: Size, options: SuperImage, models: ModelTable, wraps: bool) -> tuple[Pass, ...]:
    """What EDSR's step asks for; unless its model is named, each pass has the smallest network that reaches the size.

    Raises: OptionError as `output_size`.
    """
    by_scale = sorted(models.faithful, key=lambda model: model.scale)
    named = None if options.model is None else models.named(options.model)
    target = output_size(size, options, (named or by_scale[-1]).scale)

    def chosen(reached: Size) -> Model:
        fitting = (model for model in by_scale if _covers(reached.scaled(model.scale), target))
        return named or next(fitting, by_scale[-1])

    return _passes(size, target, options, chosen, wraps)


def _covers(size: Size, target: Size) -> bool:
    return size.width >= target.width and size.height >= target.height


def _passes(size: Size, target: Size, options: Enlarging, model_for: Callable[[Size], Model], wraps: bool) -> tuple[Pass, ...]:
    """Network passes until the picture is large enough, at least one, then a reduction unless the size is exact; nothing but a change of
    size where that is below the photo's own, or nothing of a network's work is wanted.

    `model_for` chooses the network of a pass by the size that is reached. Where the right edge `wraps` to the left, networks see the
    picture with a margin of what lies there.
    """
    dpi = None if options.print_size is None else options.print_size.dpi
    if target.pixels < size.pixels or options.enhance_level == 0:
        return (ResamplePass(target, wraps, dpi),)
    run: list[Pass] = []
    reached = size
    while not run or not _covers(reached, target):
        model = model_for(reached)
        run.append(NetworkPass(model, options.enhance_level, options.keep_colours))
        reached = reached.scaled(model.scale)
    if wraps:
        first, last = ColumnsPass(-_MARGIN, size.width + 2 * _MARGIN), ColumnsPass(_MARGIN * (reached.width // size.width), reached.width)
        run = [first, *run, last]
    if reached != target or dpi is not None:
        run.append(ResamplePass(target, wraps, dpi))
    return tuple(run)
