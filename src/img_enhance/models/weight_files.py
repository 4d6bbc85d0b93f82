"""Every weight file that can be downloaded: where it is, which bytes it must be, whose it is, and under which terms."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

WeightFormat = Literal["pth", "safetensors", "onnx"]


@dataclass(frozen=True)
class WeightFile:
    """`file` is its name on this machine. Downloads are bounded by `bytes` and taken only if they have this sha256.

    Where its publisher states no hash, `sha256` is "" and `bytes` are the most that it may have, until it was seen (`weights/pins.py`).
    """

    name: str
    summary: str
    file: str
    format: WeightFormat
    url: str
    bytes: int
    sha256: str
    license: str
    source: str
    paper: str
    license_note: str = ""

    @property
    def is_pinned(self) -> bool:
        """Whether it is known which bytes it must be."""
        return self.sha256 != ""

    @property
    def origin(self) -> str:
        return f"download from {urlsplit(self.url).hostname}"


_REAL_ESRGAN = "https://github.com/xinntao/Real-ESRGAN"
_REAL_ESRGAN_PAPER = "Wang et al., Real-ESRGAN, ICCVW 2021, arXiv:2107.10833"
_GFPGAN = "https://github.com/TencentARC/GFPGAN"
_GFPGAN_PAPER = "Wang et al., GFP-GAN, CVPR 2021, arXiv:2101.04061"
_GFPGAN_NOTE = (
    "The project is under Apache-2.0, but parts of it are under NVIDIA's StyleGAN2 license (for research) and under CC BY-NC-SA "
    "(not for commercial use). Read its LICENSE before you use these weights for anything commercial."
)
_OPENCV_ZOO = "https://github.com/opencv/opencv_zoo"
_EDSR = "https://huggingface.co/eugenesiow/edsr-base"
_EDSR_PAPER = "Lim et al., EDSR, CVPRW 2017, arXiv:1707.02921"
_EDSR_NOTE = "These are the weights of eugenesiow/edsr-base (Apache-2.0), from a copy that states no license of its own."

X2PLUS = WeightFile(
    name="realesrgan-x2plus",
    summary="photos, twice as wide and high",
    file="RealESRGAN_x2plus.pth",
    format="pth",
    url=f"{_REAL_ESRGAN}/releases/download/v0.2.1/RealESRGAN_x2plus.pth",
    bytes=67_061_725,
    sha256="49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
    license="BSD-3-Clause",
    source=_REAL_ESRGAN,
    paper=_REAL_ESRGAN_PAPER,
)
GENERAL_X4V3 = WeightFile(
    name="realesr-general-x4v3",
    summary="photos, small and fast, removes noise",
    file="realesr-general-x4v3.pth",
    format="pth",
    url=f"{_REAL_ESRGAN}/releases/download/v0.2.5.0/realesr-general-x4v3.pth",
    bytes=4_885_111,
    sha256="8dc7edb9ac80ccdc30c3a5dca6616509367f05fbc184ad95b731f05bece96292",
    license="BSD-3-Clause",
    source=_REAL_ESRGAN,
    paper=_REAL_ESRGAN_PAPER,
)
GENERAL_WDN_X4V3 = WeightFile(
    name="realesr-general-wdn-x4v3",
    summary="photos, small and fast, keeps noise; mixed with realesr-general-x4v3 for a denoise strength",
    file="realesr-general-wdn-x4v3.pth",
    format="pth",
    url=f"{_REAL_ESRGAN}/releases/download/v0.2.5.0/realesr-general-wdn-x4v3.pth",
    bytes=4_885_111,
    sha256="1641f8c4464b9f097c9fdda5589273713f67cf59f3d909e0bd688f0cee269dca",
    license="BSD-3-Clause",
    source=_REAL_ESRGAN,
    paper=_REAL_ESRGAN_PAPER,
)
GFPGAN_1_3 = WeightFile(
    name="gfpgan-1.3",
    summary="faces, more natural",
    file="GFPGANv1.3.pth",
    format="pth",
    url=f"{_GFPGAN}/releases/download/v1.3.0/GFPGANv1.3.pth",
    bytes=348_632_874,
    sha256="c953a88f2727c85c3d9ae72e2bd4846bbaf59fe6972ad94130e23e7017524a70",
    license="Apache-2.0, parts non-commercial",
    license_note=_GFPGAN_NOTE,
    source=_GFPGAN,
    paper=_GFPGAN_PAPER,
)
GFPGAN_1_4 = WeightFile(
    name="gfpgan-1.4",
    summary="faces, more detail",
    file="GFPGANv1.4.pth",
    format="pth",
    url=f"{_GFPGAN}/releases/download/v1.3.0/GFPGANv1.4.pth",
    bytes=348_632_874,
    sha256="e2cd4703ab14f4d01fd1383a8a8b266f9a5833dacee8e6a79d3bf21a1b6be5ad",
    license="Apache-2.0, parts non-commercial",
    license_note=_GFPGAN_NOTE,
    source=_GFPGAN,
    paper=_GFPGAN_PAPER,
)
YUNET_2026MAY = WeightFile(
    name="yunet-2026may",
    summary="finds faces",
    file="face_detection_yunet_2026may.onnx",
    format="onnx",
    # The project keeps it in Git's large file storage, whose bytes are at this host.
    url="https://media.githubusercontent.com/media/opencv/opencv_zoo/47534e27c9851bb1128ccc0102f1145e27f23f98"
    "/models/face_detection_yunet/face_detection_yunet_2026may.onnx",
    bytes=229_738,
    sha256="ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
    license="MIT",
    source=_OPENCV_ZOO,
    paper="Wu et al., YuNet, Machine Intelligence Research 2023, doi:10.1007/s11633-023-1423-y",
)
EDSR_BASE_X2 = WeightFile(
    name="edsr-base-x2",
    summary="twice as wide and high, true to the photo, for photos without noise",
    file="edsr-base-x2.bin",
    format="pth",
    url="https://huggingface.co/asrimanth/edsr-base-x2/resolve/26bed6e363103529b71e025b1917d4e86a05a4c3/pytorch_model.bin",
    bytes=5_503_637,
    sha256="30a658a7eae48329e458e6b778566186bccb7ffe8f36f14547ad194001f11777",
    license="Apache-2.0",
    license_note=_EDSR_NOTE,
    source=_EDSR,
    paper=_EDSR_PAPER,
)
EDSR_BASE_X3 = WeightFile(
    name="edsr-base-x3",
    summary="three times as wide and high, true to the photo, for photos without noise",
    file="edsr-base-x3.pt",
    format="pth",
    url=f"{_EDSR}/resolve/d44aba7ce88abb2caae927dff98a40b749ba5a71/pytorch_model_3x.pt",
    bytes=8_000_000,
    sha256="",
    license="Apache-2.0",
    license_note="Its publisher states no hash: what comes at the first download is recorded, and anything else is refused from then on.",
    source=_EDSR,
    paper=_EDSR_PAPER,
)
EDSR_BASE_X4 = WeightFile(
    name="edsr-base-x4",
    summary="four times as wide and high, true to the photo, for photos without noise",
    file="edsr-base-x4.bin",
    format="pth",
    url="https://huggingface.co/asrimanth/edsr-base-x4/resolve/fbd3de001841499095b8e3835cb9c701a23ed30e/pytorch_model.bin",
    bytes=6_095_067,
    sha256="7f409f0a3067e8c14a7cc621a0a2899f916a4fdc6af2f32e20bf7afd1b22168a",
    license="Apache-2.0",
    license_note=_EDSR_NOTE,
    source=_EDSR,
    paper=_EDSR_PAPER,
)
