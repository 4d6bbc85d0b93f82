"""The keys file: read again when it changes, and a slip in it locks nobody out."""

from pathlib import Path

import pytest

from img_enhance.errors import OptionError
from img_enhance.jobs.refusals import KeyUnknown
from img_enhance.service.keys import Keys, add_key


def test_a_slip_in_the_file_leaves_the_keys_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    first = {"x-api-key": add_key(file, "first")}
    keys = Keys("", file)
    good = file.read_text()
    file.write_text(good + "second NOT-A-HASH\n")
    assert keys.owner(first) == "first"
    assert "keys" in keys.trouble
    assert str(tmp_path) not in keys.trouble
    file.write_text(good)
    second = {"x-api-key": add_key(file, "second")}
    assert keys.owner(second) == "second"
    assert keys.trouble == ""
    file.unlink()
    with pytest.raises(KeyUnknown):
        keys.owner(first)


def test_a_service_does_not_start_with_a_file_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("first NOT-A-HASH\n")
    with pytest.raises(OptionError, match="line 1"):
        Keys("", tmp_path / "keys")
