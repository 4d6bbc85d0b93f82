"""The options of every step, declared once, with their bounds and defaults: one dataclass each."""

from dataclasses import dataclass
from typing import ClassVar

from img_enhance.errors import OptionError
from img_enhance.geometry import Box
from img_enhance.models.table import FACE_MODEL_NAMES, FAITHFUL_MODEL_NAMES, MODEL_NAMES
from img_enhance.request.form import box_from_text, check, option
from img_enhance.request.print_size import PrintSize, print_from_text
from img_enhance.words import Setting, Words


@dataclass(frozen=True)
class Enlarging:
    """What networks that enlarge are asked for; `model` is the network to use.

    The size is asked for by one of upscale, width, height, megapixels and print; with none of them it is the model's own factor. The
    network runs once, or twice where more than its own factor is asked for, and the result is then reduced (Lanczos) to the exact size.
    Factor 1 is the network's restoration at the photo's own size. A size below the photo's own is made by reducing it, without a network.
    """

    model: str | None = option(None, help="the network to use")
    upscale: float | None = option(None, help="enlarge so many times", minimum=1, maximum=16, exclusive="size", placeholder="N")
    width: int | None = option(None, help="enlarge or reduce to this width in pixels", minimum=1, exclusive="size", placeholder="W")
    height: int | None = option(None, help="enlarge or reduce to this height in pixels", minimum=1, exclusive="size", placeholder="H")
    megapixels: float | None = option(
        None, help="enlarge or reduce to so many million pixels", minimum=0.000_001, exclusive="size", placeholder="M"
    )
    print: str | None = option(
        None,
        help="enlarge or reduce to what fits on paper of this size, and note its resolution, such as 30x40cm@300dpi or 8x10in",
        exclusive="size",
        placeholder="WxH@DPI",
    )
    enhance_level: float = option(
        1.0,
        help="how much of the network's work to keep, 0 to 1; the rest is the photo enlarged without it (bicubic)",
        minimum=0,
        maximum=1,
        placeholder="LEVEL",
    )
    keep_colours: bool = option(True, help="keep the photo's own colours, and a grey photo grey, where the network moves them a little")

    def __post_init__(self) -> None:
        check(self)
        self.print_size  # noqa: B018 - a print that cannot be read is refused now

    @property
    def print_size(self) -> PrintSize | None:
        """The print that is asked for.

        Raises: OptionError when it is none.
        """
        return None if self.print is None else print_from_text("print", self.print)


@dataclass(frozen=True)
class RealESRGAN(Enlarging):
    """Super-resolution with Real-ESRGAN: draws detail that photos of this kind have."""

    name: ClassVar[str] = "real_esrgan"

    model: str = option(
        "realesrgan-x4plus",
        help=f"the network to use: {', '.join(MODEL_NAMES)}, or one that was added",
        choices=MODEL_NAMES,
        extensible=True,
        placeholder="MODEL",
    )
    denoise: float | None = option(
        None,
        help="how much noise to remove, from 0 (keep it) to 1 (default); for realesr-general-x4v3 only",
        minimum=0,
        maximum=1,
        placeholder="STRENGTH",
    )


@dataclass(frozen=True)
class SuperImage(Enlarging):
    """Super-resolution with EDSR: true to the photo, draws nothing anew."""

    name: ClassVar[str] = "super_image"

    model: str | None = option(
        None, help="the network to use (default: the smallest that reaches the size, 4x where none does)", choices=FAITHFUL_MODEL_NAMES
    )


@dataclass(frozen=True)
class WhiteBalance:
    """White balance: the colour of the light taken out, so that grey things look grey.

    By itself it finds the light in the photo, and corrects little or nothing where the photo may well be coloured by nature. With a
    temperature or a tint nothing is estimated: the photo is taken to have been lit so.
    """

    name: ClassVar[str] = "white_balance"

    enhance_level: float = option(1.0, help="how much of the correction to do, 0 to 1", minimum=0, maximum=1, placeholder="LEVEL")
    temperature: float | None = option(
        None,
        help="kelvin of the light in the photo: 2700 takes out lamp light, 6504 is right already, 10000 is shade (default: as measured)",
        minimum=1667,
        maximum=25_000,
        placeholder="KELVIN",
    )
    tint: float | None = option(
        None,
        help="how green (to 100) or magenta (to -100) the light in the photo is, in steps of 0.0003 Duv from daylight or lamps",
        minimum=-100,
        maximum=100,
        placeholder="TINT",
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class ExposureCorrection:
    """Exposure of photos that are too dark or too bright.

    By itself it finds out by how many stops a photo is off, and leaves alone what is well exposed. Where one curve for the whole photo
    cannot do, because it is dark and bright at once, dark regions are lifted by themselves (`local`).
    """

    name: ClassVar[str] = "exposure_correction"

    enhance_level: float = option(1.0, help="how much of the correction to do, 0 to 1", minimum=0, maximum=1, placeholder="LEVEL")
    ev: float | None = option(None, help="change of exposure in stops (default: as measured)", minimum=-4, maximum=4, placeholder="STOPS")
    local: str = option("auto", help="lift dark regions by themselves; auto does in photos of high contrast", choices=("auto", "on", "off"))
    amplify_noise: bool | None = option(None, help="brighten without taking out noise that is seen then")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class CLAHE:
    """Contrast of regions, by contrast-limited adaptive histogram equalisation of the lightness."""

    name: ClassVar[str] = "clahe"

    enhance_level: float = option(1.0, help="how much of the change to do, 0 to 1", minimum=0, maximum=1, placeholder="LEVEL")
    clip_limit: float = option(
        2.0, help="the most by which contrast is raised, where noise allows it; 1 raises none", minimum=1, maximum=40, placeholder="TIMES"
    )
    grid: int | None = option(
        None, help="tiles across and down (default: 8, fewer in tiny photos)", minimum=1, maximum=64, placeholder="TILES"
    )
    amplify_noise: bool | None = option(None, help="raise contrast even where that makes noise visible")

    def __post_init__(self) -> None:
        check(self)


# Beyond this nobody switches faces off one by one.
MOST_SKIPPED = 200


@dataclass(frozen=True)
class GFPGAN:
    """Faces restored with GFPGAN.

    The network draws faces anew and so changes who is on them a little. By itself it goes four fifths of the way: what is left of the
    photo keeps skin from looking smooth as wax, and people like themselves.
    """

    name: ClassVar[str] = "gfpgan"

    model: str = option("gfpgan-1.4", help="the network to use: 1.4 has more detail, 1.3 looks more natural", choices=FACE_MODEL_NAMES)
    enhance_level: float = option(0.8, help="how much of the restoration to do, 0 to 1", minimum=0, maximum=1, placeholder="LEVEL")
    which: str = option("all", help="which faces: all, the largest, or the one nearest to the centre", choices=("all", "largest", "centre"))
    at_most: int = option(
        32, help="restore only so many faces, the largest ones; each needs 5 MB of memory", minimum=1, maximum=1000, placeholder="N"
    )
    min_face: int = option(24, help="leave alone faces narrower than this many pixels of the photo", minimum=10, placeholder="PIXELS")
    score_threshold: float = option(
        0.7,
        help="how sure the detector must be, 0 to 1; lower finds more faces, and things that are none",
        minimum=0.3,
        maximum=0.99,
        placeholder="SCORE",
    )
    leave_sharp: bool | None = option(None, help="leave alone faces of 512 pixels and more that are sharp already")
    skip: str | None = option(
        None,
        help="leave alone the faces in these boxes of the photo, as img-enhance faces lists them: X,Y,W,H, with spaces between several",
        placeholder="BOXES",
    )

    def __post_init__(self) -> None:
        check(self)
        self.skipped  # noqa: B018 - boxes that cannot be read are refused now

    @property
    def skipped(self) -> tuple[Box, ...]:
        """The boxes in which faces are left alone.

        Raises: OptionError when they are none, or too many.
        """
        texts = (self.skip or "").split()
        if len(texts) > MOST_SKIPPED:
            says = Words(Setting("skip"), f" names {len(texts)} boxes and {MOST_SKIPPED} may be")
            raise OptionError(says, "raise ", Setting("min_face"), ", or lower ", Setting("at_most"))
        return tuple(box_from_text("skip", text) for text in texts)


StepOptions = WhiteBalance | ExposureCorrection | CLAHE | RealESRGAN | SuperImage | GFPGAN

# In the order they run unless a recipe says otherwise: networks see a photo that is well lit, and faces are put into the enlarged one.
STEP_OPTIONS: tuple[type[StepOptions], ...] = (WhiteBalance, ExposureCorrection, CLAHE, RealESRGAN, SuperImage, GFPGAN)

# What changes light and colour only, and needs no network.
LIGHT_STEPS: tuple[type[StepOptions], ...] = (WhiteBalance, ExposureCorrection, CLAHE)
