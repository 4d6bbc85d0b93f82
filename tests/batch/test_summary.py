"""The numbers of made runs, and the lines at the end."""

import dataclasses

from made_runs import done, failed, run_of, skipped

from img_enhance.batch.outcome import AlgorithmRun
from img_enhance.batch.summary import algorithms_of, numbers_of, rate_text, summary_lines


def test_numbers_are_of_what_this_run_did() -> None:
    fast, slow = done("a.jpg", 1.0), done("b.jpg", 6.0)
    numbers = numbers_of(run_of(slow, fast, failed("c.jpg"), skipped("d.jpg"), seconds=5.0, left=2))
    assert (numbers.total, numbers.success, numbers.failed, numbers.skipped) == (6, 2, 1, 1)
    assert numbers.success_rate == 2 / 3
    assert numbers.average_seconds == 3.5
    assert (numbers.fastest, numbers.slowest, numbers.total_seconds) == (fast, slow, 5.0)


def test_nothing_done_has_no_times() -> None:
    numbers = numbers_of(run_of(skipped("a.jpg"), skipped("b.jpg"), seconds=0.3))
    assert (numbers.success_rate, numbers.average_seconds, numbers.fastest, numbers.slowest) == (None, None, None, None)
    assert "Success rate: -" in summary_lines(run_of(skipped("a.jpg")))


def test_rates_are_rounded_down() -> None:
    assert rate_text(15, 15) == "100% (15/15)"
    assert rate_text(9999, 10000) == "99.9% (9999/10000)"
    assert rate_text(14, 15) == "93.3% (14/15)"
    assert rate_text(0, 3) == "0.0% (0/3)"
    assert rate_text(0, 0) == "-"


def test_lines_have_the_labels_that_scripts_look_for() -> None:
    lines = summary_lines(run_of(done("a.jpg", 1.5), done("b.jpg", 2.5), failed("c.jpg"), seconds=95))
    assert lines == (
        "Total images: 3",
        "Success: 2",
        "Failed: 1",
        "Skipped: 0",
        "Success rate: 66.6% (2/3)",
        "Average time per image: 2.0 s",
        "Fastest image: 1.5 s (a.jpg)",
        "Slowest image: 2.5 s (b.jpg)",
        "Total processing time: 1 min 35 s",
        "",
        "Algorithm      Load success  Execution success",
        "white_balance  100% (2/2)    100% (2/2)",
        "real_esrgan    100% (3/3)    66.6% (2/3)",
        "  1 photo: the file is truncated",
    )


def test_an_algorithm_that_is_not_there_is_not_loaded() -> None:
    lacking = AlgorithmRun("gfpgan", loaded=False, executed=False, why_not="gfpgan-1.4 is not on this machine")
    photos = [dataclasses.replace(done(f"{number}.jpg"), algorithms=(lacking,)) for number in range(3)]
    (algorithm,) = algorithms_of(photos)
    assert (algorithm.photos, algorithm.loaded, algorithm.executed) == (3, 0, 0)
    assert algorithm.why_not == (("gfpgan-1.4 is not on this machine", 3),)


def test_photos_that_failed_alike_are_one_reason() -> None:
    photos = [failed(name, why=f"/photos/{name} is truncated") for name in ("a.jpg", "b.jpg")]
    photos += [failed(f"{number}.jpg", why=f"reason {number}") for number in range(4)]
    lines = summary_lines(run_of(*photos))
    assert lines[-4:] == (
        "  2 photos: the photo is truncated",
        "  1 photo: reason 0",
        "  1 photo: reason 1",
        "  2 photos for other reasons",
    )


def test_lines_are_ascii_whatever_photos_are_called() -> None:
    lines = summary_lines(run_of(done("caf\udce9 \u5199\n\x1b[31m.jpg")))
    assert lines[6] == r"Fastest image: 2.0 s (caf\udce9 \u5199\n\x1b[31m.jpg)"
    assert all(line.isascii() and line.isprintable() for line in lines)
