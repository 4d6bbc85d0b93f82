"""What this machine has, as the process may use it."""

import os
from pathlib import Path

import psutil
import pytest

from img_enhance import devices
from img_enhance.devices import detect_cpu, free_bytes
from img_enhance.plan import Device


def test_this_machine_makes_sense(cpu: Device) -> None:
    assert cpu.name
    assert 1 <= cpu.cores <= (os.cpu_count() or 1)
    assert 0 < cpu.rates.f32 <= cpu.rates.bf16
    assert 0 < free_bytes() <= cpu.memory_bytes <= psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("flags", "native"),
    [("fpu sse2", False), ("avx512f", False), ("avx512f avx512_bf16", True), ("avx512f avx512_bf16 amx_bf16 amx_tile", True)],
)
def test_bf16_is_native_only_with_instructions_for_it(flags: str, native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_cpu_flags", lambda: (frozenset(flags.split()), "Test CPU"))
    device = detect_cpu()
    assert device.native_bf16 is native
    assert device.name == "Test CPU"
    assert (device.rates.bf16 > device.rates.f32) is native


def test_rates_grow_with_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_cores", lambda: 1)
    one = detect_cpu().rates
    monkeypatch.setattr(devices, "_cores", lambda: 8)
    assert detect_cpu().rates.f32 == 8 * one.f32


def test_a_containers_limit_is_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def limit(*_names: str) -> int:
        return 600_000_000

    monkeypatch.setattr(devices, "_cgroup_bytes", limit)
    monkeypatch.setattr(devices, "_cgroup_anonymous_bytes", lambda: 200_000_000)
    assert detect_cpu().memory_bytes == 600_000_000
    assert free_bytes() == 400_000_000


def test_no_limit_of_a_container_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "Path", lambda _folder: Path("/nonexistent"))
    assert devices._cgroup_bytes("memory.max") == devices._NO_LIMIT
