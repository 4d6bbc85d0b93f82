"""The keys file: read again when it changes, and a slip in it locks nobody out."""

from pathlib import Path

import pytest

from img_enhance.errors import OptionError
from img_enhance.jobs.refusals import KeyUnknown
from img_enhance.jobs.rows import Daily
from img_enhance.service.keys import Keys, add_key


def test_a_slip_in_the_file_leaves_the_keys_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    first = {"x-api-key": add_key(file, "first")}
    keys = Keys("", file)
    good = file.read_text()
    file.write_text(good + "second NOT-A-HASH\n")
    assert keys.caller(first).owner == "first"
    assert "keys" in keys.trouble
    assert str(tmp_path) not in keys.trouble
    file.write_text(good)
    second = {"x-api-key": add_key(file, "second")}
    assert keys.caller(second).owner == "second"
    assert keys.trouble == ""
    file.unlink()
    with pytest.raises(KeyUnknown):
        keys.caller(first)


def test_a_service_does_not_start_with_a_file_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("first NOT-A-HASH\n")
    with pytest.raises(OptionError, match="line 1"):
        Keys("", tmp_path / "keys")


def test_a_line_may_say_how_much_a_day(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    headers = {"x-api-key": add_key(file, "first")}
    keys = Keys("", file)
    assert keys.caller(headers).daily == Daily()
    line = file.read_text().strip()
    for words, daily in [
        ("jobs_a_day=3", Daily(jobs=3)),
        ("megapixels_a_day=0.5", Daily(megapixels=0.5)),
        ("megapixels_a_day=200   jobs_a_day=0", Daily(0, 200)),
    ]:
        file.write_text(f"# who may come in\n\n{line} {words}\n")
        assert keys.caller(headers).daily == daily
    add_key(file, "second")
    assert keys.caller(headers).daily == daily


@pytest.mark.parametrize("words", ["jobs_a_day", "jobs_a_day=", "jobs_a_day=-1", "jobs_a_day=1.5", "jobs_a_day=1 jobs_a_day=2", "jobs=3"])
def test_a_slip_in_a_quota_leaves_the_one_of_before(tmp_path: Path, words: str) -> None:
    file = tmp_path / "keys"
    headers = {"x-api-key": add_key(file, "first")}
    line = file.read_text().strip()
    file.write_text(f"{line} jobs_a_day=7\n")
    keys = Keys("", file)
    file.write_text(f"{line} {words}\n")
    assert keys.caller(headers).daily == Daily(jobs=7)
    assert keys.trouble
    with pytest.raises(OptionError, match=r"line 1.*jobs_a_day=N"):
        Keys("", file)
