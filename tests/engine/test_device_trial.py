"""A GPU by Vulkan is tried once against the CPU, and what came of it is remembered."""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from img_enhance.engine import device_trial
from img_enhance.engine.device_trial import network_seconds, why_slower
from img_enhance.errors import GpuMemoryFull
from img_enhance.machine.kept_trials import begin_trial, trials_file
from img_enhance.models.weights.cache import WeightStore
from img_enhance.planning.plan import Device
from img_enhance.request.options import Machine


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore(tmp_path)


@pytest.fixture
def gpu(cpu: Device) -> Device:
    return dataclasses.replace(cpu, name="GTX", runtime="vulkan", place="vulkan:0")


def measuring(gpu_seconds: float, cpu_seconds: float) -> Callable[[Device, WeightStore], float]:
    return lambda device, _: gpu_seconds if device.runtime == "vulkan" else cpu_seconds


def never(_device: Device, _store: WeightStore) -> float:
    pytest.fail("tried again")


def test_the_faster_one_is_taken_and_remembered(gpu: Device, cpu: Device, store: WeightStore) -> None:
    assert why_slower(gpu, cpu, store=store, seconds=measuring(0.1, 0.4)) == ""
    assert why_slower(gpu, cpu, store=store, seconds=never) == ""


def test_a_gpu_that_is_no_faster_is_said_with_its_seconds(gpu: Device, cpu: Device, store: WeightStore) -> None:
    said = "is no faster than the CPU (0.50 s against 0.40 s in a trial)"
    assert why_slower(gpu, cpu, store=store, seconds=measuring(0.5, 0.4)) == said
    assert why_slower(gpu, cpu, store=store, seconds=never) == said


def test_another_device_or_other_cores_are_another_trial(gpu: Device, cpu: Device, store: WeightStore) -> None:
    why_slower(gpu, cpu, store=store, seconds=measuring(0.5, 0.4))
    assert why_slower(dataclasses.replace(gpu, name="Arc"), cpu, store=store, seconds=measuring(0.1, 0.4)) == ""
    assert why_slower(gpu, dataclasses.replace(cpu, cores=99), store=store, seconds=measuring(0.1, 0.4)) == ""


def test_no_more_processors_are_tried_than_may_be_used(
    gpu: Device, cpu: Device, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[str, int, int | None]] = []

    def seconds(device: Device, _: WeightStore) -> float:
        tried.append((device.runtime, device.cores, device.threads))
        return 0.1 if device.runtime == "vulkan" else 0.4

    cores = dataclasses.replace(cpu, cores=8)
    monkeypatch.setattr(device_trial, "network_seconds", seconds)
    monkeypatch.setattr(device_trial, "find_device", lambda *_, faster, **__: faster(gpu, cores))
    for threads in (1, None):
        device_trial.chosen_device(Machine(threads=threads), store)
    assert [each for each in tried if each[0] != "vulkan"] == [(cpu.runtime, 1, 1), (cpu.runtime, 8, cpu.threads)]


@pytest.mark.parametrize("error", [GpuMemoryFull("the GPU's memory is full"), RuntimeError("driver")])
def test_a_gpu_that_fails_its_trial_is_not_taken(error: Exception, gpu: Device, cpu: Device, store: WeightStore) -> None:
    def failing(_device: Device, _store: WeightStore) -> float:
        raise error

    for seconds in (failing, never):
        said = why_slower(gpu, cpu, store=store, seconds=seconds)
        assert said == f"failed its trial ({error}); to try it again delete {trials_file(store.home)}"


def test_a_driver_that_took_its_process_along_is_not_tried_again(
    gpu: Device, cpu: Device, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 2**22 + 1)  # above what Linux gives
        begin_trial(gpu, cpu, store.home)
    assert why_slower(gpu, cpu, store=store, seconds=never).startswith("did not come back from its trial; to try it again delete")


@pytest.mark.parametrize("text", ["", "[]", '{"version": 0}', '{"version": 1, "trials": {"x": 3}}', "[" * 10000])
def test_a_broken_file_is_none(text: str, gpu: Device, cpu: Device, store: WeightStore) -> None:
    trials_file(store.home).write_text(text)
    assert why_slower(gpu, cpu, store=store, seconds=measuring(0.1, 0.4)) == ""
    assert json.loads(trials_file(store.home).read_text())["version"] == 1


def test_a_folder_that_cannot_be_written_hinders_nobody(gpu: Device, cpu: Device, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert why_slower(gpu, cpu, store=WeightStore(tmp_path / "file" / "home"), seconds=measuring(0.1, 0.4)) == ""


def test_the_trial_runs_on_the_cpu_too(cpu: Device, store: WeightStore) -> None:
    assert 0 < network_seconds(cpu, store) < 600
