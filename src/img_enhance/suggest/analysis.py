"""What can be measured of a photo: light, clipping, noise, blur, traces of JPEG, its kind. What follows from it is for `suggest`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import encoding_of
from img_enhance.photo import Photo
from img_enhance.request.step_options import ExposureCorrection, WhiteBalance
from img_enhance.steps import exposure_correction, white_balance
from img_enhance.suggest.kind import kind_of
from img_enhance.suggest.texture import Texture, measure_texture

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

# Light is measured on every n-th pixel of every n-th row, so many at most: percentiles of more differ in the fourth digit.
LATTICE_PIXELS = 500_000

# Percentiles are of everything that is not fully transparent.
_PERCENTILES = (1, 5, 25, 50, 75, 95, 99)

# The least light in the mean of logarithms: a tenth of the lowest 8-bit sRGB step, so that black does not pull it to nothing.
_LEAST_LIGHT = 3e-5


@dataclass(frozen=True)
class Luminance:
    """Linear light, black 0 and white 1. `log_average` is the geometric mean (Reinhard et al., Photographic Tone Reproduction, 2002)."""

    p1: float
    p5: float
    p25: float
    median: float
    p75: float
    p95: float
    p99: float
    log_average: float


@dataclass(frozen=True)
class Cast:
    """The colour of the light: correlated temperature, Duv (positive towards green; daylight has about 0.003), confidence in [0, 1].

    `strength` is the part of it that white_balance takes out where it is asked for.
    """

    kelvin: float
    duv: float
    confidence: float
    strength: float = 1.0


@dataclass(frozen=True)
class PhotoFacts:
    """What was measured of a photo. None stands for "not known".

    `visible_fraction` is of pixels that are not fully transparent, `black_fraction` of visible ones whose channels are all 0 (in 8 bits),
    `white_fraction` of those with a channel at 255. `rms_contrast` is the standard deviation of CIE lightness, 0 to 50 (Peli, Contrast in
    complex images, 1990). `exposure_stops` is what exposure_correction would change, `exposure_confidence` in [0, 1] how sure that is,
    `cast` what white_balance finds (nothing in a grey photo). `kind` is one of KINDS (`kind.py`) and `kind_confidence`, in [0.5, 1], how
    sure that is; `flatness`, in [0, 1], is the share of neighbours that do not differ. `jpeg_quality` is that of the file's own tables,
    `faces` what a detector counted, and where there is none `maybe_faces` whether there may be some (`suggest.py`).
    """

    width: int
    height: int
    depth_bits: int
    grey: bool
    has_alpha: bool
    visible_fraction: float
    luminance: Luminance
    black_fraction: float
    white_fraction: float
    rms_contrast: float
    exposure_stops: float
    exposure_confidence: float
    cast: Cast | None
    texture: Texture
    kind: str | None = None
    kind_confidence: float | None = None
    flatness: float | None = None
    jpeg_quality: int | None = None
    faces: int | None = None
    maybe_faces: bool | None = None

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6

    def record(self) -> dict[str, Any]:
        """The facts as JSON values, with five digits."""
        values: dict[str, Any] = _rounded({"megapixels": self.megapixels, **dataclasses.asdict(self)})
        return values


def analyse(photo: Photo, *, jpeg_quality: int | None = None) -> PhotoFacts:
    """What can be measured of `photo`, which is looked at in places, never copied nor changed; the same photo gives the same facts.

    `jpeg_quality` is what the file it came from says.
    """
    sparse = thinned(photo)
    seen = sparse.pixels.reshape(-1, 3) if sparse.alpha is None else sparse.pixels[sparse.alpha > 0]
    light = encoding_of(photo.metadata.icc).decode(seen) @ encoding_of(photo.metadata.icc).luminance
    brightest = np.maximum(np.maximum(seen[:, 0], seen[:, 1]), seen[:, 2]) >> (photo.depth - 8)
    exposed = exposure_correction.measure(photo, ExposureCorrection())
    kind = kind_of(photo)
    return PhotoFacts(
        width=photo.size.width,
        height=photo.size.height,
        depth_bits=photo.depth,
        grey=photo.grey,
        has_alpha=photo.alpha is not None,
        visible_fraction=len(seen) / max(1, sparse.size.pixels),
        luminance=_luminance(light),
        black_fraction=_share(brightest == 0),
        white_fraction=_share(brightest == 255),
        rms_contrast=float(lightness(light).std()) if light.size else 0.0,
        exposure_stops=exposed.ev,
        exposure_confidence=exposed.confidence,
        cast=_cast(photo),
        texture=measure_texture(photo),
        kind=kind.name if kind else None,
        kind_confidence=kind.confidence if kind else None,
        flatness=kind.flatness if kind else None,
        jpeg_quality=jpeg_quality,
    )


def _cast(photo: Photo) -> Cast | None:
    if photo.grey:
        return None
    found = white_balance.measure(photo, WhiteBalance())
    return Cast(found.kelvin, found.duv, found.confidence, found.strength)


def thinned(photo: Photo, most_pixels: int = LATTICE_PIXELS) -> Photo:
    """Every n-th pixel of every n-th row of `photo`, a view of at most about `most_pixels`."""
    step = max(1, ceil(sqrt(photo.size.pixels / most_pixels)))
    alpha = None if photo.alpha is None else photo.alpha[::step, ::step]
    return dataclasses.replace(photo, pixels=photo.pixels[::step, ::step], alpha=alpha)


def lightness(luminance: Any) -> Floats:
    """CIE lightness L*, 0 to 100, of linear light in [0, 1]. Source: CIE 15:2004, 8.2.1."""
    y = np.asarray(luminance, np.float32)
    return np.asarray(np.where(y > (6 / 29) ** 3, 116 * np.cbrt(y) - 16, y * (29 / 3) ** 3), np.float32)


def _luminance(light: Floats) -> Luminance:
    if not light.size:
        return Luminance(0, 0, 0, 0, 0, 0, 0, 0)
    log_average = float(np.exp(np.log(np.maximum(light, _LEAST_LIGHT), dtype=np.float64).mean()))
    p1, p5, p25, median, p75, p95, p99 = np.percentile(light, _PERCENTILES).tolist()
    return Luminance(p1, p5, p25, median, p75, p95, p99, log_average)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _share(mask: Mask) -> float:
    return float(mask.mean()) if mask.size else 0.0
