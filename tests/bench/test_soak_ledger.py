"""The soak sees what must not be, and harmful files are the same for the same seed."""

import random
from pathlib import Path

import numpy as np
from served import png

from harmful import foreign_files, harmful_files
from mutations import mutated
from soak.ledger import Ledger
from soak.work import Task, hash_of

PIXELS, OTHER = np.full((4, 4, 3), 9, np.uint8), np.full((4, 4, 3), 8, np.uint8)
TASK = Task(b"photo", {}, hash_of(PIXELS))


def test_a_picture_of_somebody_else_is_a_fault() -> None:
    ledger = Ledger()
    ledger.accepted("right", "me", TASK)
    ledger.pictured("right", png(PIXELS))
    assert not ledger.faults
    ledger.accepted("wrong", "me", TASK)
    ledger.pictured("wrong", png(OTHER))
    assert len(ledger.faults) == 1
    assert ledger.ends == {"right": 1, "wrong": 1}


def test_one_job_for_two_is_a_fault() -> None:
    ledger = Ledger()
    ledger.accepted("1", "me", TASK)
    ledger.accepted("1", "me", TASK)
    assert not ledger.faults
    ledger.accepted("1", "you", TASK)
    assert ledger.faults


def test_a_good_photo_fails_only_of_kills() -> None:
    ledger = Ledger()
    ledger.accepted("1", "me", TASK)
    ledger.failed("1", {"code": "worker_died", "status": 500})
    ledger.accepted("2", "me", None)
    ledger.failed("2", {"code": "unreadable_photo", "status": 422})
    assert not ledger.faults
    ledger.failed("1", {"code": "unreadable_photo", "status": 422})
    ledger.failed("2", {"code": "bug", "status": 500})
    assert len(ledger.faults) == 2


def test_changed_files_are_the_same_for_the_same_seed() -> None:
    whole, other = bytes(range(256)) * 20, b"other" * 100
    changed = [mutated(whole, random.Random(seed), other) for seed in range(50)]
    assert changed == [mutated(whole, random.Random(seed), other) for seed in range(50)]
    assert len(set(changed)) == 50
    assert whole not in changed


def test_texts_are_no_harmful_files_and_the_rest_is_changed_in_turn(tmp_path: Path) -> None:
    (tmp_path / "code.c").write_text("int main;")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "photo.png").write_bytes(png(PIXELS))
    (tmp_path / "grey.pgm").write_bytes(b"P2 1 1 255 7")
    paths = foreign_files([tmp_path])
    assert [path.name for path in paths] == ["grey.pgm", "photo.png"]
    sent = list(harmful_files(paths, 5, 1))
    assert [each.data for each in sent[:2]] == [path.read_bytes() for path in paths]
    assert all("changed" in each.name for each in sent[2:])
    assert sent == list(harmful_files(paths, 5, 1))
