"""What the service lets each of its workers have."""

from pathlib import Path

import pytest

from img_enhance.service.metrics import Metrics
from img_enhance.service.settings import Settings
from img_enhance.service.slots import reader_slots, setup_of, worker_slots
from img_enhance.workers.engine_worker import machine_of


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_share_a_gpu_equally(workers: int) -> None:
    assert setup_of(Settings(workers=workers, short_workers=1), "auto").gpu_share == 1 / (workers + 1)


def test_workers_have_the_device_that_was_named_and_readers_none(tmp_path: Path) -> None:
    settings = Settings(enable_gpu=True, device="vulkan:1")
    assert {slot.setup.device for slot in worker_slots(settings, tmp_path, Metrics())} == {"vulkan:1"}
    assert {slot.setup.device for slot in reader_slots(settings, tmp_path, Metrics())} == {"cpu"}
    assert {slot.setup.device for slot in worker_slots(Settings(), tmp_path, Metrics())} == {"cpu"}


@pytest.mark.parametrize("enabled", [True, False])
def test_workers_know_which_setting_chose_their_device(enabled: bool, tmp_path: Path) -> None:
    named, usual = (worker_slots(Settings(enable_gpu=enabled, device=device), tmp_path, Metrics())[0].setup for device in ("cpu", "auto"))
    assert (named.device, named.chosen_by) == ("cpu", "DEVICE is cpu")
    assert (usual.device, usual.chosen_by) == (("auto", "") if enabled else ("cpu", "ENABLE_GPU is false"))


def test_workers_have_the_gpu_memory_that_was_set() -> None:
    setup = setup_of(Settings(worker_gpu_memory=3_000_000_000), "auto")
    assert machine_of(setup).max_gpu_memory == 3_000_000_000


def test_workers_on_a_cluster_have_their_share_of_it_and_readers_stay_here(tmp_path: Path) -> None:
    settings = Settings(executor="ray", ray_address="10.0.0.1:6379", ray_processors=3, workers=2, short_workers=0, enable_gpu=True)
    setups = [slot.setup for slot in worker_slots(settings, tmp_path, Metrics())]
    assert [(setup.cluster, setup.threads, setup.gpu_share) for setup in setups] == [("10.0.0.1:6379", 3, 1.0)] * 2
    assert {setup.max_memory for setup in setups} == {2_000_000_000}, "and not a share of this machine's"
    assert machine_of(setups[0]).threads == 3
    assert [slot.setup.cluster for slot in reader_slots(settings, tmp_path, Metrics())] == ["", ""]
    here = [slot.setup for slot in worker_slots(Settings(ray_address="10.0.0.1:6379"), tmp_path, Metrics())]
    assert {(setup.cluster, setup.threads) for setup in here} == {("", None)}
