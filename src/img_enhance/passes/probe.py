"""A short trial that shows whether a network computes what it should, on this device, in this precision, cut up as planned."""

import dataclasses

import numpy as np

from img_enhance.errors import DeviceError
from img_enhance.geometry import Box, Size
from img_enhance.models.networks.segment import Precision
from img_enhance.passes.sweep import Network, sweep
from img_enhance.planning.sweep_plan import CHANNELS, SweepPlan
from img_enhance.runtimes.reference import run_reference
from img_enhance.runtimes.runtime import Picture
from img_enhance.words import Setting

# A working bf16 gives 49 dB or more on this picture and a working f32 more than 100; broken arithmetic gives less than 30.
# Values stored as f16 give 63 dB or more (2026-11, Vulkan).
LEAST_DECIBELS: dict[Precision, float] = {"bf16": 40.0, "f16": 48.0, "f32": 80.0}

_SIDE = 16


class PrecisionRefused(DeviceError):
    """A network strays too far from the reference in this precision on this device."""

    code = "precision_refused"


def probe(network: Network, plan: SweepPlan) -> float:
    """PSNR in decibels of the network's answer against the numpy reference, or its own program's answer in f32 on the CPU where another
    program runs it; run in the stages of `plan`.

    Raises: PrecisionRefused below LEAST_DECIBELS, NotFinite when the answer is not finite.
    """
    size, result = Size(_SIDE, _SIDE), Size(_SIDE, _SIDE).scaled(plan.model.scale)
    small = dataclasses.replace(plan, size=size, result=result, core=size.cells(plan.cell).box, area_rows=1, area_columns=1)
    if network.exact is None:
        expected = run_reference(network.segments, network.weights, probe_picture())
    elif network.exact is network.runtime:
        expected = None  # its answer is looked at, and there is none to compare it with
    else:
        exact = Network(network.segments, network.weights, network.exact)
        try:
            expected = _swept(exact, small)
        finally:
            exact.close()
    found = _swept(network, small)
    if expected is None:
        return float("inf")
    decibels = psnr(found, expected)
    if decibels < LEAST_DECIBELS[plan.precision]:
        raise PrecisionRefused(
            f"{plan.model.title} in {plan.precision} is {decibels:.0f} dB from the reference on this device, "
            f"at least {LEAST_DECIBELS[plan.precision]:.0f} dB are needed",
            *("use ", Setting("precision", "f32"), " or another device"),
        )
    return decibels


def _swept(network: Network, plan: SweepPlan) -> Picture:
    """The network's answer to the probe's picture, made as the plan says."""
    picture = probe_picture()
    found = np.empty((plan.result.height, plan.result.width, CHANNELS), np.float32)

    def read(box: Box) -> Picture:
        return picture[box.slices]

    def write(box: Box, pixels: Picture) -> None:
        found[box.slices] = pixels

    sweep(network, read, write, plan, tick=lambda: None, done=lambda _: None)
    return found


def probe_picture() -> Picture:
    """A frozen (16, 16, 3) picture in [0, 1] with an edge, a ramp and some texture."""
    texture = np.random.RandomState(20261123).rand(_SIDE, _SIDE, CHANNELS)
    ramp = np.linspace(0, 1, _SIDE)[:, None, None]
    edge = (np.arange(_SIDE) > _SIDE // 3)[None, :, None]
    return np.asarray(0.5 * ramp + 0.3 * edge + 0.2 * texture, np.float32)


def psnr(found: Picture, expected: Picture) -> float:
    """Peak signal-to-noise ratio in decibels of pictures in [0, 1]; infinite when they are equal."""
    error = float(np.mean((found.astype(np.float64) - expected) ** 2))
    return float("inf") if error == 0 else -10 * float(np.log10(error))
