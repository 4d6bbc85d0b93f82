"""What is compared: each way takes and gives (H, W, 3) uint8 sRGB."""

from functools import partial

from light.measurements import Way
from quality import ours
from quality.peers import no_change

NO_CHANGE, AUTO, BY_HAND = "no change", "ours, auto", "ours, by hand"

OURS: dict[str, Way] = {
    NO_CHANGE: no_change,
    AUTO: ours.auto_corrected,
    BY_HAND: partial(ours.corrected, step="exposure_correction"),
}
