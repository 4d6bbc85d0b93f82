"""What results are looked at by: begun once, bounded, forgotten first where room is needed."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from img_enhance.jobs.refusals import QuotaReached
from img_enhance.jobs.spool import Spool
from img_enhance.service import pyramids
from img_enhance.service.pyramids import Pyramid, Pyramids
from img_enhance.workers.protocol import Message, RowCut, SizeKnown, TilesCut


class Cutter:
    """Stands for a slot and its child: says what it is told to, then nothing more."""

    role, lane, most_bytes = "cutter", "", 10**12
    alive = False  # for whoever watches its memory

    def __init__(self, *says: Message | None, stuck: bool = False) -> None:
        self.says, self.stuck, self.ended = list(says), stuck, False
        self.child = self

    async def filled(self) -> "Cutter":
        return self

    async def send(self, _: Message) -> None:
        return

    async def receive(self) -> Message | None:
        if self.stuck and not self.says:
            await asyncio.sleep(3600)
        return self.says.pop(0)

    async def empty(self) -> None:
        self.ended = True


def whole(side: int, row_bytes: int) -> list[Message | None]:
    """What a cutter says of a picture that fits into one tile."""
    return [SizeKnown("after", (side, side)), RowCut("after", 0, 1, row_bytes), TilesCut()]


def run(tmp_path: Path, cutters: list[Cutter], test: Callable[[Pyramids], Awaitable[None]], *, room: int = 10**12) -> None:
    """Do something with pyramids whose cutters come from this list, while so many bytes may be kept beside them."""
    spool = Spool(tmp_path / "data")
    spool.make()

    async def go() -> None:
        async def left() -> int:
            return room - made.bytes

        rest = iter(cutters)
        slot: Any = lambda: next(rest)  # noqa: E731
        made = Pyramids(spool, slot, cutters=2, room=left)
        try:
            await test(made)
        finally:
            await made.stop()
        assert list(spool.tiles.iterdir()) == []

    asyncio.run(go())


async def settled(pyramid: Pyramid) -> Pyramid:
    assert pyramid.task is not None
    await pyramid.task
    return pyramid


FILES = {"after": Path("result")}


def test_is_begun_once_however_many_look(tmp_path: Path) -> None:
    async def test(made: Pyramids) -> None:
        looks = [made.seen("a", "me", FILES) for _ in range(5)]
        assert all(each is looks[0] for each in looks)
        assert (await settled(looks[0])).state == "ready"
        assert made.tile(looks[0], "after", level=0, column=0, row=0) == looks[0].folder / "after" / "0" / "0_0"
        assert made.bytes == 77

    run(tmp_path, [Cutter(*whole(100, 77))], test)


def test_one_caller_cannot_have_all_cutters_wait_for_it(tmp_path: Path) -> None:
    cutters = [Cutter(stuck=True) for _ in range(2)]

    async def test(made: Pyramids) -> None:
        for number in range(4):
            made.seen(f"mine {number}", "me", FILES)
        with pytest.raises(QuotaReached):
            made.seen("one more", "me", FILES)
        other = made.seen("yours", "you", FILES)
        await asyncio.sleep(0)
        assert [each.state for each in made._all.values()].count("cutting") <= 2
        await made.drop("mine 0")
        made.seen("one more", "me", FILES)
        assert other.state == "waiting"

    run(tmp_path, [*cutters, Cutter(stuck=True)], test)
    assert all(cutter.ended for cutter in cutters)


def test_a_job_that_goes_ends_its_cutter(tmp_path: Path) -> None:
    cutter = Cutter(SizeKnown("after", (100, 100)), stuck=True)

    async def test(made: Pyramids) -> None:
        found = made.seen("a", "me", FILES)
        while not found.pictures:
            await asyncio.sleep(0.01)
        assert found.folder.exists()
        assert made.bytes == 35_000
        await made.drop("a")
        assert cutter.ended
        assert not found.folder.exists()
        assert made.bytes == 0

    run(tmp_path, [cutter], test)


def test_one_that_dies_is_started_once_more(tmp_path: Path) -> None:
    async def test(made: Pyramids) -> None:
        assert (await settled(made.seen("a", "me", FILES))).state == "ready"
        failed = await settled(made.seen("b", "me", FILES))
        assert failed.problem is not None
        assert (failed.state, failed.problem.code, failed.bytes) == ("failed", "not_viewable", 0)
        assert made.seen("b", "me", FILES) is failed  # it is not tried again at once

    begun = SizeKnown("after", (100, 100))
    run(tmp_path, [Cutter(begun, None), Cutter(*whole(100, 7)), Cutter(begun, None), Cutter(None)], test)


def test_a_result_that_cannot_be_read_is_said_and_a_photo_left_out(tmp_path: Path) -> None:
    async def test(made: Pyramids) -> None:
        failed = await settled(made.seen("a", "me", FILES))
        assert failed.problem is not None
        assert "odd" in failed.problem.detail
        shown = await settled(made.seen("b", "me", FILES))
        assert set(shown.pictures) == {"after"}

    broken = Cutter(SizeKnown("after", None, "odd"), TilesCut())
    run(tmp_path, [broken, Cutter(SizeKnown("before", None, "odd"), *whole(100, 7))], test)


def test_those_not_looked_at_for_longest_make_room(tmp_path: Path) -> None:
    async def test(made: Pyramids) -> None:
        for name in ("a", "b", "c"):
            await settled(made.seen(name, "me", FILES))
        made.seen("a", "me", FILES)
        assert (await settled(made.seen("d", "me", FILES))).state == "ready"
        assert sorted(made._all) == ["a", "c", "d"]  # 100 pixels a side may take 35,000 bytes
        await made.make_room(30_001)
        assert sorted(made._all) == ["d"]
        refused = await settled(made.seen("e", "me", FILES))
        assert refused.problem is not None
        assert (refused.problem.code, refused.problem.status, sorted(made._all)) == ("storage_full", 507, ["e"])

    cutters = [Cutter(*whole(100, 30_000)) for _ in range(4)]
    run(tmp_path, [*cutters, Cutter(*whole(200, 30_000))], test, room=100_000)


def test_those_that_nobody_looks_at_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(made: Pyramids) -> None:
        found = await settled(made.seen("a", "me", FILES))
        await made.sweep()
        assert found.folder.exists()
        monkeypatch.setattr(pyramids, "UNSEEN_SECONDS", -1.0)
        await made.sweep()
        assert not found.folder.exists()
        assert made.bytes == 0

    run(tmp_path, [Cutter(*whole(100, 7))], test)
