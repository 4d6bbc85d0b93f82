"""The processor: what it can do, how much of it this process may use, and whether others use it now."""

import hashlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from img_enhance.doctor.finding import Finding, ok, warning
from img_enhance.doctor.patient import Patient
from img_enhance.machine.devices import cpu_flags, detect_cpu

# What instructions mean, the best first; a machine has those of the first row all of whose flags it has (`_RATES_PER_CORE`).
_MEANINGS = (
    ({"amx_bf16"}, "AMX, AVX-512 and bf16: networks run in bf16, as fast as on any processor"),
    ({"avx512_bf16"}, "AVX-512 and bf16, no AMX: networks run in bf16, about twice as fast as in f32; with AMX they would be faster still"),
    ({"avx512f"}, "AVX-512, no bf16 and no AMX: networks run in f32, several times slower than on processors with AMX"),
    (
        {"avx2"},
        "AVX2, no AVX-512, bf16 or AMX: networks run in f32, slowly; for large photos the model realesr-animevideov3 is 25 times faster",
    ),
)
_UNKNOWN = "which instructions it has cannot be seen on this system; networks run in f32"

# Below this share of the cores, measured speeds are too low to tell how long work takes on an idle machine.
_LEAST_SHARE = 0.85
WATCHED_SECONDS = 0.4
_BLOCK = bytes(1 << 16)


def processor(_: Patient) -> Iterator[Finding]:
    """Its instructions, and the cores that may be used."""
    device, flags = detect_cpu(), cpu_flags()
    yield ok("Processor", f"{device.name}; {next((meaning for needed, meaning in _MEANINGS if needed <= flags), _UNKNOWN)}")
    there = os.cpu_count() or device.cores
    if device.cores < there:
        yield ok("Cores", f"{device.cores} of {there} may be used; this process (or its container) is allowed no more")
    else:
        yield ok("Cores", f"{device.cores}, all may be used")


def idleness(_: Patient) -> Iterator[Finding]:
    """Whether other programs use the processor now."""
    cores = detect_cpu().cores
    share = share_of(cores, seconds=WATCHED_SECONDS)
    if share >= _LEAST_SHARE:
        yield ok("Load", "the processor is idle, so the speeds measured below are right")
    else:
        busy = f"{100 * (1 - share):.0f} % of the processor is taken by other programs: what is measured below is slower than it could be"
        yield warning("Load", busy, "close other programs and run: img-enhance doctor")


def share_of(cores: int, *, seconds: float) -> float:
    """The share of so many cores that this process gets if it asks for all of them, 0 to 1."""

    def work(until: float) -> None:
        while time.perf_counter() < until:
            hashlib.sha256(_BLOCK).digest()  # lets go of Python's lock, so that threads run side by side

    started, used = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(work, [started + seconds] * cores))
    return min(1.0, (time.process_time() - used) / ((time.perf_counter() - started) * cores))
