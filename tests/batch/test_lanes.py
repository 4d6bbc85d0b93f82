"""Lanes of this machine: shares of one budget, photos that are too large for one, lanes that die, runs that are cancelled."""

import contextlib
import dataclasses
import hashlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path

import psutil
import pytest
from PIL import Image

from conftest import Pixels
from img_enhance.batch.lane_child import Facts
from img_enhance.batch.lanes import AtWork, PhotoTask
from img_enhance.batch.local_lanes import LEAST_LANE_BYTES, OWN_BYTES, LocalLanes, shares_of, whole_of
from img_enhance.batch.outcome import PhotoOutcome
from img_enhance.batch.work import NeedsMore, enhance_photo, is_uncut
from img_enhance.engine import Engine
from img_enhance.errors import DeviceError, MemoryBudgetError
from img_enhance.machine.settings import weight_store
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import CLAHE, RealESRGAN
from waiting import wait_for

STORE = weight_store({"IMG_ENHANCE_OFFLINE": "1"})
TONES = Recipe(steps=(CLAHE(),))
NEVER = Recipe(steps=(RealESRGAN(upscale=16),))  # takes long enough to be stopped

Tasks = Callable[..., PhotoTask]


@pytest.fixture
def task(tmp_path: Path, cat: Pixels) -> Tasks:
    """A function that makes the task of enhancing a small photo."""
    photo = tmp_path / "cat.png"
    Image.fromarray(cat).save(photo)

    def make(stem: str = "1", *, recipe: Recipe = TONES, path: Path = photo) -> PhotoTask:
        return PhotoTask(path.name, str(path), str(tmp_path), stem, recipe, "hash")

    return make


@pytest.fixture(scope="module")
def lanes() -> Iterator[LocalLanes]:
    with LocalLanes(Machine(), STORE, lanes=2) as lanes:
        yield lanes


GB = 10**9


@pytest.mark.parametrize(
    ("facts", "count", "threads"),
    [
        (Facts(8, 12 * GB, own_memory=False), 8, [1] * 8),
        (Facts(6, 3 * GB, own_memory=False), 4, [2, 2, 1, 1]),
        (Facts(1, 4 * GB, own_memory=False), 2, [1, 1]),
        (Facts(16, 64 * GB, own_memory=True), 2, [8, 8]),
        (Facts(8, LEAST_LANE_BYTES, own_memory=False), 1, [8]),
    ],
)
def test_shares_together_are_what_there_is(facts: Facts, count: int, threads: list[int]) -> None:
    shares = shares_of(facts, Machine())
    assert [share.threads for share in shares] == threads
    assert len(shares) == count
    assert sum(share.max_memory for share in shares) + OWN_BYTES <= facts.allowed_bytes
    assert sum(share.gpu_share for share in shares) == pytest.approx(1)
    assert all(share.whole == (count == 1) for share in shares)
    assert whole_of(facts, Machine()).threads == facts.cores


def test_photo_is_enhanced_and_all_is_known_of_it(lanes: LocalLanes, task: Tasks, tmp_path: Path) -> None:
    os.utime(tmp_path / "cat.png", ns=(10**18, 10**18 + 7))
    outcome = lanes.submit(task()).result(120)
    assert outcome.failure is None
    assert (outcome.status, outcome.format, outcome.size, outcome.result_size) == ("done", "png", (90, 70), (90, 70))
    assert outcome.sha256 == hashlib.sha256((tmp_path / "cat.png").read_bytes()).hexdigest()
    assert [(run.name, run.loaded, run.executed) for run in outcome.algorithms] == [("clahe", True, True)]
    assert [phase.name for phase in outcome.phases] == ["read", "clahe", "write"]
    assert outcome.peak_bytes > 10_000_000
    staged = tmp_path / outcome.staged
    assert outcome.result_file is not None
    assert (staged.stat().st_size, staged.stat().st_mtime_ns) == (outcome.result_file.bytes, 10**18 + 7)


def test_broken_photo_is_a_failed_outcome(lanes: LocalLanes, task: Tasks, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff" + bytes(100))
    outcome = lanes.submit(task(path=tmp_path / "bad.jpg")).result(120)
    assert outcome.failure is not None
    assert (outcome.status, outcome.failure.exit_code) == ("failed", 2)
    assert [(run.name, run.executed) for run in outcome.algorithms] == [("clahe", False)]


def test_missing_weights_are_what_could_not_be_loaded(lanes: LocalLanes, task: Tasks) -> None:
    outcome = lanes.submit(task(recipe=Recipe(steps=(CLAHE(), RealESRGAN(model="realesrgan-x2plus"))))).result(120)
    if outcome.status == "done":
        pytest.skip("the weights are on this machine")
    assert outcome.failure is not None
    assert outcome.failure.code == "weights_missing"
    assert [(run.name, run.loaded, run.executed) for run in outcome.algorithms] == [("clahe", False, False), ("real_esrgan", False, False)]


def children() -> list[psutil.Process]:
    """Lanes' processes, and none of a service that other tests share."""
    return [psutil.Process(each.pid) for each in multiprocessing.active_children()]


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_photo_whose_lane_dies_is_tried_again_alone(lanes: LocalLanes, task: Tasks) -> None:
    slow = Recipe(steps=(RealESRGAN(upscale=4),))
    before = {each.pid for each in children()}
    future = lanes.submit(task(recipe=slow))
    wait_for(lambda: any(each.cpu_times().user > 2.0 for each in children() if each.pid in before) or len(children()) > len(before))
    for each in children():
        each.send_signal(signal.SIGKILL)
    outcome = future.result(240)
    assert (outcome.status, outcome.alone) == ("done", True)
    assert lanes.submit(task("2")).result(120).status == "done", "and lanes are there again"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_photo_that_ends_every_process_is_given_up_in_words(task: Tasks) -> None:
    def kill(future: Future[PhotoOutcome]) -> bool:
        with contextlib.suppress(psutil.Error):  # it has died meanwhile
            for each in children():
                if each.cpu_times().user > 3.0:  # it is up, and at the photo
                    each.kill()
        return future.done()

    with LocalLanes(Machine(), STORE, lanes=2) as lanes:
        future = lanes.submit(task(recipe=NEVER))
        wait_for(lambda: kill(future), 120)
    failure = future.result().failure
    assert failure is not None
    assert failure.code == "worker_died"
    assert "died twice" in failure.says


def test_photo_that_is_too_large_for_a_share_runs_alone(task: Tasks) -> None:
    # Two lanes of 330 MB each, and 560 for the large one: x4plus needs about 400 for this photo.
    recipe = Recipe(steps=(RealESRGAN(),))
    with LocalLanes(Machine(max_memory=760_000_000), STORE, lanes=2) as lanes:
        outcomes = [lanes.submit(task(str(number), recipe=each)) for number, each in enumerate((recipe, TONES))]
        wait(outcomes, 240)
        large, small = (future.result() for future in outcomes)
    assert (large.status, large.alone) == ("done", True), large.failure
    assert (small.status, small.alone) == ("done", False), small.failure


@pytest.mark.parametrize("error", [MemoryBudgetError("3 MB are free now"), MemoryError()], ids=["budget", "system"])
def test_memory_that_is_short_in_a_lane_may_be_there_for_one_alone(task: Tasks, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Engine, "run", refuse)
    with Engine() as engine:
        with pytest.raises(NeedsMore):
            enhance_photo(engine, task(), fits=is_uncut)
        failure = enhance_photo(engine, task()).failure
    assert failure is not None
    assert (failure.code, failure.exit_code) == ("memory_budget", 3)


def test_cancelled_photos_come_to_an_end_soon(task: Tasks) -> None:
    with LocalLanes(Machine(), STORE, lanes=2) as lanes:
        futures = [lanes.submit(task(str(number), recipe=NEVER)) for number in range(5)]
        time.sleep(1)
        lanes.cancel()
        started = time.monotonic()
        codes = [future.result(60).failure for future in futures]
        assert time.monotonic() - started < 30
    assert {failure and failure.code for failure in codes} == {"cancelled"}


def test_device_that_is_not_there_ends_it_before_a_photo() -> None:
    with pytest.raises(DeviceError), LocalLanes(Machine(device="cuda:7"), STORE):
        pass


def test_end_leaves_no_process(task: Tasks) -> None:
    before = {each.pid for each in children()}
    with LocalLanes(Machine(), STORE, lanes=2) as lanes:
        future = lanes.submit(task())
        assert future.result(120).status == "done"
    assert {each.pid for each in children()} <= before
    assert dataclasses.is_dataclass(future.result())


def test_lane_says_how_far_its_photo_is(task: Tasks) -> None:
    with LocalLanes(Machine(), STORE, lanes=2) as lanes:
        future = lanes.submit(task("far", recipe=Recipe(steps=(RealESRGAN(model="realesrgan-x4plus-anime"),))))
        seen = list[AtWork]()
        while not future.done():
            seen += [each for stem, each in lanes.at_work.items() if stem == "far" and each.seconds]
            time.sleep(0.001)
        outcome = future.result()
    assert outcome.planned_seconds > 0
    assert {each.seconds for each in seen} == {outcome.planned_seconds}
    assert [each.fraction for each in seen] == sorted(each.fraction for each in seen)
    assert lanes.at_work == {}
