"""What the quality bench finds out about a photo."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scores:
    """PSNR in decibels, at most 60; SSIM, the mean of the channels; mean CIEDE2000; mean angle in degrees, None where no pixel counts."""

    psnr: float
    ssim: float
    ciede2000: float
    angle: float | None


@dataclass(frozen=True)
class Measurement:
    """What one method made of one degraded photo."""

    photo: str
    degradation: str
    family: str
    method: str
    scores: Scores


@dataclass(frozen=True)
class Choice:
    """The steps, enlarging left out, that the auto mode chose for one degraded photo."""

    photo: str
    degradation: str
    family: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """All of one photo."""

    measurements: tuple[Measurement, ...]
    choices: tuple[Choice, ...]
