"""Windows made as large as a network of another program wants them, and its answers cut to what was asked."""

import numpy as np

from img_enhance.cancelling import Tick
from img_enhance.errors import UnsupportedModel
from img_enhance.models.networks.foreign import ForeignNetwork
from img_enhance.runtimes.runtime import Array, Compiled, Picture

# What OpenVINO says around the reason.
_FRAMING = ("Exception from", "Check '", "Conversion summary", "failed at", "Summary:")
_LONGEST_REASON = 300
# What programs raise that stumble over a picture: OpenVINO and PyTorch the first, classes of spandrel's any of them.
_FAILURES = (RuntimeError, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


def filled(window: Picture, network: ForeignNetwork) -> Picture:
    """The window, mirrored at its right and lower edge until the network takes its size."""
    height, width = window.shape[:2]
    sides = [max(height, network.least, network.height), max(width, network.least, network.width)]
    if network.square:
        sides = [max(sides)] * 2
    sides = [-(-side // network.cell) * network.cell for side in sides]
    if sides == [height, width]:
        return window
    return np.pad(window, ((0, sides[0] - height), (0, sides[1] - width), (0, 0)), mode="reflect")


class Filled:
    """A compiled network that gets filled windows."""

    def __init__(self, compiled: Compiled, network: ForeignNetwork) -> None:
        self._compiled, self._network = compiled, network

    def run(self, inputs: list[Array], tick: Tick) -> Array:
        """The (H, W, 3) answer to an (H, W, 3) window; it is overwritten by the next run.

        Raises: UnsupportedModel where the network's own program fails.
        """
        (window,) = inputs
        scale, (height, width) = self._network.scale, window.shape[:2]
        whole = filled(window, self._network)
        try:
            answer = self._compiled.run([whole], tick)
        except _FAILURES as error:
            size = f"{whole.shape[1]}x{whole.shape[0]}"
            raise UnsupportedModel(f"a network ({self._network.described}) does not run with {size} pixels: {reason_of(error)}") from None
        if tuple(answer.shape[:2]) != (whole.shape[0] * scale, whole.shape[1] * scale):
            return answer  # cut to fit, nobody would see that it is none
        return answer[: height * scale, : width * scale]

    def release(self) -> None:
        """Give the scratch memory back; the next run takes it again."""
        self._compiled.release()


def reason_of(error: Exception) -> str:
    """What a program says, without the places in its code, and the kind of an error that does not say what it is by itself."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = " ".join(line for line in lines if line and not line.startswith(_FRAMING))
    kind = "" if isinstance(error, RuntimeError) else type(error).__name__
    return ascii((": ".join(filter(None, (kind, said))) or "no reason")[:_LONGEST_REASON])[1:-1]
