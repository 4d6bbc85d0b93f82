"""From the list of jobs to a worker and back, with the store and the files as they are, and a worker that does as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from img_enhance.jobs.async_store import AsyncJobStore
from img_enhance.jobs.rows import Bounds, Job
from img_enhance.jobs.spool import PHOTO, Spool
from img_enhance.jobs.store import MOST_RETURNS, JobStore
from img_enhance.service import dispatcher as module
from img_enhance.service.dispatcher import Dispatcher
from img_enhance.service.live_state import LiveState
from img_enhance.service.metrics import Metrics
from img_enhance.service.pace import Pace
from img_enhance.service.settings import Settings
from img_enhance.workers.protocol import Answers, Cancel, EnhancePhoto, Failed, Orders, Succeeded, Working
from img_enhance.workers.supervisor import Slot

JOB = Job("a", "me", "me", None, 0, "queued", {}, {}, photo_bytes=5, estimated_seconds=1.0, created=0.0)
CANCELLED = Failed("cancelled", 499, "cancelled")

# Far more than any of these takes; a dispatcher that leaves acts undone would wait for ever.
MOST_SECONDS = 60

# What a worker does when it is asked how far it is: an answer, None for its death, and before it whatever a test wants to come between.
Act = Callable[["Scene"], "Answers | None"]


class Scene:
    """A dispatcher over a folder with one worker, which does these acts one after the other and is replaced where it has died."""

    def __init__(self, folder: Path, acts: list[Act], *, stall_seconds: float = 60) -> None:
        self.acts, self.lane, self.sent, self.killed, self.failures = acts, "long", list[Orders](), 0, list[BaseException]()
        self.store, self.spool, self.live = JobStore(folder / "jobs.sqlite"), Spool(folder), LiveState()
        self.spool.make()
        self.metrics = Metrics()
        self.dispatcher = Dispatcher(
            [],
            store=AsyncJobStore(self.store),
            spool=self.spool,
            live=self.live,
            metrics=self.metrics,
            pace=Pace(),
            settings=dataclasses.replace(Settings(), stall_seconds=stall_seconds),
        )

    def accept(self, job: Job) -> None:
        """Take a job whose photo is there."""
        self.store.accept([dataclasses.replace(job, created=job.created or time.time())], Bounds(100, 1e6, 100))
        self.write(job.id, PHOTO)

    def write(self, id: str, name: str) -> None:
        (self.spool.jobs / id).mkdir(exist_ok=True)
        (self.spool.jobs / id / name).write_bytes(b"photo")

    def files(self, id: str) -> list[str]:
        return sorted(path.name for path in self.spool.jobs.glob(f"{id}/*"))

    def job(self, id: str = "a") -> Job:
        found = self.store.job(id)
        assert found is not None
        return found

    def run(self) -> None:
        """Let the worker do jobs until its acts are over."""
        asyncio.run(asyncio.wait_for(self.dispatcher.serve(cast("Slot", self)), MOST_SECONDS))
        assert not self.failures
        assert not self.dispatcher.running

    # What a slot and its child are to the dispatcher.

    @property
    def child(self) -> Scene:
        return self

    async def filled(self) -> Scene:
        return self

    async def refresh(self) -> None:
        if not self.acts:
            self.live.stop(0)

    async def send(self, message: Orders) -> None:
        self.sent.append(message)

    async def receive(self) -> Answers | None:
        try:
            return await asyncio.to_thread(self.acts.pop(0), self)
        except Exception as error:
            self.failures.append(error)
            raise

    async def kill(self) -> None:
        self.killed += 1


def succeeded(scene: Scene) -> Succeeded:
    """A result of the job that was sent last."""
    order = next(message for message in reversed(scene.sent) if isinstance(message, EnhancePhoto))
    result = Path(f"{order.result}.png")
    result.write_bytes(b"result")
    return Succeeded(result.name, "png", (2, 1), {"steps": []})


def died(_: Scene) -> None:
    return None


def failing(code: str, status: int = 500) -> Act:
    return lambda _: Failed(code, status, "so it is")


def cancelling(then: Act) -> Act:
    """The owner cancels the job, and then this comes of it."""

    def act(scene: Scene) -> Answers | None:
        assert asyncio.run(_cancelled(scene, "a"))
        return then(scene)

    return act


async def _cancelled(scene: Scene, id: str) -> bool:
    return await scene.dispatcher.cancel(id)


def test_a_result_is_published_and_the_photo_goes(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [lambda _: Working(0.5), succeeded])
    scene.accept(JOB)
    scene.run()
    done = scene.job()
    assert done.state == "done"
    assert done.result is not None
    assert (done.result["name"], done.result["bytes"], done.result["width"], done.result["height"]) == ("result-1.png", 6, 2, 1)
    assert done.result["sha256"] == hashlib.sha256(b"result").hexdigest()
    assert scene.files("a") == ["result-1.png"]
    assert scene.sent == [EnhancePhoto(str(tmp_path / "jobs" / "a" / PHOTO), {}, str(tmp_path / "jobs" / "a" / "result-1"), "")]


def test_a_result_is_on_the_disk_before_it_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[str, str, bool]] = []
    scene = Scene(tmp_path, [succeeded])

    def sync(folder: Path) -> None:
        synced.append((folder.name, states(), (folder / "result-1.png").exists()))

    def states() -> str:
        with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database:
            return str(database.execute("SELECT state FROM jobs").fetchone()[0])

    monkeypatch.setattr(module, "sync_folder", sync)
    scene.accept(JOB)
    scene.run()
    assert (synced, states()) == ([("a", "running", True)], "done")


def test_a_worker_for_short_work_takes_no_other(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [succeeded])
    scene.lane = "short"
    scene.accept(dataclasses.replace(JOB, estimated_seconds=1e4, created=1.0))  # whose turn it is
    scene.accept(dataclasses.replace(JOB, id="b"))
    scene.run()
    assert [scene.job(id).state for id in "ab"] == ["queued", "done"]


def test_a_result_outlives_a_cancel_that_comes_too_late(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [succeeded])
    scene.accept(JOB)
    scene.run()
    assert not asyncio.run(_cancelled(scene, "a"))
    assert (scene.job().state, scene.files("a")) == ("done", ["result-1.png"])


def test_who_watches_a_job_is_told_of_its_cancel(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [])
    scene.accept(JOB)
    with scene.live.watching("a") as changed:
        assert asyncio.run(_cancelled(scene, "a"))
        assert changed.is_set()


def test_a_photo_that_was_to_be_kept_stays_with_its_result(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [succeeded])
    scene.accept(dataclasses.replace(JOB, header={"kept": True}))
    scene.run()
    assert scene.files("a") == [PHOTO, "result-1.png"]


def test_a_job_that_is_cancelled_before_its_turn_leaves_no_file(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [succeeded])
    scene.accept(JOB)
    assert asyncio.run(_cancelled(scene, "a"))
    assert scene.files("a") == []
    assert scene.sent == []
    assert not asyncio.run(_cancelled(scene, "a"))


@pytest.mark.parametrize("then", [succeeded, died, lambda _: CANCELLED, failing("memory_budget")])
def test_a_job_that_is_cancelled_at_work_leaves_no_file_whatever_comes_of_it(then: Act, tmp_path: Path) -> None:
    scene = Scene(tmp_path, [cancelling(then)])
    scene.accept(JOB)
    scene.run()
    assert scene.job().state == "cancelled"
    assert scene.job().result is None
    assert scene.files("a") == []
    assert isinstance(scene.sent[-1], Cancel)


def test_a_result_of_a_lease_that_was_lost_is_not_published(tmp_path: Path) -> None:
    def taken_over(scene: Scene) -> Answers:
        assert scene.store.requeue(scene.job(), now=1.0)
        return succeeded(scene)

    scene = Scene(tmp_path, [taken_over, succeeded])
    scene.accept(JOB)
    scene.run()
    done = scene.job()
    assert done.result is not None
    assert (done.token, done.result["name"]) == (2, "result-2.png")
    assert b'img_enhance_jobs_ended_total{state="done"} 1.0' in scene.metrics.text()
    assert scene.files("a") == ["result-2.png"]


def test_files_stay_with_whoever_has_the_job_now(tmp_path: Path) -> None:
    def leased_again(scene: Scene) -> Answers:
        assert scene.store.requeue(scene.job(), now=1.0)
        assert scene.store.lease(short_seconds=1e9, now=time.time(), until=time.time() + 60) is not None
        scene.write("a", "half a result")
        return succeeded(scene)

    scene = Scene(tmp_path, [leased_again])
    scene.accept(JOB)
    scene.run()
    assert (scene.job().state, scene.job().token) == ("running", 2)
    assert {PHOTO, "half a result"} <= set(scene.files("a"))


def test_a_worker_whose_lease_is_gone_is_told_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(scene: Scene) -> Answers:
        assert scene.store.requeue(scene.job(), now=1.0)
        return Working(0.1)

    monkeypatch.setattr(module, "RENEW_SECONDS", -1.0)
    scene = Scene(tmp_path, [lost, lambda _: CANCELLED, lambda _: Working(0.1), succeeded])
    scene.accept(JOB)
    scene.run()
    assert [type(message) for message in scene.sent] == [EnhancePhoto, Cancel, EnhancePhoto]
    assert scene.job().state == "done"


def test_a_lease_is_renewed_while_the_worker_talks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[float | None] = []

    def talking(scene: Scene) -> Answers:
        ends.append(scene.job().lease_until)
        return Working(0.1)

    monkeypatch.setattr(module, "RENEW_SECONDS", -1.0)
    scene = Scene(tmp_path, [talking, talking, succeeded])
    scene.accept(JOB)
    scene.run()
    assert ends[0] is not None
    assert ends[1] is not None
    assert ends[1] > ends[0]


def test_a_job_whose_worker_died_is_tried_once_more(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [died, succeeded])
    scene.accept(JOB)
    scene.run()
    assert (scene.job().state, scene.job().deaths, scene.killed) == ("done", 1, 1)


def test_a_job_that_ends_its_worker_twice_fails_and_leaves_no_file(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [died, died])
    scene.accept(JOB)
    scene.run()
    failed = scene.job()
    assert failed.error is not None
    assert (failed.state, failed.error["code"]) == ("failed", "worker_died")
    assert scene.files("a") == []


def test_a_worker_that_says_nothing_is_replaced(tmp_path: Path) -> None:
    def silent(scene: Scene) -> None:
        deadline = time.monotonic() + 60
        while not scene.killed and time.monotonic() < deadline:
            time.sleep(0.01)

    scene = Scene(tmp_path, [silent, succeeded], stall_seconds=1)
    scene.accept(JOB)
    scene.run()
    assert (scene.job().state, scene.job().deaths, scene.killed) == ("done", 1, 1)


def test_a_file_that_cannot_be_read_back_ends_no_workers_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(scene: Scene) -> Succeeded:
        end = succeeded(scene)
        (scene.spool.jobs / "a" / end.name).unlink()
        return end

    monkeypatch.setattr(module, "STORE_PAUSE_SECONDS", 0.0)
    scene = Scene(tmp_path, [lost, succeeded])
    scene.accept(JOB)
    scene.accept(dataclasses.replace(JOB, id="b"))
    scene.run()
    assert (scene.job("a").state, scene.job("b").state) == ("running", "done")
    assert scene.files("a") == [PHOTO]


@pytest.mark.parametrize(("returns", "state", "files"), [(0, "queued", [PHOTO]), (MOST_RETURNS - 1, "failed", [])])
def test_a_job_whose_lease_lapsed_is_put_back_but_not_for_ever(returns: int, state: str, files: list[str], tmp_path: Path) -> None:
    scene = Scene(tmp_path, [])
    scene.accept(dataclasses.replace(JOB, returns=returns))
    assert scene.store.lease(short_seconds=1e9, now=time.time(), until=1.0) is not None
    (job,) = scene.store.lapsed(now=2.0)
    asyncio.run(scene.dispatcher.take_back(job))
    assert (scene.job().state, scene.job().returns, scene.files("a")) == (state, 1 if state == "queued" else returns, files)


def test_what_fails_by_its_photo_is_told_and_leaves_no_file(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [failing("damaged_photo", 422)])
    scene.accept(JOB)
    scene.run()
    assert scene.job().error == {"code": "damaged_photo", "status": 422, "detail": "so it is"}
    assert scene.files("a") == []


@pytest.mark.parametrize("code", ["disk", "storage_full", "memory_budget"])
def test_what_passes_by_itself_is_waited_for(code: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path, [failing(code)])
    scene.accept(JOB)
    scene.run()
    waiting = scene.job()
    assert waiting.state == "queued"
    assert waiting.not_before > time.time()
    assert scene.files("a") == [PHOTO]


def test_but_not_for_ever(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [failing("disk")])
    scene.accept(dataclasses.replace(JOB, created=time.time() - 3600))
    scene.run()
    assert scene.job().state == "failed"


@pytest.mark.parametrize("end", [died, lambda _: CANCELLED])
def test_what_runs_when_the_service_stops_is_kept(end: Act, tmp_path: Path) -> None:
    def stopping(scene: Scene) -> Answers | None:
        scene.live.stop(0)
        return end(scene)

    scene = Scene(tmp_path, [stopping])
    scene.accept(JOB)
    scene.run()
    assert (scene.job().state, scene.job().deaths, scene.job().token) == ("queued", 0, 1)
    assert scene.files("a") == [PHOTO]


def test_a_stop_interrupts_what_does_not_end_by_itself(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [])

    def until_interrupted(scene: Scene) -> Answers:
        deadline = time.monotonic() + 60
        while Cancel() not in scene.sent and time.monotonic() < deadline:
            time.sleep(0.01)
        return CANCELLED

    async def stopped() -> None:
        serving = asyncio.create_task(scene.dispatcher.serve(cast("Slot", scene)))
        while not scene.dispatcher.running:
            await asyncio.sleep(0.01)
        scene.live.stop(0)
        await scene.dispatcher.stop()
        await serving

    scene.acts.append(until_interrupted)
    scene.accept(JOB)
    asyncio.run(stopped())
    assert scene.sent[-1] == Cancel()
    assert (scene.job().state, scene.files("a")) == ("queued", [PHOTO])
