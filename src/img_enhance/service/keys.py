"""Who may come in. Keys are 32 random bytes, so that one round of SHA-256 keeps them secret; only that is kept."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from img_enhance.errors import DiskError, OptionError
from img_enhance.jobs.refusals import KeyMissing, KeyUnknown
from img_enhance.jobs.rows import UNBOUNDED, Daily
from img_enhance.words import Setting

_log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")
_JOBS, _MEGAPIXELS = "jobs_a_day", "megapixels_a_day"
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_LEAST_KEY = 16
_HASHED = "sha256:"

NEW_KEY = Setting("new_key", "NAME")

EVERYBODY = "everybody"


@dataclass(frozen=True)
class Caller:
    """Who asks: `owner` of jobs, the `quota` that counts them, what that may send a day, and the hash of the key; "" without one."""

    owner: str
    quota: str
    daily: Daily = UNBOUNDED
    key_hash: str = ""


@dataclass(frozen=True)
class Key:
    """What is known of a key beside its hash."""

    name: str
    daily: Daily = UNBOUNDED


class Keys:
    """Keys by their hashes: those of the settings, and those of a file, which is read again when it changes.

    A file that cannot be read any more leaves the keys as they were, and `trouble` says why: a slip of the operator's must not lock
    everybody out.

    Raises: OptionError for a key that is too short or a line that cannot be read.
    """

    def __init__(self, texts: str, file: Path) -> None:
        self._file = file
        self._given = {_hash_of(text): Key(f"key{number}") for number, text in enumerate(filter(None, map(str.strip, texts.split(","))), 1)}
        self._read: dict[str, Key] = {}
        self._stamp: tuple[int, int] | None = None
        self.trouble = ""
        self._read_anew()

    def __len__(self) -> int:
        return len(self._given) + len(self._read)

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """The holder of the key in X-API-Key, else in Authorization: Bearer.

        Raises: KeyMissing, KeyUnknown.
        """
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        key = headers.get("x-api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")
        if not key:
            raise KeyMissing("send your API key as X-API-Key or as Authorization: Bearer")
        self.refresh()
        digest = hashlib.sha256(key.encode()).hexdigest()
        found = self._given.get(digest) or self._read.get(digest)
        if found is None:
            raise KeyUnknown("this API key is not known here", "check it, or ask for a new one")
        return Caller(found.name, found.name, found.daily, digest)

    def refresh(self) -> None:
        """Read the file if it changed."""
        try:
            self._read_anew()
            self.trouble = ""
        except (OptionError, OSError, UnicodeDecodeError) as error:
            if not self.trouble:
                _log.error("the keys cannot be read; those of before go on", extra={"detail": str(error)})
            self.trouble = "the file of keys cannot be read; the keys of before go on"

    def _read_anew(self) -> None:
        """Read the file if it changed since it was read last."""
        try:
            status = self._file.stat()
        except FileNotFoundError:
            self._read, self._stamp = {}, None
            return
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            self._read, self._stamp = read_keys(self._file), stamp


def read_keys(file: Path) -> dict[str, Key]:
    """Keys by hashes, of the lines "NAME SHA256" of a file, perhaps with jobs_a_day=N or megapixels_a_day=N after that.

    Raises: OptionError for another line.
    """
    found = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 2 or not re.fullmatch("[0-9a-f]{64}", words[1]):
            raise OptionError(f"line {number} of {file} is not NAME SHA256", "make keys with img-enhance serve ", NEW_KEY)
        try:
            found[words[1]] = Key(words[0], _daily_of(words[2:]))
        except ValueError as error:
            raise OptionError(f"line {number} of {file} has {error}", f"after the hash may stand {_JOBS}=N and {_MEGAPIXELS}=N") from None
    return found


def _daily_of(words: Sequence[str]) -> Daily:
    """What these words allow a day.

    Raises: ValueError that says which word is wrong.
    """
    values: dict[str, str] = {}
    for word in words:
        name, _, text = word.partition("=")
        if name not in (_JOBS, _MEGAPIXELS) or name in values or not _NUMBER.fullmatch(text) or (name == _JOBS and "." in text):
            raise ValueError(f"'{word[:60]}'")
        values[name] = text
    jobs, megapixels = values.get(_JOBS), values.get(_MEGAPIXELS)
    return Daily(None if jobs is None else int(jobs), None if megapixels is None else float(megapixels))


def add_key(file: Path, name: str) -> str:
    """A new key, whose hash is now in `file` under `name`.

    Raises: OptionError for a name that is taken or has odd characters; DiskError.
    """
    if not _NAME.fullmatch(name):
        raise OptionError(f"the name of a key has up to 40 letters, digits, dots, dashes, not '{name}'")
    key = "ie_" + secrets.token_urlsafe(32)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if file.exists() and name in (key.name for key in read_keys(file).values()):
            raise OptionError(f"{file} has a key '{name}' already", "take another name, or remove its line first")
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as lines:
            lines.write(f"{name} {hashlib.sha256(key.encode()).hexdigest()}\n")
    except OSError as error:
        raise DiskError(f"cannot write {file}: {error.strerror}", "name another folder with ", Setting("data")) from None
    return key


def _hash_of(text: str) -> str:
    if text.startswith(_HASHED):
        digest = text.removeprefix(_HASHED).lower()
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise OptionError("an API key given as sha256: needs 64 hexadecimal digits after it")
        return digest
    if len(text) < _LEAST_KEY:
        raise OptionError(f"an API key must have at least {_LEAST_KEY} characters", "make one with img-enhance serve ", NEW_KEY)
    return hashlib.sha256(text.encode()).hexdigest()
