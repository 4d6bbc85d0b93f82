"""Runtimes: each implements the operations that networks are written in."""

import sys

from img_enhance.errors import DeviceError
from img_enhance.models.architecture import Architecture
from img_enhance.models.networks.dat import DAT
from img_enhance.models.networks.foreign import ForeignNetwork
from img_enhance.models.networks.segment import Precision
from img_enhance.planning.plan import Device
from img_enhance.runtimes.runtime import Runtime

# OpenVINO is to find its package for statistics missing: it would report every start to its maker. And it does so from a forked process, at
# a moment when numpy may be multiplying: its threads are then gone and it waits for them for ever (seen in 3 of 180 starts, 2026-11).
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

# Networks of operations that are not written for ncnn yet.
_NOT_BY_VULKAN = (DAT,)


def runtime_on(device: Device, precision: Precision) -> Runtime:
    """The device's runtime in this precision; only that one is imported."""
    if device.runtime == "torch":
        from img_enhance.runtimes.torch import Torch

        return Torch(precision, place=device.place, channels_last=device.channels_last, threads=device.threads)
    if device.runtime == "vulkan":
        from img_enhance.runtimes.vulkan import Vulkan

        return Vulkan(precision, place=device.place, threads=device.threads)
    from img_enhance.runtimes.openvino import OpenVINO

    return OpenVINO(precision, place=device.place, threads=device.threads)


def foreign_runtime(network: ForeignNetwork, device: Device, precision: Precision) -> Runtime:
    """The program that runs a network which is not written in our operations, on this device, which `can_run` it.

    Raises: DeviceError where spandrel is not installed.
    """
    if network.program == "spandrel":
        try:
            from img_enhance.runtimes.spandrel import Spandrel
        except ModuleNotFoundError as error:
            raise DeviceError(f"{network.described} needs {error.name}", "run: pip install 'img-enhance[spandrel]'") from None

        return Spandrel(network, precision, place=device.place, threads=device.threads)
    from img_enhance.runtimes.onnx import Onnx

    return Onnx(network, precision, place=device.place, threads=device.threads)


def can_run(network: Architecture, device: Device) -> bool:
    """Whether the device's runtime, or the network's own program, runs it there; on the CPU of any machine one does."""
    if isinstance(network, ForeignNetwork):
        return device.place == "cpu" or device.runtime == ("openvino" if network.program == "onnx" else "torch")
    return device.runtime != "vulkan" or not isinstance(network, _NOT_BY_VULKAN)
