"""The service as a program of one person's own: its photos, who has come in, which jobs are whose, and when it has done its duty."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from img_enhance.files import replacing
from img_enhance.jobs.refusals import NotHere, OneTimeKeyRefused
from img_enhance.service.peer import Address, owner_of

# A tab says every 20 s that it is there (page/home.js), and when it goes. One that says nothing, because its browser was killed or lets it
# sleep, is waited for so long; so is the first one.
SILENT_SECONDS = 600.0
# What a person needs to reload the page, or to bring back a tab that was closed by mistake.
CLOSED_SECONDS = 30.0
_LOOK_SECONDS = 0.5
_MOST_TABS = 1000

_ORIGINS = "photos.json"

# Saves a result beside its photo and answers with where: of the photo's file, the result's file and its format.
Save = Callable[[Path, Path, str], Path]


@dataclass
class Home:
    """What belongs to one run of `img-enhance open`. `photos` are what it was given, `key` is what its pages send.

    `one_time` goes to the browser in the page's address, is taken once, and only from a program of the same person.
    """

    photos: tuple[Path, ...]
    data: Path
    save: Save
    closed_seconds: float = CLOSED_SECONDS
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    one_time: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    def __post_init__(self) -> None:
        self._origins = _read(self.data / _ORIGINS)
        self._sent: set[int] = set()
        self._tabs: dict[str, float] = {}
        self._seen, self._patience = time.monotonic(), SILENT_SECONDS

    def enter(self, one_time: str, client: Address, server: Address) -> str:
        """The key, for whoever has the one-time key and comes first.

        Raises: OneTimeKeyRefused.
        """
        # The address stands in the list of processes while a browser starts, and everybody on the machine can read that.
        if sys.platform == "linux" and owner_of(client, server) != os.getuid():
            raise OneTimeKeyRefused("this page is for the person who opened it", "run img-enhance open yourself")
        if not self.one_time or not secrets.compare_digest(one_time.encode(), self.one_time.encode()):
            raise OneTimeKeyRefused("this address was used already, and works once", "run img-enhance open again")
        self.one_time = ""
        return self.key

    # Photos and jobs

    def left(self) -> list[int]:
        """The numbers of the photos that no job was made of."""
        return [number for number in range(len(self.photos)) if number not in self._sent]

    def photo(self, number: int) -> Path:
        """A photo by its number.

        Raises: NotHere.
        """
        if not 0 <= number < len(self.photos) or not self.photos[number].is_file():
            raise NotHere(f"there is no photo {number} any more", "open it again")
        return self.photos[number]

    def belongs(self, job: str, number: int) -> None:
        """Remember that a job is of this photo, also for the next run.

        Raises: NotHere, DiskError.
        """
        self._origins[job] = {"photo": str(self.photo(number))}
        self._sent.add(number)
        self._write()

    def origin(self, job: str) -> dict[str, str]:
        """Of a job: `photo`, the path of its photo, and `saved`, the path of the result beside it; empty for what came from elsewhere."""
        return self._origins.get(job, {})

    def saved(self, job: str, result: Path, format: str) -> Path:
        """Where a job's result lies beside its photo, once it does.

        Raises: NotHere for a photo that was not opened from a file; OutputError, DiskError.
        """
        origin = self._origins.get(job)
        if origin is None:
            raise NotHere("this photo was not opened from a file, so there is no folder to save beside it", "download the result")
        before = origin.get("saved")
        if before is not None and Path(before).is_file():
            return Path(before)
        path = self.save(Path(origin["photo"]), result, format)
        self._origins[job] = {**origin, "saved": str(path)}
        self._write()
        return path

    def keep_only(self, jobs: set[str]) -> None:
        """Forget what is known of other jobs."""
        self._origins = {job: origin for job, origin in self._origins.items() if job in jobs}
        self._write()

    def _write(self) -> None:
        with replacing(self.data / _ORIGINS, overwrite=True) as partial:
            partial.write_text(json.dumps(self._origins), encoding="utf-8")

    # Tabs

    def beats(self, tab: str) -> None:
        """A tab is there."""
        if tab in self._tabs or len(self._tabs) < _MOST_TABS:
            self._tabs[tab] = time.monotonic()

    def leaves(self, tab: str) -> None:
        """A tab was closed, or is loaded anew and comes back at once."""
        if self._tabs.pop(tab, None) is not None and not self._tabs:
            self._seen, self._patience = time.monotonic(), self.closed_seconds

    def lonely(self) -> bool:
        """Whether nobody has been there for a while."""
        now = time.monotonic()
        for tab, seen in list(self._tabs.items()):
            if now - seen > SILENT_SECONDS:
                self.leaves(tab)
        return not self._tabs and now - self._seen > self._patience

    async def watch(self, busy: Callable[[], Awaitable[bool]], end: Callable[[], None]) -> None:
        """Call `end` once nobody has been there for a while and nothing is left to do."""
        while not (self.lonely() and not await busy()):
            await asyncio.sleep(_LOOK_SECONDS)
        end()


def _read(file: Path) -> dict[str, dict[str, str]]:
    """What an earlier run has written; nothing where it cannot be read, for it is a convenience only."""
    try:
        rows: Any = json.loads(file.read_text(encoding="utf-8"))
        return {str(job): {str(name): str(path) for name, path in row.items()} for job, row in rows.items() if "photo" in row}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
