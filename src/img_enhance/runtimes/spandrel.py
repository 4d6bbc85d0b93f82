"""Networks that spandrel knows and we do not, run whole by its own classes on PyTorch.

It is given tensors that our own reader has read, and never a file: its reader would unpickle.
"""

from typing import Any

import numpy as np
import spandrel
import torch

from img_enhance.cancelling import Tick
from img_enhance.errors import UnsupportedModel
from img_enhance.geometry import Size
from img_enhance.machine.gpus import empty_cache, unless_full
from img_enhance.machine.memory import give_back
from img_enhance.models.networks.foreign import ForeignNetwork
from img_enhance.models.networks.segment import NamedWeights, Precision, Segment
from img_enhance.planning.sweep_plan import CHANNELS
from img_enhance.runtimes.filled import Filled, reason_of
from img_enhance.runtimes.runtime import Array, Compiled, Picture
from img_enhance.runtimes.torch import Torch, exact


def network_of(weights: NamedWeights) -> ForeignNetwork:
    """What spandrel says of the network that these tensors are of, before it is measured.

    Raises: UnsupportedModel for one that spandrel does not know either, or that does not make pictures in colour of pictures in colour.
    """
    network = _loaded(weights)
    title = ascii(f"{network.architecture.name} {' '.join(network.tags)}".strip()[:100])[1:-1]
    if not isinstance(network, spandrel.ImageModelDescriptor) or network.purpose not in ("SR", "Restoration"):
        raise UnsupportedModel(f"it is {title}, a network for {network.purpose}", "networks that enlarge or restore photos are taken")
    if (network.input_channels, network.output_channels) != (CHANNELS, CHANNELS):
        channels = f"{network.input_channels} channels and answers with {network.output_channels}"
        raise UnsupportedModel(f"it is {title}, and takes pictures of {channels}", "networks for pictures in colour are taken")
    size = network.size_requirements
    return ForeignNetwork(
        program="spandrel",
        described=f"{title} by spandrel",
        scale=network.scale,
        cell=size.multiple_of,
        least=max(1, size.minimum),
        square=size.square,
        # What its authors would not have in tiles is made as a whole, however far it was seen to look.
        sees_all=network.tiling is not spandrel.ModelTiling.SUPPORTED,
        bf16=network.supports_bfloat16,
    )


class Spandrel:
    """Runs a network on `place`, a device as PyTorch names it."""

    needs_second_opinions = Torch.needs_second_opinions

    def __init__(self, network: ForeignNetwork, precision: Precision, *, place: str = "cpu", threads: int | None = None) -> None:
        self.precision = precision
        self._network, self._torch = network, Torch(precision, place=place, threads=threads)

    def compile(self, _segments: tuple[Segment, ...], weights: NamedWeights) -> Compiled:
        """The network, for windows of any size.

        Raises: UnsupportedModel where spandrel does not know it; GpuMemoryFull when the device's own memory has no room for it.
        """
        network, device, dtype = _loaded(weights), self._torch.device, self._torch.dtype
        return Filled(_Compiled(unless_full(lambda: network.to(device, dtype)), device, dtype), self._network)

    def features(self, size: Size, channels: int) -> Array:
        """As PyTorch's, though the network runs in one stage and has none between."""
        return self._torch.features(size, channels)

    def is_finite(self, values: Array) -> bool:
        """Whether no value is NaN or infinite."""
        return self._torch.is_finite(values)

    def picture(self, answer: Array) -> Picture:
        """The answer as a numpy array, which may be changed."""
        return self._torch.picture(answer)


class _Compiled:
    """A network of spandrel's, one window at a time."""

    def __init__(self, network: Any, device: torch.device, dtype: torch.dtype) -> None:
        self._network, self._device, self._dtype = network, device, dtype
        self._asked = _Asked()
        network.eval()
        for layer in network.model.modules():  # so that a window can be stopped between any two layers
            layer.register_forward_pre_hook(self._asked)

    def run(self, inputs: list[Any], tick: Tick) -> torch.Tensor:
        """The (H, W, 3) answer to an (H, W, 3) window. `tick` is called before every layer and may raise.

        Raises: GpuMemoryFull when the device's own memory is full.
        """
        (window,) = inputs
        self._asked.tick = tick
        try:
            with torch.inference_mode(), exact():
                return unless_full(lambda: self._answer(torch.from_numpy(np.ascontiguousarray(window))))
        finally:
            self._asked.tick = _never

    def _answer(self, window: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self._network(window.to(self._device, self._dtype).permute(2, 0, 1)[None])
        return answer[0].permute(1, 2, 0)

    def release(self) -> None:
        """Give the scratch memory back; the next run takes it again."""
        empty_cache()
        give_back()


class _Asked:
    """Whom layers ask before they run. They know this and not the network: as long as one knew the other, its memory would not be given
    back when nobody uses it any more, but when Python next looks for such rings."""

    def __init__(self) -> None:
        self.tick: Tick = _never

    def __call__(self, *_: object) -> None:
        self.tick()


def _never() -> None:
    """Nobody asks to stop."""


def _loaded(weights: NamedWeights) -> Any:
    """The network with its weights.

    Raises: UnsupportedModel.
    """
    tensors = {name: torch.from_numpy(np.array(values)) for name, values in weights.items()}
    try:
        return spandrel.MAIN_REGISTRY.load(spandrel.canonicalize_state_dict(tensors))
    except spandrel.UnsupportedModelError:
        raise UnsupportedModel("spandrel does not know it either") from None
    except Exception as error:  # noqa: BLE001 - its classes raise whatever they stumble over
        raise UnsupportedModel(f"spandrel cannot load it ({reason_of(error)})") from None
