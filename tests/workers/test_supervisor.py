"""Children that have grown are replaced between jobs."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from child_setup import SETUP
from img_enhance.service.metrics import Metrics
from img_enhance.workers.supervisor import MOST_GROWN_BYTES, Slot


@pytest.fixture
def reader(tmp_path: Path) -> Slot:
    """A slot for a reader, which starts sooner than a worker."""
    return Slot("reader", "", SETUP, tmp_path, most_bytes=0, counters=Metrics())


async def refresh_grown(slot: Slot, grown_bytes: int) -> int:
    """Fill the slot, refresh it as if its child had grown by so much, and answer with the process that was its child."""
    child = await slot.filled()
    child.bytes_at_start -= grown_bytes
    await slot.refresh()
    return child.process.pid


def run(slot: Slot, check: Callable[[], Awaitable[None]]) -> None:
    async def checked() -> None:
        try:
            await check()
        finally:
            await slot.empty()

    asyncio.run(checked())


def test_a_child_that_holds_much_more_than_at_its_start_is_replaced(reader: Slot) -> None:
    async def check() -> None:
        process = await refresh_grown(reader, 2 * MOST_GROWN_BYTES)
        assert reader.child is None
        assert not psutil.pid_exists(process)
        assert (await reader.filled()).process.pid != process

    run(reader, check)


def test_a_child_that_holds_little_more_stays(reader: Slot) -> None:
    async def check() -> None:
        process = await refresh_grown(reader, MOST_GROWN_BYTES // 2)
        child = await reader.filled()
        assert child.alive
        assert child.process.pid == process

    run(reader, check)
