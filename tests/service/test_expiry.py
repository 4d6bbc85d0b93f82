"""Results expire however often something comes between."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from img_enhance.jobs.refusals import StoreBroken
from img_enhance.jobs.store import JobStore
from img_enhance.service import service as module
from img_enhance.service.service import Service
from img_enhance.service.settings import Settings


@pytest.mark.parametrize("error", [OSError("busy"), StoreBroken("broken", "mend it")])
def test_a_sweep_that_fails_is_not_the_last_one(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    expired, forgotten = [["a"], ["b"]], []

    async def ask(method: object, **_: object) -> list[str]:
        return expired.pop(0) if method is JobStore.expire and expired else []

    async def forget(id: str) -> None:
        forgotten.append(id)
        if id == "a":
            raise error

    async def swept() -> None:
        running = asyncio.create_task(Service._sweep(cast("Service", service)))
        while len(forgotten) < 2 and not running.done():
            await asyncio.sleep(0.01)
        running.cancel()

    async def nothing() -> None:
        return

    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.0)
    service: Any = SimpleNamespace(
        settings=Settings(), store=SimpleNamespace(ask=ask), forget=forget, pyramids=SimpleNamespace(sweep=nothing)
    )
    asyncio.run(swept())
    assert forgotten == ["a", "b"]
