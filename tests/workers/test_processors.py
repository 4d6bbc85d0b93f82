"""A GPU is used only where ENABLE_GPU says so, and /status says what there is and why."""

import dataclasses
from pathlib import Path

import pytest
from served import Served, served

from img_enhance.machine.devices import Snapshot, choose, detect_cpu, device_of
from img_enhance.machine.gpu import Gpu
from img_enhance.workers.child import NO_GPU
from img_enhance.workers.processors import seen

GPUS = (Gpu("cuda:0", "First", 8_000_000_000, True), Gpu("cuda:1", "Second", 4_000_000_000, False))
WITH_GPUS = Snapshot(openvino=True, torch=True, drivers=("NVIDIA",), gpus=GPUS)


def test_the_first_gpu_is_used_and_all_are_shown() -> None:
    found = seen(device_of(choose("auto", WITH_GPUS, require_gpu=False)), detect_cpu(), WITH_GPUS, "auto", "")
    assert [(row["kind"], row["used"]) for row in found["devices"]] == [("cpu", False), ("gpu", True), ("gpu", False)]
    assert found["devices"][1]["memory_bytes"] == 8_000_000_000
    assert found["gpu"] == {"enabled": True, "used": True, "reason": "auto: the first GPU"}


def test_a_gpu_by_vulkan_is_shown_and_used() -> None:
    gpu = Gpu("vulkan:0", "GTX 1650 Ti", 3_000_000_000, False)
    snapshot = Snapshot(openvino=True, torch=False, drivers=(), vulkan=True, vulkan_gpus=(gpu,))
    found = seen(device_of(choose("vulkan", snapshot, require_gpu=False)), detect_cpu(), snapshot, "vulkan", "DEVICE is vulkan")
    assert found["gpu"] == {"enabled": True, "used": True, "reason": "DEVICE is vulkan"}
    assert [(row["name"], row["used"]) for row in found["devices"][1:]] == [("GTX 1650 Ti", True)]


def test_a_gpu_without_pytorch_is_said() -> None:
    snapshot = dataclasses.replace(WITH_GPUS, torch=False, gpus=None)
    found = seen(device_of(choose("auto", snapshot, require_gpu=False)), detect_cpu(), snapshot, "auto", "")
    assert not found["gpu"]["used"]
    assert "would need Vulkan or PyTorch" in found["gpu"]["reason"]


def test_a_service_that_is_to_use_the_processor_does_and_says_so(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"DEVICE": "cpu", "WORKERS": "1", "SHORT_WORKERS": "0", "READERS": "1"}) as run:
        assert run.client.get("/api/v1/status").json()["gpu"] == {"enabled": False, "used": False, "reason": "DEVICE is cpu"}


def test_disabled_means_that_no_child_can_see_a_gpu(service: Served) -> None:
    status = service.client.get("/api/v1/status").json()
    assert status["gpu"] == {"enabled": False, "used": False, "reason": "ENABLE_GPU is false"}
    assert [device["kind"] for device in status["devices"]] == ["cpu"]
    for pid in service.pids("worker") + service.pids("reader"):
        words = Path(f"/proc/{pid}/environ").read_text().split("\0")
        assert {f"{name}=" for name in NO_GPU} <= set(words)
        mapped = Path(f"/proc/{pid}/maps").read_text()
        assert not any(library in mapped for library in ("libcuda.so", "libtorch", "libamdhip"))


@pytest.mark.skipif(Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists(), reason="this machine has a GPU")
def test_enabled_without_a_gpu_works_on_the_processor_and_says_why(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"ENABLE_GPU": "true"}) as run:
        status = run.client.get("/api/v1/status").json()
        assert (status["gpu"]["enabled"], status["gpu"]["used"]) == (True, False)
        # The second where Vulkan is there in software.
        assert status["gpu"]["reason"].startswith(("auto: no driver of a GPU in sight", "auto: Vulkan finds software only"))
        assert status["devices"][0]["used"]
