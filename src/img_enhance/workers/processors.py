"""Which processors there are and which one works, as /status shows them. A worker sees them; the API asks no device."""

from __future__ import annotations

from typing import Any

from img_enhance.machine.devices import Snapshot
from img_enhance.planning.plan import Device
from img_enhance.workers.protocol import CPU


def seen(used: Device, cpu: Device, snapshot: Snapshot, wanted: str, chosen_by: str) -> dict[str, Any]:
    """The processor and the GPUs that PyTorch and Vulkan find, and why the one that is used was chosen: `wanted` is asked for, by a setting
    unless it is auto."""
    reason = used.reason if wanted == "auto" else chosen_by
    on_gpu = used.place != cpu.place
    processor = {"kind": "cpu", "name": cpu.name, "cores": cpu.cores, "used": not on_gpu}
    gpus = [
        {
            "kind": "gpu" if gpu.is_real else "software",
            "name": gpu.name,
            "place": gpu.place,
            "memory_bytes": gpu.memory_bytes,
            "used": gpu.place == used.place,
        }
        for gpu in (*(snapshot.gpus or ()), *(snapshot.vulkan_gpus or ()))
    ]
    return {"devices": [processor, *gpus], "gpu": {"enabled": wanted != CPU, "used": on_gpu, "reason": reason}}
