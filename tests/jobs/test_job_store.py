"""The list of jobs by itself: leases, tokens, bounds."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from img_enhance.jobs.refusals import KeyReused, QuotaReached, Saturated
from img_enhance.jobs.rows import Bounds, CallbackAddress, Claim, Job, Used, Worked
from img_enhance.jobs.spool import PHOTO
from img_enhance.jobs.store import MOST_RETURNS, JobStore

WIDE = Bounds(jobs=100, seconds=1e6, per_quota=100)
JOB = Job("a", "me", "me", None, 0, "queued", {}, {}, photo_bytes=10, estimated_seconds=1.0, created=100.0)


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs.sqlite")


def job(id: str, *, seconds: float = 1.0, created: float = 100.0) -> Job:
    return dataclasses.replace(JOB, id=id, estimated_seconds=seconds, created=created)


def lease(store: JobStore, *, short: float = 1e9) -> Job:
    found = store.lease(short_seconds=short, now=200.0, until=260.0)
    assert found is not None
    return found


def do_one(store: JobStore, *, now: float) -> None:
    """The next job done, with a result of a byte."""
    assert store.finish(lease(store), now=now, result={"name": "x"}, result_bytes=1, record={})


def test_an_old_token_publishes_nothing(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    first = lease(store)
    assert store.requeue(first, now=201)
    second = lease(store)
    assert not store.finish(first, now=202, result={"name": "first"}, result_bytes=1, record={})
    assert not store.renew(first, until=300)
    assert store.finish(second, now=203, result={"name": "second"}, result_bytes=1, record={})
    assert not store.finish(second, now=204, result={"name": "again"}, result_bytes=1, record={})
    assert not store.renew(second, until=300)
    found = store.job("a")
    assert found is not None
    assert (found.state, found.result, found.token) == ("done", {"name": "second"}, 2)
    assert [state for _, state, _ in store.events("a", after=0)] == ["queued", "running", "queued", "running", "done"]


def test_a_job_that_is_put_back_waits_as_before_and_costs_its_quota_nothing(store: JobStore) -> None:
    store.accept([of("first", "a")], WIDE)
    store.accept([of("second", "b", created=101)], WIDE)
    running = lease(store)
    assert running.id == "a"
    assert store.requeue(running, now=201)
    assert not store.requeue(running, now=202), "whoever puts it back again has it no more"
    assert store.job("a") == dataclasses.replace(of("first", "a"), token=1)
    assert [state for _, state, _ in store.events("a", after=0)] == ["queued", "running", "queued"]
    assert [waiting.id for waiting in store.queue().waiting] == ["a", "b"]
    again = lease(store)
    assert not store.requeue(running, now=203), "nor takes it from who has it now"
    assert not store.fail(running, now=203, error={"status": 500})
    assert store.job("a") == again


def test_how_often_a_job_came_back_is_counted(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    for deaths, returns in ((1, 0), (1, 2)):
        store.requeue(lease(store), now=201, deaths=deaths, returns=returns)
    found = store.job("a")
    assert found is not None
    assert (found.deaths, found.returns) == (2, 2)


def test_the_files_of_what_waits_runs_or_is_done_are_known(store: JobStore) -> None:
    store.accept([job(id) for id in "abcde"], WIDE)
    store.finish(lease(store), now=300, result={"name": "x.png"}, result_bytes=7, record={})
    store.fail(lease(store), now=300, error={"status": 422})
    lease(store)
    store.cancel("d", now=300)
    assert store.files() == {"a": ("x.png",), "c": (PHOTO,), "e": (PHOTO,)}
    assert store.load().stored_bytes == 5 * JOB.photo_bytes + 7


def test_an_owner_sees_only_own_jobs_the_latest_first_and_page_by_page(store: JobStore) -> None:
    for id in ("a", "b", "c", "d"):
        store.accept([of("you" if id == "b" else "me", id)], WIDE)
    page = store.jobs_of("me", before=None, most=2)
    assert [each.id for each in page] == ["d", "c"]
    assert [each.id for each in store.jobs_of("me", before=page[-1], most=2)] == ["a"]
    assert [each.id for each in store.jobs_of("you", before=page[0], most=2)] == ["b"]


def test_a_cancelled_job_publishes_nothing(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    running = lease(store)
    assert store.cancel("a", now=201)
    assert store.job("a") == dataclasses.replace(running, state="cancelled", finished=201.0, lease_until=None)
    assert [state for _, state, _ in store.events("a", after=0)] == ["queued", "running", "cancelled"]
    assert [state for _, state, _ in store.events("a", after=2)] == ["cancelled"]
    assert not store.finish(running, now=202, result={"name": "x"}, result_bytes=1, record={})


def test_what_has_ended_cannot_be_cancelled(store: JobStore) -> None:
    failed = dataclasses.replace(JOB, id="failed", state="failed", finished=100.0)
    store.accept([failed, JOB], WIDE)
    do_one(store, now=300)
    for id in ("failed", "a", "never came"):
        before = store.job(id), store.events(id, after=0)
        assert not store.cancel(id, now=301)
        assert (store.job(id), store.events(id, after=0)) == before
    assert store.used("me", day=0) == Used(1, 0)


def test_short_work_comes_first_and_long_work_in_the_end(store: JobStore) -> None:
    store.accept([job("long", seconds=50, created=100), job("early", seconds=1, created=120), job("late", seconds=1, created=160)], WIDE)
    assert [lease(store).id for _ in range(3)] == ["early", "long", "late"]


def test_the_short_lane_takes_short_work_only(store: JobStore) -> None:
    store.accept([job("long", seconds=50)], WIDE)
    assert store.lease(short_seconds=20, now=200, until=260) is None


def test_what_waits_for_better_times_is_not_leased(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    store.requeue(lease(store), now=490, not_before=500)
    assert store.lease(short_seconds=1e9, now=499, until=560) is None
    assert store.lease(short_seconds=1e9, now=500, until=560) is not None


def test_a_clock_that_is_set_back_keeps_no_job_waiting(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    store.requeue(lease(store), now=90_000, not_before=90_010)
    assert store.lease(short_seconds=1e9, now=200, until=260) is not None


def test_a_clock_that_jumps_ahead_takes_nothing_from_who_holds_the_lease(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    running = lease(store)
    assert store.lapsed(now=260) == (), "its lease lasts until then"
    assert [job.id for job in store.lapsed(now=1e9)] == ["a"]
    assert store.renew(running, until=1e9 + 60)
    assert store.finish(running, now=1e9, result={"name": "x"}, result_bytes=1, record={})


@pytest.mark.parametrize(
    ("bounds", "error"),
    [(Bounds(1, 1e6, 100), Saturated), (Bounds(100, 1.5, 100), Saturated), (Bounds(100, 1e6, 1), QuotaReached)],
)
def test_takes_all_of_a_batch_or_nothing(store: JobStore, bounds: Bounds, error: type[Exception]) -> None:
    store.accept([job("first")], bounds)
    with pytest.raises(error):
        store.accept([job("second"), job("third")], bounds)
    assert store.load().states == {"queued": 1}


def test_a_quotas_jobs_that_wait_and_that_run_count_together(store: JobStore) -> None:
    two = Bounds(jobs=100, seconds=1e6, per_quota=2)
    store.accept([job("runs"), job("waits")], two)
    lease(store)
    with pytest.raises(QuotaReached, match="2 of your jobs"):
        store.accept([job("third")], two)
    store.accept([of("another", "another's")], two)


def test_an_empty_queue_takes_a_job_of_any_length_and_no_other_behind_it(store: JobStore) -> None:
    short = Bounds(jobs=100, seconds=3, per_quota=100)
    store.accept([job("long", seconds=50)], short)
    with pytest.raises(Saturated):
        store.accept([job("short", seconds=1)], short)
    store.cancel("long", now=150)
    store.accept([job("one", seconds=1)], short)
    store.accept([job("two", seconds=2)], short)
    assert store.load().queued_seconds == 3


def test_what_failed_at_once_is_noted_though_nothing_more_is_taken(store: JobStore) -> None:
    failed = dataclasses.replace(JOB, state="failed", finished=100.0, error={"code": "unsupported_photo", "status": 415})
    store.accept([failed], Bounds(jobs=0, seconds=0, per_quota=0))
    assert store.job("a") == failed


def test_a_key_leads_to_its_batch_as_long_as_any_job_of_it_is_there(store: JobStore) -> None:
    jobs = [dataclasses.replace(job(id), batch="both", place=place) for place, id in enumerate("ab")]
    store.accept(jobs[::-1], WIDE, batch="both", claim=Claim("key", "photos"))
    assert [each.id for each in store.batch("both")] == ["a", "b"]
    for _ in jobs:
        done = lease(store)
        store.finish(done, now=300, result={"name": "x"}, result_bytes=7, record={})
        assert store.claimed("me", Claim("key", "photos")) == "both"
        assert store.forget(done.id)
    assert not store.knows("me", "key")


def test_a_key_is_claimed_once(store: JobStore) -> None:
    store.accept([JOB], WIDE, claim=Claim("key", "photo"))
    assert [store.knows(*who) for who in (("me", "key"), ("me", "other"), ("you", "key"))] == [True, False, False]
    assert store.claimed("me", Claim("key", "photo")) == "a"
    assert store.claimed("you", Claim("key", "photo")) is None
    with pytest.raises(KeyReused):
        store.claimed("me", Claim("key", "other photo"))
    with pytest.raises(KeyReused):
        store.accept([job("b")], WIDE, claim=Claim("key", "photo"))


def test_what_ran_goes_on_after_a_restart_but_not_for_ever(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    for number in range(MOST_RETURNS - 1):
        lease(store)
        store.recover(now=300.0 + number)
    assert store.load().states == {"queued": 1}
    lease(store)
    assert [failed.id for failed in store.recover(now=400)] == ["a"]
    assert store.recover(now=500) == (), "it was told of once"
    found = store.job("a")
    assert found is not None
    assert found.error is not None
    assert found.error["code"] == "worker_died"


def test_results_expire(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    store.finish(lease(store), now=300, result={"name": "x"}, result_bytes=7, record={})
    assert store.expire(finished_before=300, forget_before=0) == ()
    assert store.expire(finished_before=301, forget_before=0) == ("a",)
    assert (store.load().states, store.load().stored_bytes, store.files()) == ({"expired": 1}, 0, {})
    store.expire(finished_before=301, forget_before=300)
    assert store.load().states == {"expired": 1}
    store.expire(finished_before=301, forget_before=301)
    assert store.load().states == {}


def test_what_failed_or_was_cancelled_is_forgotten_too_with_its_batch_and_its_key(store: JobStore) -> None:
    jobs = [dataclasses.replace(job(id), batch="both") for id in "ab"]
    store.accept(jobs, WIDE, batch="both", claim=Claim("key", "photos"))
    store.accept([job("c")], WIDE, claim=Claim("later", "photo"))
    store.fail(lease(store), now=200, error={"status": 422})
    store.cancel("b", now=200)
    store.expire(finished_before=100, forget_before=100)
    assert (store.knows("me", "key"), len(store.batch("both"))) == (True, 2)
    assert set(store.expire(finished_before=201, forget_before=201)) == {"a", "b"}
    assert store.load().states == {"queued": 1}
    assert not store.knows("me", "key")
    store.accept([dataclasses.replace(job("d"), batch="both")], WIDE, batch="both")


def of(quota: str, id: str, *, seconds: float = 10.0, created: float = 100.0) -> Job:
    return dataclasses.replace(JOB, id=id, owner=quota, quota=quota, estimated_seconds=seconds, created=created)


def test_nobody_waits_for_all_of_anothers_jobs(store: JobStore) -> None:
    store.accept([of("many", f"many {n}") for n in range(39)], WIDE)
    assert lease(store).quota == "many"
    store.accept([of("one", "one", created=150)], WIDE)
    assert store.queue().waiting[0].id == "one"
    assert lease(store).id == "one"
    assert store.queue().waiting[-1].id == "many 38"
    assert [job.id for job in store.queue().running] == ["many 0", "one"]


def test_workers_are_shared_by_cost(store: JobStore) -> None:
    store.accept([of("long", f"long {n}", seconds=100) for n in range(5)], WIDE)
    store.accept([of("short", f"short {n}", seconds=10) for n in range(40)], WIDE)
    order = []
    for _ in range(22):
        job = lease(store)
        order.append(job.quota)
        store.finish(job, now=300, result={"name": "x"}, result_bytes=1, record={})
    assert 1 <= order.count("long") <= 3
    assert order.count("short") >= 19


def test_the_place_in_the_queue_is_the_order_of_the_leases(store: JobStore) -> None:
    random = np.random.default_rng(5)
    for n in range(40):
        quota = "abc"[int(random.integers(3))]
        store.accept([of(quota, f"{n}", seconds=float(random.uniform(1, 60)), created=100 + n)], WIDE)
    order = [each.id for each in store.queue().waiting]
    assert [lease(store).id for _ in range(40)] == order


def test_what_was_done_lately_tells_how_long_it_took(store: JobStore) -> None:
    store.accept([job(f"{n}", seconds=1 + n, created=100 + n) for n in range(5)], WIDE)
    for n in range(4):
        leased = store.lease(short_seconds=1e9, now=200.0, until=260.0)
        assert leased is not None
        store.finish(leased, now=210 + n, result={"name": "x"}, result_bytes=1, record={})
    store.cancel("4", now=300)
    assert store.worked(most=3) == (Worked("", 2.0, 11.0), Worked("", 3.0, 12.0), Worked("", 4.0, 13.0))


def test_who_comes_back_has_saved_nothing_up(store: JobStore) -> None:
    store.accept([of("many", f"many {n}") for n in range(30)], WIDE)
    for _ in range(10):
        do_one(store, now=300)
    store.accept([of("late", f"late {n}") for n in range(30)], WIDE)
    order = [lease(store).quota for _ in range(10)]
    assert 4 <= order.count("late") <= 6


def test_what_a_quota_had_is_forgotten_when_it_has_nothing_to_do(store: JobStore) -> None:
    store.accept([of("busy", f"busy {n}") for n in range(5)], WIDE)
    for _ in range(5):
        do_one(store, now=300)
    store.expire(finished_before=0, forget_before=0)
    store.accept([of("new", f"new {n}", created=300) for n in range(2)], WIDE)
    store.accept([of("busy", f"again {n}", created=301) for n in range(2)], WIDE)
    assert [lease(store).id for _ in range(4)] == ["new 0", "again 0", "new 1", "again 1"]


def test_what_a_quota_had_is_not_forgotten_while_its_jobs_wait(store: JobStore) -> None:
    store.accept([of("busy", f"busy {n}") for n in range(3)], WIDE)
    do_one(store, now=300)
    store.accept([of("new", f"new {n}", created=300) for n in range(2)], WIDE)
    do_one(store, now=301)
    before = store.queue().waiting
    store.expire(finished_before=0, forget_before=0)
    assert store.queue().waiting == before
    store.accept([of("third", "third", created=301)], WIDE)
    assert [waiting.id for waiting in store.queue().waiting][-1] != "third"


def test_who_paused_has_saved_nothing_up(store: JobStore) -> None:
    store.accept([of("now and then", "first")], WIDE)
    do_one(store, now=300)
    store.accept([of("many", f"many {n}") for n in range(30)], WIDE)
    for _ in range(10):
        do_one(store, now=300)
    store.accept([of("now and then", f"later {n}") for n in range(30)], WIDE)
    order = [lease(store).quota for _ in range(10)]
    assert 4 <= order.count("many") <= 6


def test_the_tiniest_jobs_cost_their_quota_something(store: JobStore) -> None:
    store.accept([of("tiny", f"tiny {n}", seconds=0.001) for n in range(30)], WIDE)
    store.accept([of("other", f"other {n}", seconds=1, created=200) for n in range(2)], WIDE)
    assert "other 1" in [lease(store).id for _ in range(15)]


def test_who_joins_while_others_work_begins_where_they_are(store: JobStore) -> None:
    """What runs counts as work to come: whoever joins waits for none of it, and is owed none."""
    store.accept([of("long", f"long {n}", seconds=100) for n in range(2)], WIDE)
    lease(store)
    store.accept([of("late", f"late {n}", seconds=10, created=150) for n in range(20)], WIDE)
    order = [lease(store).id for _ in range(12)]
    assert order.index("long 1") == 11  # ten cost what the one did, and of equals the shorter one comes first


def test_a_deleted_result_leaves_a_row_that_says_so_and_knows_nothing_of_the_photo(store: JobStore) -> None:
    store.accept([dataclasses.replace(JOB, header={"width": 3, "sha256": "of the photo"})], WIDE)
    running = lease(store)
    assert not store.delete("a", now=250)
    record = {"done": "something", "steps": [{"name": "faces", "seconds": 1.0, "facts": {"boxes": [1, 2, 3, 4]}}]}
    store.finish(running, now=300, result={"name": "x", "sha256": "of the result"}, result_bytes=7, record=record)
    assert store.delete("a", now=301)
    assert not store.delete("a", now=302)
    row = store.job("a")
    assert row is not None
    assert row.error is not None
    assert (row.state, row.error["code"]) == ("expired", "result_expired")
    assert row.header == {"width": 3}
    assert row.result == {"name": "x"}
    assert row.record == {"done": "something", "steps": [{"name": "faces", "seconds": 1.0}]}
    assert (store.load().stored_bytes, store.files()) == (0, {})
    assert [state for _, state, _ in store.events("a", after=0)][-2:] == ["done", "expired"]


def test_a_job_that_is_forgotten_leaves_nothing_but_what_it_used(store: JobStore) -> None:
    store.accept([JOB], WIDE, batch="both", claim=Claim("key", "photo"), callback=CallbackAddress("https://example.org", "signer"))
    assert not store.forget("a")
    store.finish(lease(store), now=300, result={"name": "x"}, result_bytes=7, record={})
    assert store.forget("a")
    assert not store.forget("a")
    assert (store.job("a"), store.batch("both"), store.callback("a"), store.events("a", after=0)) == (None, (), None, ())
    assert store.claimed("me", Claim("key", "other photo")) is None
    assert store.used("me", day=0) == Used(1, 0)
