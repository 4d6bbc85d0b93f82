"""`img-enhance open` before it serves: what it refuses, names beside photos, and the entry for file managers."""

from __future__ import annotations

import configparser
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from img_enhance.cli import desktop_entry
from img_enhance.cli.beside import save_beside
from img_enhance.cli.open_page import HOME_SETTINGS
from img_enhance.errors import DiskError, OptionError
from img_enhance.machine.settings import user_data
from img_enhance.photo import FORMATS
from img_enhance.service.peer import owner_of
from img_enhance.service.settings import Settings

Run = Callable[..., tuple[int, str, str]]


def test_what_is_no_file_is_refused_before_anything_starts(run: Run, tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.jpg", "does not exist"), (tmp_path, "is a folder"), (Path("/dev/null"), "is a pipe or a device")):
        code, out, err = run("open", path)
        assert (code, out) == (2, "")
        assert words in err


def test_says_how_to_install_what_it_needs() -> None:
    code = "import sys; sys.modules['uvicorn'] = None\nfrom img_enhance.cli.main import main\nsys.exit(main(['open']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == OptionError.exit_code
    assert "pip install 'img-enhance[service]'" in done.stderr


def test_results_never_go_over_another_file(tmp_path: Path) -> None:
    result = tmp_path / "result"
    result.write_bytes(b"enhanced")
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("Cat.JPG", "cat_ENHANCED.jpg"):
        (folder / name).write_bytes(b"before")
    photo = folder / "Cat.JPG"
    # Upper and lower case are the same to some file systems, and the ending stays the photo's own.
    names = [save_beside(photo, result, "jpeg").name for _ in range(2)]
    assert names == ["Cat_JPG_enhanced.JPG", "Cat_2_enhanced.JPG"]
    assert save_beside(photo, result, "webp").name == "Cat_enhanced.webp"
    assert {path.read_bytes() for path in folder.iterdir() if path.name.lower() in ("cat.jpg", "cat_enhanced.jpg")} == {b"before"}
    assert {(folder / name).read_bytes() for name in names} == {b"enhanced"}


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    (tmp_path / "result").write_bytes(b"x")
    with pytest.raises(DiskError, match="download"):
        save_beside(tmp_path / "gone" / "cat.jpg", tmp_path / "result", "jpeg")


def test_installs_an_entry_for_file_managers_and_takes_it_away(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    path = tmp_path / "applications" / "img-enhance.desktop"
    code, out, _ = run("open", "--install")
    assert code == 0
    assert str(path) in out
    entry = configparser.RawConfigParser()
    entry.optionxform = str  # type: ignore[method-assign,assignment]
    entry.read(path, encoding="utf-8")
    row = entry["Desktop Entry"]
    assert row["Exec"].endswith('"open" %F')
    assert os.access(shlex.split(row["Exec"])[0], os.X_OK)
    assert Path(row["Icon"]).is_file()
    assert {"image/jpeg", "image/x-adobe-dng"} <= set(row["MimeType"].split(";"))
    assert run("open", "--uninstall")[:2] == (0, f"[OK] {path} is removed\n")
    assert not path.exists()
    assert run("open", "--uninstall")[:2] == (0, f"[OK] there is no {path}\n")


def test_the_entry_names_every_kind_of_photo_that_is_read() -> None:
    assert set(desktop_entry.MIME_TYPES) == {entry.name for entry in FORMATS}


def test_the_entry_quotes_odd_paths() -> None:
    text = desktop_entry.entry(['/opt/a "b" $c 100%/img-enhance', "open"], Path("/x/icon.svg"))
    assert r'Exec="/opt/a \\"b\\" \\$c 100%%/img-enhance" "open" %F' in text.splitlines()
    with pytest.raises(OptionError):
        desktop_entry.entry(["/opt/a\nb/img-enhance"], Path("/x/icon.svg"))


def test_other_systems_are_told_how_to_go_on() -> None:
    for platform in ("darwin", "win32"):
        with pytest.raises(OptionError, match="img-enhance open PHOTO"):
            desktop_entry.check_platform(platform)


def test_data_goes_to_the_persons_own_folder() -> None:
    assert user_data({"XDG_DATA_HOME": "/x/data", "HOME": "/home/a"}, platform="linux") == Path("/x/data")
    assert user_data({"XDG_DATA_HOME": "relative", "HOME": "/home/a"}, platform="linux") == Path("/home/a/.local/share")
    assert user_data({"HOME": "/Users/a"}, platform="darwin") == Path("/Users/a/Library/Application Support")
    with pytest.raises(OptionError, match="HOME"):
        user_data({}, platform="linux")


def test_only_this_machine_is_listened_to() -> None:
    settings = Settings(**HOME_SETTINGS)  # type: ignore[arg-type]
    assert (settings.host, settings.access, settings.cors_origins) == ("127.0.0.1", "keys", "")


def test_the_owner_of_a_connection_is_read_from_the_kernels_table(tmp_path: Path) -> None:
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    row = "   0: {local} {remote} 01 00000000:00000000 00:00000000 00000000 {uid:>5}        0 1 1 0 20 4 30 10 -1\n"
    one, two = ("0100007F", "0000000000000000FFFF00000100007F") if sys.byteorder == "little" else ("7F000001", "")
    (tmp_path / "tcp").write_text(
        head
        + row.format(local=f"{one}:1F90", remote=f"{one}:C001", uid=0)  # the server's own end
        + row.format(local=f"{one}:C001", remote=f"{one}:1F90", uid=1000)
    )
    (tmp_path / "tcp6").write_text(head + row.format(local=f"{two}:C002", remote=f"{two}:1F90", uid=1001))
    server = ("127.0.0.1", 0x1F90)
    assert owner_of(("127.0.0.1", 0xC001), server, tmp_path) == 1000
    assert owner_of(("127.0.0.1", 0xC002), server, tmp_path) == 1001
    assert owner_of(("127.0.0.1", 0xC003), server, tmp_path) is None
    assert owner_of(("127.0.0.1", 0xC001), server, tmp_path / "none") is None
