"""img-enhance makes ordinary photos better: `enhance("photo.jpg")`, or an `Engine` for many photos."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from img_enhance.engine import Engine as Engine
    from img_enhance.engine import enhance as enhance
    from img_enhance.engine.result import Result as Result
    from img_enhance.errors import ImgEnhanceError as ImgEnhanceError
    from img_enhance.photo import Photo as Photo
    from img_enhance.progress import Progress as Progress
    from img_enhance.request.options import Machine as Machine
    from img_enhance.request.options import Output as Output
    from img_enhance.request.recipe import Recipe as Recipe
    from img_enhance.request.step_options import CLAHE as CLAHE
    from img_enhance.request.step_options import GFPGAN as GFPGAN
    from img_enhance.request.step_options import ExposureCorrection as ExposureCorrection
    from img_enhance.request.step_options import RealESRGAN as RealESRGAN
    from img_enhance.request.step_options import SuperImage as SuperImage
    from img_enhance.request.step_options import WhiteBalance as WhiteBalance

# Loaded at first use, so that `import img_enhance` and `img-enhance --help` load neither numpy nor a runtime.
_HOMES = {
    "CLAHE": "request.step_options",
    "Engine": "engine",
    "ExposureCorrection": "request.step_options",
    "GFPGAN": "request.step_options",
    "ImgEnhanceError": "errors",
    "Machine": "request.options",
    "Output": "request.options",
    "Photo": "photo",
    "Progress": "progress",
    "RealESRGAN": "request.step_options",
    "Recipe": "request.recipe",
    "Result": "engine.result",
    "SuperImage": "request.step_options",
    "WhiteBalance": "request.step_options",
    "enhance": "engine",
}

__all__ = [*sorted(_HOMES), "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'img_enhance' has no attribute '{name}'")
    return getattr(import_module(f"img_enhance.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
