"""Children that have grown are replaced between jobs."""

import asyncio
import os
import types
from pathlib import Path
from typing import Any, cast

from img_enhance.memory import anonymous_bytes
from img_enhance.service.child import Child
from img_enhance.service.metrics import Metrics
from img_enhance.service.protocol import Setup
from img_enhance.service.supervisor import MOST_GROWN_BYTES, Post


class FakeChild:
    """A child that is this process."""

    alive = True

    def __init__(self, bytes_at_start: int) -> None:
        self.bytes_at_start = bytes_at_start
        self.process = types.SimpleNamespace(pid=os.getpid())
        self.killed = False

    async def kill(self) -> None:
        self.killed = True


def refreshed(grown_bytes: int) -> bool:
    child = FakeChild(anonymous_bytes() - grown_bytes)
    post = Post("worker", "any", cast(Setup, None), Path(), 0, Metrics(), cast(Child, cast(Any, child)))
    asyncio.run(post.refresh())
    assert child.killed == (post.child is None)
    return child.killed


def test_a_child_that_holds_much_more_than_at_its_start_is_ended() -> None:
    assert refreshed(2 * MOST_GROWN_BYTES)


def test_a_child_that_holds_little_more_stays() -> None:
    assert not refreshed(MOST_GROWN_BYTES // 2)
