"""How long work takes: what is known before this machine was measured, and where `doctor` has measured it, what it found.

Speeds only say how long work will take. They decide nothing: the same photo, settings and machine make the same plan, measured or not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from img_enhance.models.networks.segment import Precision

# How a network runs over a picture: as one stage, or in several, whose windows are larger and whose rate is another.
Cut = Literal["whole", "stages"]

# Where more work takes hardly longer than little, what is seen is what else went on, and not the rate.
_LEAST_RISE = 1.2


@dataclass(frozen=True)
class Speed:
    """Seconds that work takes whatever its amount, and how much of it is done in a second: pixels, or operations of a network."""

    start_seconds: float
    per_second: float

    def seconds(self, amount: float) -> float:
        """How long so much work takes."""
        return self.start_seconds + amount / self.per_second


# By the names below. What is not there has not been measured.
Speeds = Mapping[str, Speed]


def network_work(title: str, precision: Precision, cut: Cut) -> str:
    """The name of a network's work."""
    return f"network {title} {precision} {cut}"


def step_work(step: str) -> str:
    """The name of the work of a step on light."""
    return f"step {step}"


def reading_work(format: str) -> str:
    """The name of reading photos of a format."""
    return f"read {format}"


def writing_work(format: str) -> str:
    """The name of writing photos of a format."""
    return f"write {format}"


RESAMPLING, DETECTING = "resample", "faces"

# Of photos of 8 bits in the usual qualities, where nothing was measured yet: processor seconds on a server with Zen 4 (2026-11); those of
# formats that are only read are estimates.
_USUAL_SPEEDS: Speeds = {
    RESAMPLING: Speed(0.01, 220e6),
    DETECTING: Speed(1.5, 1e12),
    **{step_work(step): Speed(0.05, 20e6) for step in ("white_balance", "exposure_correction", "clahe")},
    **{
        reading_work(format): Speed(start, per_second)
        for format, start, per_second in (
            ("jpeg", 0.01, 130e6),
            ("png", 0.01, 60e6),
            ("webp", 0.01, 55e6),
            ("tiff", 0.01, 110e6),
            ("avif", 0.02, 20e6),
            ("jxl", 0.6, 15e6),
            ("gif", 0.01, 60e6),
            ("bmp", 0.01, 100e6),
            ("heic", 0.5, 20e6),
            ("raw", 0.7, 4e6),
        )
    },
    **{
        writing_work(format): Speed(start, per_second)
        for format, start, per_second in (
            ("jpeg", 0.01, 170e6),
            ("png", 0.01, 17e6),
            ("webp", 0.02, 10e6),
            ("tiff", 0.01, 18e6),
            ("avif", 0.1, 3e6),
            ("jxl", 0.1, 2e6),
        )
    },
}


def usual(work: str) -> Speed:
    """How fast work is on a usual machine, where this one was not measured.

    Raises: KeyError for work that is not named above; a network's depends on the device (`Rates`).
    """
    return _USUAL_SPEEDS[work]


def seconds_of(work: str, amount: float, speeds: Speeds) -> float:
    """How long so much work takes on a machine of these speeds."""
    return speeds.get(work, _USUAL_SPEEDS[work]).seconds(amount)


def fitted(small: tuple[float, float], large: tuple[float, float]) -> Speed | None:
    """The speed at which two amounts of the same work took so many seconds, pairs of amount and seconds; None where they do not tell it."""
    (little, sooner), (much, later) = small, large
    if later < sooner * _LEAST_RISE:
        return None
    rate = (much - little) / (later - sooner)
    return Speed(max(0.0, sooner - little / rate), rate)
