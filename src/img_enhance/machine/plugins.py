"""Devices of OpenVINO's own plugins: Intel's GPUs and NPUs; importing this imports OpenVINO."""

import openvino as ov


def plugins() -> tuple[str, ...]:
    """What they are called, "GPU" or "NPU"; with several GPUs "GPU.0" is the first, which "GPU" stands for too."""
    found = (name.partition(".")[0] for name in ov.Core().available_devices)
    return tuple(name for name in dict.fromkeys(found) if name != "CPU")
