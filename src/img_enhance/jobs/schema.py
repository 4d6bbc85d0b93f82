"""The tables of the store, and how those of an earlier version become them."""

VERSION = 3

# `state` is the job's, once it has ended. `due` is when to tell of it, NULL before the end and when nothing is left to tell.
_ADDED_BY_3 = """
CREATE TABLE days (
    quota TEXT NOT NULL,
    day INTEGER NOT NULL,
    jobs INTEGER NOT NULL,
    pixels INTEGER NOT NULL,
    PRIMARY KEY (quota, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE callbacks (
    job TEXT PRIMARY KEY REFERENCES jobs(id) ON DELETE CASCADE,
    quota TEXT NOT NULL,
    url TEXT NOT NULL,
    signer TEXT NOT NULL,
    state TEXT,
    due REAL,
    attempts INTEGER NOT NULL DEFAULT 0,
    answer TEXT,
    taken REAL
) STRICT;

CREATE INDEX callbacks_by_due ON callbacks(due) WHERE due IS NOT NULL;

CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;

CREATE INDEX jobs_by_end ON jobs(state, finished);
CREATE INDEX jobs_by_bytes ON jobs(photo_bytes, result_bytes);
"""

# What each version lacks that the next one has. A store keeps its jobs from version to version.
CHANGES = {
    1: """
ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT '';
CREATE TABLE shares (quota TEXT PRIMARY KEY, turn REAL NOT NULL) STRICT;
""",
    2: _ADDED_BY_3,
}

TABLES = (
    """
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
    error TEXT,
    kind TEXT NOT NULL DEFAULT ''
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

CREATE TABLE shares (quota TEXT PRIMARY KEY, turn REAL NOT NULL) STRICT;

CREATE TABLE events (
    job TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
"""
    + _ADDED_BY_3
)
