"""What the service lets each of its workers have."""

import pytest

from img_enhance.service.settings import Settings
from img_enhance.service.slots import setup_of
from img_enhance.workers.engine_worker import machine_of


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_share_a_gpu_equally(workers: int) -> None:
    assert setup_of(Settings(workers=workers, short_workers=1), "auto").gpu_share == 1 / (workers + 1)


def test_workers_have_the_gpu_memory_that_was_set() -> None:
    setup = setup_of(Settings(worker_gpu_memory=3_000_000_000), "auto")
    assert machine_of(setup).max_gpu_memory == 3_000_000_000
