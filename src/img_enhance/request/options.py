"""The options beside those of steps, declared once: how files are read and written, what a machine may do, which one does it.

Flags, schema, forms and docs derive from these declarations and from `step_options.py` (`form.fields`); no door adds a default.
"""

import re
from dataclasses import dataclass

from img_enhance.errors import OptionError
from img_enhance.geometry import Box
from img_enhance.photo import FORMAT_ALIASES, FORMAT_NAMES
from img_enhance.request.form import box_from_text, check, option
from img_enhance.words import Setting, Words


@dataclass(frozen=True)
class Input:
    """How the photo's file is read."""

    animation: str = option(
        "first", help="an animated or many-paged file: take its first frame with a warning, or refuse it", choices=("first", "refuse")
    )
    salvage: bool | None = option(None, help="take what is there of a damaged JPEG, PNG or TIFF, and say how many rows are missing")

    def __post_init__(self) -> None:
        check(self)


# JPEG keeps nearly all at 95; the others reach that quality at lower figures of their own scales.
JPEG_QUALITY = 95
WEBP_QUALITY = 90
AVIF_QUALITY = 80
JXL_QUALITY = 90
QUALITIES = {"jpeg": JPEG_QUALITY, "webp": WEBP_QUALITY, "avif": AVIF_QUALITY, "jxl": JXL_QUALITY}


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
        return None if self.crop is None else box_from_text("crop", self.crop)


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


# N counts from 0. PyTorch calls ROCm's GPUs cuda too.
DEVICES = ("auto", "cpu", "cuda", "cuda:N", "vulkan", "vulkan:N", "mps", "openvino", "openvino:GPU", "openvino:NPU", "torch")


def check_device(name: str) -> None:
    """Pass if a device can be called so, whether it is there or not.

    Raises: OptionError.
    """
    if not re.fullmatch("|".join(DEVICES).replace(":N|", r":\d{1,3}|"), name):
        raise OptionError(Words(Setting("device"), f" must be one of {', '.join(DEVICES)}, not '{name}'"))


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
