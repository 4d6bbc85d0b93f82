"""What the bench of light finds out about photos and ways to correct them."""

from collections.abc import Callable
from dataclasses import dataclass

from photos import Pixels

# Takes and gives (H, W, 3) uint8 sRGB, and leaves what it is given unchanged.
Way = Callable[[Pixels], Pixels]

# What is right as it is may change by a mean CIEDE2000 that nobody sees; what is dark, bright or coloured by nature by a little;
# what is too dark must gain so much mean L*.
WISHES = LEAVE, GENTLE, LIFT = ("leave", "gentle", "lift")
_MOST_CHANGE = {LEAVE: 0.5, GENTLE: 4.0}
_LEAST_LIFT = 10.0


@dataclass(frozen=True)
class Distances:
    """Mean CIEDE2000 to both right pictures; PSNR in decibels, at most 60, and SSIM to the first."""

    to_truth: float
    to_fusion: float
    psnr: float
    ssim: float


@dataclass(frozen=True)
class Effects:
    """What a correction did besides.

    `clipped` is the share of pixels that are clipped and were not before; `chroma` and `local_contrast` are means, and what they are of the
    right picture; `gaps` are the codes that no smooth pixel has, as a share of those in use, less that share before; None where
    too little is smooth.
    """

    clipped: float
    chroma: float
    chroma_of_truth: float
    local_contrast: float
    local_contrast_of_truth: float
    gaps: float | None


@dataclass(frozen=True)
class Measurement:
    """What a way made of a frame. `case` is one of CASES, or None where the frame is measured for its high contrast alone."""

    scene: str
    frame: str
    case: str | None
    high_contrast: bool
    way: str
    seconds: float
    distances: Distances
    effects: Effects


@dataclass(frozen=True)
class Judgement:
    """What a way did to a photo: mean CIEDE2000 from before, and how much mean L* was gained."""

    photo: str
    what: str
    wish: str
    way: str
    changed: float
    lifted: float

    @property
    def granted(self) -> bool:
        return self.lifted >= _LEAST_LIFT if self.wish == LIFT else self.changed <= _MOST_CHANGE[self.wish]
