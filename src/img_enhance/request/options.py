"""Every option, declared once: one dataclass per step, one for the output file, one for the machine.

Flags, schema, forms and docs derive from these declarations (`form.fields`); no door adds a default.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from img_enhance.errors import OptionError
from img_enhance.geometry import Box
from img_enhance.models.table import FACE_MODEL_NAMES, FAITHFUL_MODEL_NAMES, MODEL_NAMES
from img_enhance.photo import FORMAT_ALIASES, FORMAT_NAMES
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
        return tuple(box_from_text("skip", text, largest_side=LONGEST_SIDE) for text in texts)


StepOptions = WhiteBalance | ExposureCorrection | CLAHE | RealESRGAN | SuperImage | GFPGAN

# In the order they run unless a recipe says otherwise: networks see a photo that is well lit, and faces are put into the enlarged one.
STEP_OPTIONS: tuple[type[StepOptions], ...] = (WhiteBalance, ExposureCorrection, CLAHE, RealESRGAN, SuperImage, GFPGAN)

# What changes light and colour only, and needs no network.
LIGHT_STEPS: tuple[type[StepOptions], ...] = (WhiteBalance, ExposureCorrection, CLAHE)


# JPEG keeps nearly all at 95; the others reach that quality at lower figures of their own scales.
JPEG_QUALITY = 95
WEBP_QUALITY = 90
AVIF_QUALITY = 80
JXL_QUALITY = 90
QUALITIES = {"jpeg": JPEG_QUALITY, "webp": WEBP_QUALITY, "avif": AVIF_QUALITY, "jxl": JXL_QUALITY}


# N counts from 0. PyTorch calls ROCm's GPUs cuda too.
DEVICES = ("auto", "cpu", "cuda", "cuda:N", "vulkan", "vulkan:N", "mps", "openvino", "openvino:GPU", "openvino:NPU", "torch")


def check_device(name: str) -> None:
    """Pass if a device can be called so, whether it is there or not.

    Raises: OptionError.
    """
    if not re.fullmatch("|".join(DEVICES).replace(":N|", r":\d{1,3}|"), name):
        raise OptionError(Words(Setting("device"), f" must be one of {', '.join(DEVICES)}, not '{name}'"))


@dataclass(frozen=True)
class Input:
    """How the photo's file is read."""

    animation: str = option(
        "first", help="an animated or many-paged file: take its first frame with a warning, or refuse it", choices=("first", "refuse")
    )
    salvage: bool | None = option(None, help="take what is there of a damaged JPEG, PNG or TIFF, and say how many rows are missing")

    def __post_init__(self) -> None:
        check(self)


# No format holds a longer one.
LONGEST_SIDE = 2**31 - 1


@dataclass(frozen=True)
class Output:
    """The result's file."""

    format: str | None = option(
        None, help="file format of the result; default: by its name, else the photo's", choices=FORMAT_NAMES, aliases=FORMAT_ALIASES
    )
    quality: int | None = option(
        None,
        help=f"quality of a JPEG (default {JPEG_QUALITY}), WebP ({WEBP_QUALITY}), AVIF ({AVIF_QUALITY}) or JPEG XL ({JXL_QUALITY}); "
        "PNG and TIFF lose nothing",
        minimum=1,
        maximum=100,
        placeholder="Q",
    )
    max_bytes: int | None = option(
        None,
        help="lower the quality of a JPEG, WebP, AVIF or JPEG XL until its file has at most so many bytes, such as 2M",
        minimum=1,
        unit="bytes",
        placeholder="BYTES",
    )
    lossless: bool | None = option(None, help="WebP, AVIF and JPEG XL without loss (default: with)")
    subsampling: str | None = option(
        None, help="colour resolution of a JPEG or AVIF (default 4:4:4, all of it)", choices=("4:4:4", "4:2:0")
    )
    dynamic_range: str | None = option(
        None,
        help="of a photo in PQ or HLG: keep it in an AVIF, PNG or JPEG XL and tone-map it for other formats (default), "
        "hdr to refuse other formats, sdr to tone-map it always",
        choices=("hdr", "sdr"),
    )
    strip_gps: bool | None = option(None, help="leave out where the photo was taken")
    motion: str | None = option(
        None, help="the video in a phone's JPEG: keep it behind the new picture (default), or drop it", choices=("keep", "drop")
    )
    strip: bool | None = option(None, help="leave out all metadata but the colour profile")
    crop: str | None = option(
        None, help="only this part of the result, in its pixels, exactly as it would be in the whole: a preview", placeholder="X,Y,W,H"
    )

    def __post_init__(self) -> None:
        check(self)
        self.box  # noqa: B018 - a crop that cannot be read is refused now

    @property
    def keeps_video(self) -> bool:
        """Whether the video of a phone's photo stays; it may say where it was taken."""
        return self.motion != "drop" and not self.strip_gps and not self.strip

    @property
    def box(self) -> Box | None:
        """The crop as a box; None for all of the result.

        Raises: OptionError when it is none.
        """
        return None if self.crop is None else box_from_text("crop", self.crop, largest_side=LONGEST_SIDE)


@dataclass(frozen=True)
class Limits:
    """What the automatic choice of steps may ask for."""

    max_output_megapixels: float = option(
        100.0,
        help="steps chosen automatically make no result with more million pixels than this (default 100)",
        minimum=0.000_001,
        placeholder="M",
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Machine:
    """How this machine may be used; the picture does not depend on it except through the device, the precision and the size of areas."""

    device: str = option(
        "auto",
        help="where networks run: auto is a GPU by PyTorch, or by Vulkan where that is faster, else the CPU; "
        f"cpu is the fastest way on the CPU (OpenVINO, else PyTorch); one of {', '.join(DEVICES)}",
        placeholder="DEVICE",
    )
    require_gpu: bool | None = option(None, help="fail where no GPU can be used, instead of working on the CPU")
    precision: str = option(
        "auto",
        help="arithmetic of the networks; auto is bf16 where the processor has it natively, f16 in the memory of a GPU by Vulkan, else f32",
        choices=("auto", "f32", "bf16", "f16"),
    )
    threads: int | None = option(
        None,
        help="processors to use at most (default: all that this process may use)",
        minimum=1,
        maximum=4096,
        placeholder="N",
    )
    max_memory: int | None = option(
        None,
        help="anonymous memory the whole process may use, such as 2G (default: half of this machine's)",
        minimum=100_000_000,
        unit="bytes",
        placeholder="BYTES",
    )
    max_gpu_memory: int | None = option(
        None,
        help="memory of the graphics card that networks may use, such as 3G (default: nine tenths of what is free there)",
        minimum=100_000_000,
        unit="bytes",
        placeholder="BYTES",
    )
    max_pixels: int = option(
        500_000_000,
        help="refuse photos with more pixels than this, from the header (default 500M)",
        minimum=1,
        unit="pixels",
        placeholder="PIXELS",
    )
    scratch: str | None = option(
        None,
        help="folder on a disk for canvases that do not fit in memory (default: the system's folder for temporary files)",
        placeholder="FOLDER",
    )

    def __post_init__(self) -> None:
        check(self)
        check_device(self.device)


KEY_VARIABLE = "IMG_ENHANCE_SERVER_KEY"

# For what lies before a service and wants a token of its own, such as a private Space.
TOKEN_VARIABLE = "IMG_ENHANCE_SERVER_TOKEN"  # noqa: S105


@dataclass(frozen=True)
class Server:
    """Who does the work, if not this machine."""

    server: str | None = option(None, help="let the img-enhance service at this URL do the work", placeholder="URL")
    server_key: str | None = option(
        None, help=f"the service's API key (better in {KEY_VARIABLE}, where others do not see it)", placeholder="KEY"
    )

    def __post_init__(self) -> None:
        check(self)
        if self.server_key is not None and self.server is None:
            raise OptionError(Words(Setting("server_key"), " is of no use without ", Setting("server")), "name the server too")


# A detail is held in memory, with the original's part enlarged to the same size.
MOST_REGION_SIDE = 4096


@dataclass(frozen=True)
class CompareOptions:
    """How a before/after sheet shows two photos."""

    layout: str = option(
        "side-by-side",
        help="two pictures beside each other (default), one picture with a divider, or one above the other",
        choices=("side-by-side", "split", "stacked"),
    )
    region: str | None = option(
        None,
        help="the part shown pixel for pixel, in pixels of AFTER (default: where it has most detail)",
        exclusive="part",
        placeholder="X,Y,W,H",
    )
    overview: bool | None = option(None, help="show the whole photos instead of a part", exclusive="part")

    def __post_init__(self) -> None:
        check(self)
        self.box  # noqa: B018 - a region that cannot be read is refused now

    @property
    def box(self) -> Box | None:
        """The region as a box; None for the default.

        Raises: OptionError when it is none.
        """
        return None if self.region is None else box_from_text("region", self.region, largest_side=MOST_REGION_SIDE)
