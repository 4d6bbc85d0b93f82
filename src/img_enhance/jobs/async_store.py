"""The list of jobs as the event loop asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from img_enhance.jobs.store import JobStore

Answer = TypeVar("Answer")
Given = ParamSpec("Given")


class AsyncJobStore:
    """A store behind the one thread that talks to it: the loop waits for no disk, and no two questions meet."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")

    async def ask(self, method: Callable[Concatenate[JobStore, Given], Answer], *given: Given.args, **named: Given.kwargs) -> Answer:
        """What a method of `JobStore` answers, as in `await store.ask(JobStore.job, id)`.

        Raises: as the method.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(method, self._store, *given, **named))

    async def close(self) -> None:
        """Close the store; it can be asked no more."""
        await self.ask(JobStore.close)
        self._thread.shutdown()
