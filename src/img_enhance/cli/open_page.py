"""The command `img-enhance open`: the page as a program of one's own, with photos in it."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from img_enhance.cli import desktop_entry
from img_enhance.cli.beside import save_beside
from img_enhance.cli.flags import set_run
from img_enhance.cli.screen import say
from img_enhance.cli.serve import lacking
from img_enhance.errors import OptionError, PhotoError
from img_enhance.files import is_stream, missing
from img_enhance.jobs.refusals import StoreBroken
from img_enhance.jobs.spool import Spool
from img_enhance.machine.settings import user_data

if TYPE_CHECKING:
    from img_enhance.service.home import Home
    from img_enhance.service.settings import Settings

# Limits that protect a service from strangers are wider for one's own photos.
HOME_SETTINGS = {
    "host": "127.0.0.1",
    "port": 0,
    "access": "keys",
    "cors_origins": "",
    "metrics": "off",
    "enable_gpu": True,
    "max_image_size_mb": 1000,
    "max_megapixels": 250,
    "max_result_megapixels": 2000,
    "max_job_seconds": 86_400,
    "queue_jobs": 1000,
    "jobs_per_key": 1000,
    "queue_seconds": 864_000,
    "storage_gb": 100,
    "drain_seconds": 1,
}
_MOST_RUNS = 20


@dataclass(frozen=True)
class OpenRequest:
    """What the command was asked for."""

    photos: tuple[Path, ...]
    linger: float | None
    install: bool
    uninstall: bool


def add_open(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    command = commands.add_parser(
        "open",
        help="open the page in your browser, with photos in it",
        description="Opens the page in your browser, for you alone and on this machine only, with these photos in it. "
        "It ends when its last tab has been closed for a while and nothing is left to do, or with Ctrl-C.",
    )
    command.add_argument("photos", metavar="PHOTO", type=Path, nargs="*", help="files of photos; more can be added in the page")
    command.add_argument("--linger", metavar="SECONDS", type=float, help="stay so long after the last tab was closed (default: 30)")
    entry = command.add_mutually_exclusive_group()
    entry.add_argument("--install", action="store_true", help='offer "Open with img-enhance" in file managers (Linux), and stop')
    entry.add_argument("--uninstall", action="store_true", help="offer it no more, and stop")
    set_run(command, _open, _request)


def _request(arguments: argparse.Namespace) -> OpenRequest:
    linger: float | None = arguments.linger
    if linger is not None and not 1 <= linger <= 86_400:
        raise OptionError(f"--linger must be 1 to 86400 seconds, not {linger:g}")
    return OpenRequest(tuple(arguments.photos), linger, arguments.install, arguments.uninstall)


def _open(request: OpenRequest) -> int:
    if request.uninstall:
        return _remove_entry()
    photos = tuple(_checked(photo) for photo in request.photos)
    try:
        from img_enhance.service.home import CLOSED_SECONDS, Home
        from img_enhance.service.server import serve
    except ModuleNotFoundError as error:
        raise lacking(error) from None
    if request.install:
        return _write_entry()
    linger = CLOSED_SECONDS if request.linger is None else request.linger
    home = Home(photos, _free_folder(user_data(os.environ) / "img-enhance"), save_beside, linger)
    return serve(home_settings(home, os.environ), lambda address: _show(f"{address}#open={quote(home.one_time)}"), home)


def _write_entry() -> int:
    path = _entry_path()
    icon = Path(__file__).parent.parent / "service" / "page" / "icon.svg"
    desktop_entry.install(path, desktop_entry.own_command(), icon)
    print(f'[OK] {path}: file managers now offer "Open with img-enhance"; img-enhance open --uninstall takes it away')
    return 0


def _remove_entry() -> int:
    path = _entry_path()
    print(f"[OK] {path} is removed" if desktop_entry.uninstall(path) else f"[OK] there is no {path}")
    return 0


def _entry_path() -> Path:
    desktop_entry.check_platform(sys.platform)
    return desktop_entry.entry_path(os.environ)


def _checked(photo: Path) -> Path:
    """The whole path of a file; what is in it the page says.

    Raises: PhotoError.
    """
    if photo.is_dir():
        raise PhotoError(f"{photo} is a folder", "name photos in it, such as folder/*.jpg; img-enhance enhance does whole folders")
    if is_stream(photo):
        raise PhotoError(f"{photo} is a pipe or a device, not a file", "save what comes out of it as a file first")
    if not photo.exists():
        raise missing(photo)
    if not os.access(photo, os.R_OK):
        raise PhotoError(f"{photo} cannot be read", "check its permissions")
    return photo.absolute()


def _free_folder(root: Path) -> Path:
    """The first folder for data that no other run uses: the same one as last time, unless two run at once.

    Raises: DiskError, MachineError; StoreBroken when there are too many.
    """
    for number in count(1):
        folder = root / f"open-{number}"
        try:
            os.close(Spool(folder).lock())
        except StoreBroken:
            if number >= _MOST_RUNS:
                raise
        else:
            return folder
    raise AssertionError


def home_settings(home: Home, environment: Mapping[str, str]) -> Settings:
    """Settings of a service for one person on this machine; the environment may set what this does not."""
    from img_enhance.service.settings import settings_from

    return settings_from(environment, {**HOME_SETTINGS, "data": str(home.data), "api_keys": home.key})


def _show(address: str) -> None:
    """Open the page, and say where it is: the address works once."""
    say(f"The page is at {address} - this address works once, and Ctrl-C ends it.")
    # Browsers of the terminal show no such page, and there are no others without a screen.
    graphical = sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    if graphical:
        threading.Thread(target=_browse, args=[address], daemon=True).start()
    else:
        say("There is no screen here: open the address in a browser of this machine.")


def _browse(address: str) -> None:
    if not webbrowser.open(address):
        say("No browser could be started: open the address in one yourself.")
