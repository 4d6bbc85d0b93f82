"""What the service lets each of its workers have."""

import os
from pathlib import Path

import pytest

from img_enhance.service.protocol import Setup
from img_enhance.service.service import Service
from img_enhance.service.settings import Settings
from img_enhance.service.worker import _machine


def setup_of(data: Path, *, workers: int, worker_gpu_memory: int | None = None) -> Setup:
    settings = Settings(data=str(data), access="open", workers=workers, short_workers=1, worker_gpu_memory=worker_gpu_memory)
    service = Service(settings)
    try:
        return service._setup("auto")
    finally:
        service._thread.shutdown()
        os.close(service._lock)


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_share_a_gpu_equally(workers: int, tmp_path: Path) -> None:
    assert setup_of(tmp_path, workers=workers).gpu_share == 1 / (workers + 1)


def test_workers_have_the_gpu_memory_that_was_set(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, workers=1, worker_gpu_memory=3_000_000_000)
    assert _machine(setup).max_gpu_memory == 3_000_000_000
