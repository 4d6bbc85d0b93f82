"""What this machine has: processors, their rates, memory."""

import os
import platform
from pathlib import Path

import psutil

from img_enhance.plan import Device, Rates

# GFLOP/s that a core reaches on 3x3 convolutions of 32 to 64 channels, by the widest instructions it has. Measured 2026-11 on a
# server with AMX (first row) and one with AVX-512 bf16 (second); the last two rows are estimates. They only say how long work takes.
_RATES_PER_CORE = (
    ("amx_bf16", Rates(f32=150, bf16=830)),
    ("avx512_bf16", Rates(f32=200, bf16=420)),
    ("avx512f", Rates(f32=110, bf16=110)),
    ("", Rates(f32=50, bf16=50)),
)


def detect_cpu() -> Device:
    """The processor of this machine, as the process may use it."""
    flags, name = _cpu_flags()
    cores = _cores()
    rates = next(rates for flag, rates in _RATES_PER_CORE if not flag or flag in flags)
    return Device(
        name=name,
        cores=cores,
        native_bf16="avx512_bf16" in flags or "amx_bf16" in flags,
        rates=Rates(f32=rates.f32 * cores, bf16=rates.bf16 * cores),
        memory_bytes=min(int(psutil.virtual_memory().total), _cgroup_bytes("memory.max", "memory/memory.limit_in_bytes")),
    )


def free_bytes() -> int:
    """Memory that this process could take right now without anything being killed or swapped."""
    limit = _cgroup_bytes("memory.max", "memory/memory.limit_in_bytes")
    used = _cgroup_anonymous_bytes() if limit < psutil.virtual_memory().total else 0
    return min(int(psutil.virtual_memory().available), limit - used)


def _cpu_flags() -> tuple[frozenset[str], str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset(), platform.processor() or platform.machine()
    facts = {}
    for line in text.split("\n\n", 1)[0].splitlines():
        key, _, value = line.partition(":")
        facts[key.strip()] = value.strip()
    return frozenset(facts.get("flags", "").split()), facts.get("model name", platform.machine())


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_NO_LIMIT = 2**62


def _cgroup_bytes(*names: str) -> int:
    """The smallest limit that a container has set (cgroup v2, then v1)."""
    for name in names:
        try:
            text = (Path("/sys/fs/cgroup") / name).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            return int(text)
    return _NO_LIMIT


def _cgroup_anonymous_bytes() -> int:
    try:
        lines = Path("/sys/fs/cgroup/memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("anon ", "shmem ")))
