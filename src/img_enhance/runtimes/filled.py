"""Windows made as large as a network of another program wants them, and its answers cut to what was asked."""

import numpy as np

from img_enhance.cancelling import Tick
from img_enhance.models.networks.foreign import ForeignNetwork
from img_enhance.runtimes.runtime import Array, Compiled, Picture


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
        """The (H, W, 3) answer to an (H, W, 3) window; it is overwritten by the next run."""
        (window,) = inputs
        scale, (height, width) = self._network.scale, window.shape[:2]
        whole = filled(window, self._network)
        answer = self._compiled.run([whole], tick)
        if tuple(answer.shape[:2]) != (whole.shape[0] * scale, whole.shape[1] * scale):
            return answer  # cut to fit, nobody would see that it is none
        return answer[: height * scale, : width * scale]

    def release(self) -> None:
        """Give the scratch memory back; the next run takes it again."""
        self._compiled.release()
