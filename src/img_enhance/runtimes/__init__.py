"""Runtimes: each implements the operations that networks are written in."""

from img_enhance.models import Precision
from img_enhance.plan import Device
from img_enhance.runtimes.runtime import Runtime


def runtime_on(device: Device, precision: Precision) -> Runtime:
    """The device's runtime in this precision; only that one is imported."""
    if device.runtime == "torch":
        from img_enhance.runtimes.torch import Torch

        return Torch(precision, place=device.place, channels_last=device.channels_last)
    from img_enhance.runtimes.openvino import OpenVINO

    return OpenVINO(precision)
