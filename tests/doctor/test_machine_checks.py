"""What the doctor says of the processor, graphics cards, folders and extras."""

import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from img_enhance.doctor import extras, graphics, kept, processor
from img_enhance.doctor.finding import Finding
from img_enhance.doctor.folders import cache_folder, scratch
from img_enhance.doctor.memory import memory
from img_enhance.doctor.patient import Patient
from img_enhance.machine.devices import INSTALL_TORCH, INSTALL_VULKAN, Snapshot
from img_enhance.machine.gpu import Gpu
from img_enhance.machine.kept_speeds import informed
from img_enhance.machine.settings import model_table
from img_enhance.models.weights.cache import WeightStore
from img_enhance.planning.plan import Device
from img_enhance.planning.speeds import Speed


def patient_with(home: Path) -> Patient:
    return Patient(WeightStore(home), model_table(WeightStore(home)), measured={"read jpeg": Speed(0.01, 1e7)})


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"amx_bf16", "avx512_bf16", "avx512f", "avx2"}, "as fast as on any processor"),
        ({"avx512_bf16", "avx512f", "avx2"}, "no AMX: networks run in bf16"),
        ({"avx512f", "avx2"}, "no bf16 and no AMX: networks run in f32"),
        ({"avx2"}, "networks run in f32, slowly"),
        (set(), "cannot be seen on this system"),
    ],
    ids=["amx", "bf16", "avx512", "avx2", "unknown"],
)
def test_instructions_are_told_by_what_they_mean(flags: set[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "cpu_flags", lambda: frozenset(flags))
    assert words in next(processor.processor(patient_with(tmp_path))).text


def test_fewer_cores_than_there_are_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpu: Device) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4 * cpu.cores)
    _, cores = processor.processor(patient_with(tmp_path))
    assert cores.text.startswith(f"{cpu.cores} of {4 * cpu.cores} may be used")


def test_the_share_of_the_cores_is_measured() -> None:
    assert 0 < processor.share_of(1, seconds=0.1) <= 1


@pytest.mark.parametrize(("share", "status"), [(1.0, "ok"), (0.3, "warning")])
def test_a_busy_machine_is_warned_of(share: float, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "share_of", lambda *_, **__: share)
    (finding,) = processor.idleness(patient_with(tmp_path))
    assert finding.status == status
    assert ("70 %" in finding.text) is (status == "warning")


@pytest.mark.parametrize(("free", "status"), [(300_000_000, "warning"), (4 * 10**9, "ok")])
def test_little_memory_is_warned_of(free: int, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("img_enhance.doctor.memory.free_bytes", lambda: free)
    (finding,) = memory(patient_with(tmp_path))
    assert (finding.status, bool(finding.remedy)) == (status, status == "warning")


def card(snapshot: Snapshot) -> Finding:
    (finding,) = graphics.found(snapshot)
    return finding


def test_no_graphics_card_is_fine() -> None:
    assert card(Snapshot(openvino=True, torch=True, drivers=())).status == "ok"


def test_a_card_without_pytorch_says_how_to_install_it() -> None:
    finding = card(Snapshot(openvino=True, torch=False, drivers=("NVIDIA",)))
    assert finding.status == "warning"
    assert finding.remedy.startswith(f"run: {INSTALL_VULKAN}")
    assert INSTALL_TORCH in finding.remedy


def test_devices_of_vulkan_are_told_and_software_is_called_so() -> None:
    real, software = Gpu("vulkan:0", "GTX", 3 * 10**9, False), Gpu("vulkan:1", "llvmpipe", 10**9, False, "software")
    snapshot = Snapshot(openvino=True, torch=False, drivers=("NVIDIA",), vulkan=True, vulkan_gpus=(real, software))
    assert list(graphics.found(snapshot)) == []
    first, second = graphics.found_by_vulkan(snapshot)
    assert first.text == "GTX (vulkan:0, discrete) by Vulkan; it may take 3.0 GB of memory"
    assert "software: only for trying" in second.text
    (lacking,) = graphics.found_by_vulkan(replace(snapshot, vulkan_gpus=()))
    assert (lacking.status, lacking.text) == ("warning", "Vulkan finds no device")


def test_a_card_that_pytorch_cannot_use_is_warned_of() -> None:
    finding = card(Snapshot(openvino=True, torch=True, drivers=("NVIDIA",), gpus=()))
    assert finding.status == "warning"
    assert "pytorch.org" in finding.remedy


def test_a_card_is_told_with_its_driver_and_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphics, "driver_version", lambda: "550.54")
    monkeypatch.setattr(graphics, "_free", lambda place: f"3.0 GB on {place}")
    finding = card(Snapshot(openvino=True, torch=True, drivers=("NVIDIA",), gpus=(Gpu("cuda:0", "Test GPU", 8 * 10**9, True),)))
    assert finding.text == "Test GPU (cuda:0), driver 550.54; 3.0 GB on cuda:0 of 8.0 GB memory free"


def test_a_cache_folder_that_can_be_written_is_fine_and_left_empty(tmp_path: Path) -> None:
    (finding,) = cache_folder(patient_with(tmp_path / "home"))
    assert finding.status == "ok"
    assert list((tmp_path / "home").iterdir()) == []


def test_a_read_only_cache_folder_is_warned_of_twice_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write everywhere, so the folder lies where none can be."""
    monkeypatch.setattr(kept, "share_of", lambda *_, **__: 1.0)
    (tmp_path / "file").write_text("")
    patient = patient_with(tmp_path / "file" / "home")
    (folder,), (speeds,) = cache_folder(patient), kept.speeds(patient)
    assert (folder.status, speeds.status) == ("warning", "warning")
    assert "IMG_ENHANCE_HOME" in folder.remedy
    assert "IMG_ENHANCE_HOME" in speeds.remedy


def test_a_full_disk_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10**8))
    assert [finding.status for check in (cache_folder, scratch) for finding in check(patient_with(tmp_path))] == ["warning", "warning"]


def test_no_scratch_folder_at_all_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("img_enhance.machine.canvas._kept_in_memory", lambda _: True)
    (finding,) = scratch(patient_with(tmp_path))
    assert finding.status == "error"
    assert finding.remedy == "name one with scratch"


def test_speeds_are_kept_for_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpu: Device) -> None:
    monkeypatch.setattr(kept, "share_of", lambda *_, **__: 1.0)
    monkeypatch.setattr(kept, "chosen_device", lambda *_: cpu)
    (finding,) = kept.speeds(patient_with(tmp_path))
    assert finding.status == "ok"
    assert informed(cpu, tmp_path).speeds == {"read jpeg": Speed(0.01, 1e7)}


def test_speeds_of_a_busy_machine_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "share_of", lambda *_, **__: 0.4)
    (finding,) = kept.speeds(patient_with(tmp_path))
    assert (finding.status, finding.remedy) == ("warning", "close other programs and run: img-enhance doctor")
    assert "60 %" in finding.text
    assert list(tmp_path.iterdir()) == []


def test_an_extra_that_is_not_installed_has_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda module: None if module == "uvicorn" else object())
    service, *others = extras.extras(patient_with(tmp_path))
    assert (service.status, {other.status for other in others}) == ("warning", {"ok"})
    assert "pip install 'img-enhance[service]'" in service.remedy


def test_every_extra_that_users_may_want_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    known = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    told = [finding.remedy.split("img-enhance[")[1].split("]")[0] for finding in extras.extras(patient_with(tmp_path))]
    assert sorted(told) == sorted(name for name in known if name not in ("dev", "bench-quality", "space"))
