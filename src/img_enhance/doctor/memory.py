"""Memory that this process may take."""

from collections.abc import Iterator

from img_enhance.doctor.finding import Finding, ok, warning
from img_enhance.doctor.patient import Patient
from img_enhance.machine import cgroups
from img_enhance.machine.devices import detect_cpu, free_bytes
from img_enhance.planning.planner import RESERVED_BYTES, allowed_bytes
from img_enhance.units import bytes_text

# Beside what the program itself takes: enough for a photo of some megapixels.
_LEAST_BYTES = 4 * RESERVED_BYTES


def memory(_: Patient) -> Iterator[Finding]:
    """All there is, what is free, and what a photo may take."""
    device, free = detect_cpu(), free_bytes()
    limited = device.memory_bytes == cgroups.memory_limit()
    there = f"{bytes_text(device.memory_bytes)}{' (its container is allowed no more)' if limited else ''}, {bytes_text(free)} free now"
    if free < _LEAST_BYTES:
        yield warning("Memory", f"{there}: too little for most photos", "close other programs")
    else:
        yield ok("Memory", f"{there}; a photo is given at most {bytes_text(allowed_bytes(None, device))}, large ones go by parts")
