"""The list of jobs as earlier versions made it: it goes on, and a change of version is done whole or not at all."""

import contextlib
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from img_enhance.jobs.refusals import StoreBroken
from img_enhance.jobs.rows import Bounds, CallbackAddress, Claim, Job
from img_enhance.jobs.store import JobStore

VERSION_1 = """
CREATE TABLE batches (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    created REAL NOT NULL
) STRICT;

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    quota TEXT NOT NULL,
    batch TEXT REFERENCES batches(id),
    place INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'expired')),
    request TEXT NOT NULL,
    header TEXT NOT NULL,
    photo_bytes INTEGER NOT NULL,
    estimated_seconds REAL NOT NULL,
    created REAL NOT NULL,
    not_before REAL NOT NULL DEFAULT 0,
    started REAL,
    finished REAL,
    token INTEGER NOT NULL DEFAULT 0,
    lease_until REAL,
    deaths INTEGER NOT NULL DEFAULT 0,
    returns INTEGER NOT NULL DEFAULT 0,
    result TEXT,
    result_bytes INTEGER NOT NULL DEFAULT 0,
    record TEXT,
    error TEXT
) STRICT;

CREATE INDEX jobs_by_state ON jobs(state, created);
CREATE INDEX jobs_by_quota ON jobs(quota, state);
CREATE INDEX jobs_by_batch ON jobs(batch, place);

CREATE TABLE idempotency (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    target TEXT NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT;

CREATE TABLE events (
    job TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
"""
STATES = ("queued", "running", "done", "failed", "cancelled", "expired")


CHANGES_TO_2 = """
ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT '';
CREATE TABLE shares (quota TEXT PRIMARY KEY, turn REAL NOT NULL) STRICT;
PRAGMA user_version = 2;
"""


NEW = Job("new", "me", "me", None, 0, "queued", {}, {}, photo_bytes=10, estimated_seconds=1.0, created=100.0)


def old_store(path: Path, version: int) -> None:
    """A store as an earlier version made it, with a job in every state."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript(VERSION_1)
        for state in STATES:
            values = (state, "me", "me", None, 0, state, "{}", "{}", 10, 2.0, 100.0, 0.0, None, None, 1, None, 0, 0)
            marks = ", ".join("?" * len(values))
            database.execute(f"INSERT INTO jobs VALUES ({marks}, NULL, 0, NULL, NULL)", values)
            database.execute("INSERT INTO events VALUES (?, 1, ?, 100.0)", (state, state))
        database.execute("INSERT INTO idempotency VALUES ('me', 'key', 'print', 'done', 100.0)")
        database.execute("PRAGMA user_version = 1")
        database.commit()
        if version == 2:
            database.executescript(CHANGES_TO_2)


def leased(store: JobStore) -> str | None:
    """The id of the job that is next."""
    job = store.lease(short_seconds=1e9, now=200.0, until=260.0)
    return None if job is None else job.id


@pytest.mark.parametrize("version", [1, 2])
def test_a_store_of_an_earlier_version_goes_on(tmp_path: Path, version: int) -> None:
    old_store(tmp_path / "jobs.sqlite", version)
    store = JobStore(tmp_path / "jobs.sqlite")
    assert [each.state for state in STATES for each in (store.job(state),) if each is not None] == list(STATES)
    assert store.claimed("me", Claim("key", "print")) == "done"
    assert leased(store) == "queued"
    store.accept([NEW], Bounds(jobs=100, seconds=1e6, per_quota=100), callback=CallbackAddress("https://example.org", "signer"))
    assert store.used("me", day=0).jobs == 1
    assert store.delete("done", now=300)
    store.close()
    assert JobStore(tmp_path / "jobs.sqlite").job("new") is not None


@pytest.mark.parametrize(("version", "cut_after"), [(1, 1), (1, 2), (2, 2)])
def test_a_change_of_version_that_is_cut_off_is_done_at_the_next_start(tmp_path: Path, version: int, cut_after: int) -> None:
    path = tmp_path / "jobs.sqlite"
    old_store(path, version)
    cut = (
        f"from img_enhance.jobs import schema; schema.CHANGES[{cut_after}] += 'SELECT die();'; import os, sqlite3, sys\n"
        "connect = sqlite3.connect\n"
    )
    dying = (
        "def dying(*words, **more):\n    database = connect(*words, **more)\n"
        "    database.create_function('die', 0, lambda: os.kill(os.getpid(), 9))\n    return database\n"
        "sqlite3.connect = dying\nfrom pathlib import Path; from img_enhance.jobs.store import JobStore; JobStore(Path(sys.argv[1]))"
    )
    assert subprocess.run([sys.executable, "-c", cut + dying, str(path)], check=False).returncode == -signal.SIGKILL
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (version,)
    assert leased(JobStore(path)) == "queued"


def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "jobs.sqlite") as database:
        database.execute("CREATE TABLE other (x)")
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreBroken, match="version 99"):
        JobStore(tmp_path / "jobs.sqlite")


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database:
        database.execute("CREATE TABLE other (x)")
    with pytest.raises(StoreBroken, match=r"version 0, which is not known"):
        JobStore(tmp_path / "jobs.sqlite")
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("other",)]


def test_a_damaged_list_is_refused_and_not_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    store = JobStore(path)
    store.accept([NEW], Bounds(jobs=100, seconds=1e6, per_quota=100))
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    with pytest.raises(StoreBroken, match=r"damaged|malformed"):
        JobStore(path)
    assert len(path.read_bytes()) == len(whole)


def test_nobody_else_may_read_the_list(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    path.touch(0o644)
    store = JobStore(path)
    store.accept([NEW], Bounds(jobs=100, seconds=1e6, per_quota=100))
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}


def test_what_is_accepted_outlives_the_loss_of_power(tmp_path: Path) -> None:
    """As far as the settings of SQLite say so: each commit waits for the disk."""
    store = JobStore(tmp_path / "jobs.sqlite")
    settings = ("journal_mode", "synchronous", "foreign_keys")
    assert [store._db.execute(f"PRAGMA {name}").fetchone()[0] for name in settings] == ["wal", 2, 1]
