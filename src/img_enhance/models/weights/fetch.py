"""Brings weight files onto this machine: whole, verified, or not at all.

A download goes into a part file beside its target, is counted and hashed on the way, and takes its name only when every byte is right.
A broken one goes on where it stopped, if the server still has the same file.
"""

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from img_enhance.errors import DiskError, DownloadError, WeightsCorrupt
from img_enhance.models.weight_files import WeightFile
from img_enhance.models.weights.cache import WeightStore, found, missing, remember
from img_enhance.models.weights.http import RangeRefused, Transient, check_answer, opened, version_of
from img_enhance.models.weights.lock import locked
from img_enhance.models.weights.pins import pin, pinned
from img_enhance.units import bytes_text
from img_enhance.web import Refused, error_text, whole_number

# Waits between tries grow: 0.5, 1, 2 and 4 seconds, or what the server asks for.
TRIES = 5
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
# A server that sends nothing for so long counts as gone.
TIMEOUT_SECONDS = 30.0

_BLOCK_BYTES = 1 << 16

OnBytes = Callable[[int, int], None]


def nothing(*_: object) -> None:
    """Nothing."""


@dataclass(frozen=True)
class _Download:
    """One file on its way. `note` says which version of the file `part` is the beginning of."""

    file: WeightFile
    url: str
    part: Path
    note: Path
    progress: OnBytes
    tick: Callable[[], None]
    timeout_seconds: float


def pull(
    file: WeightFile,
    store: WeightStore,
    *,
    progress: OnBytes = nothing,
    tick: Callable[[], None] = nothing,
    sleep: Callable[[float], None] = time.sleep,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Path:
    """Where the file is, verified, after downloading it if it is not there. Several processes may ask at once; one downloads.

    `progress` is called with the bytes there are and the bytes there will be, `tick` for every block; it may raise to stop, and what
    has come is kept for the next time.

    Raises: WeightsMissing when downloads are off; DownloadError, DiskError; WeightsCorrupt when the server has another file.
    """
    path = found(file, store)
    if path is not None:
        return path
    if store.offline:
        raise missing(file, store)
    try:
        store.home.mkdir(parents=True, exist_ok=True)
        with locked(store.home / f".{file.file}.lock", tick=tick, sleep=sleep):
            download = _Download(
                file=pinned(file, store.home),
                url=mirrored(file.url, store.mirror),
                part=store.home / f".{file.file}.part",
                note=store.home / f".{file.file}.part.json",
                progress=progress,
                tick=tick,
                timeout_seconds=timeout_seconds,
            )
            # Whoever had the lock before may have brought it.
            return found(file, store) or _brought(download, store, sleep)
    except OSError as error:
        raise DiskError(f"cannot write to {store.home}: {error_text(error)}", "free some room, or set IMG_ENHANCE_HOME") from None


def mirrored(url: str, mirror: str | None) -> str:
    """The URL with the mirror in the place of its scheme and host; the path stays."""
    return url if mirror is None else mirror.rstrip("/") + urlsplit(url).path


def _brought(download: _Download, store: WeightStore, sleep: Callable[[float], None]) -> Path:
    """Where the file is after downloading it, in several tries if need be."""
    _check_room(download)
    for number in range(TRIES):
        try:
            _try(download)
            break
        except Refused as error:
            raise _failed(download, str(error)) from None
        except Transient as error:
            if number == TRIES - 1:
                raise _failed(download, f"{error}, after {TRIES} tries") from None
            sleep(min(max(FIRST_WAIT_SECONDS * 2**number, error.wait_seconds), LONGEST_WAIT_SECONDS))
            download.tick()
    target = store.home / download.file.file
    os.replace(download.part, target)
    download.note.unlink(missing_ok=True)
    _sync_folder(store.home)
    remember(pinned(download.file, store.home), store)
    return target


def _check_room(download: _Download) -> None:
    folder = download.part.parent
    needed, free = download.file.bytes - _part_bytes(download), shutil.disk_usage(folder).free
    if needed > free:
        raise DiskError(
            f"{download.file.name} needs {bytes_text(needed)}, {folder} has {bytes_text(free)} free",
            "free some, or set IMG_ENHANCE_HOME to a folder on another disk",
        )


def _try(download: _Download) -> None:
    """Bring what is not there yet.

    Raises: Refused, Transient; WeightsCorrupt when all bytes came from one answer and are not the right ones.
    """
    begun, version = _begun(download)
    try:
        with opened(download.url, begun=begun, validator=version, timeout_seconds=download.timeout_seconds) as response:
            if response.status == HTTPStatus.OK:
                begun = 0
                _discard(download)
                download.note.write_text(json.dumps({"url": download.url, "version": version_of(response)}), encoding="utf-8")
            download = _sized(download, response)
            check_answer(response, begun=begun, whole_bytes=download.file.bytes)
            digest = _received(download, response, begun)
    except (Refused, RangeRefused):
        _discard(download)
        raise
    if not download.file.is_pinned:
        pin(download.file, download.part.parent, size=download.file.bytes, sha256=digest)
        return
    if digest == download.file.sha256:
        return
    _discard(download)
    if begun:
        raise Transient("sent parts that do not fit together")
    raise WeightsCorrupt(f"{download.url} is not the published file: sha256 {digest}, expected {download.file.sha256}; nothing was kept")


def _sized(download: _Download, response: http.client.HTTPResponse) -> _Download:
    """The download with the size that the server gives a file which nobody else states the size of, if that is not too large."""
    if download.file.is_pinned:
        return download
    length = whole_number(response.headers.get("Content-Length"))
    if length is None or length > download.file.bytes:
        raise Refused(f"does not say that the file has at most {download.file.bytes:,} bytes")
    return replace(download, file=replace(download.file, bytes=length))


def _begun(download: _Download) -> tuple[int, str]:
    """How many bytes of the file are there, and how the server calls this version of it."""
    try:
        noted = json.loads(download.note.read_text(encoding="utf-8"))
        version = str(noted["version"]) if noted["url"] == download.url else ""
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        version = ""
    begun = _part_bytes(download)
    goes_on = version and 0 < begun < download.file.bytes and download.file.is_pinned
    return (begun, version) if goes_on else (0, "")


def _part_bytes(download: _Download) -> int:
    try:
        return download.part.stat().st_size
    except FileNotFoundError:
        return 0


def _received(download: _Download, response: http.client.HTTPResponse, begun: int) -> str:
    """The hash of the whole file, after writing what comes behind the `begun` bytes that are there."""
    whole = download.file.bytes
    with download.part.open("r+b" if begun else "wb") as out:
        digest, done = _hashed(download, out, begun), begun
        download.progress(done, whole)
        while block := _block(download, response, whole - done):
            if done + len(block) > whole:
                raise Refused(f"sends more than the {whole:,} bytes of the published file")
            out.write(block)
            digest.update(block)
            done += len(block)
            download.progress(done, whole)
        out.flush()
        os.fsync(out.fileno())
    if done < whole:
        raise Transient(f"stopped after {done:,} of {whole:,} bytes")
    return str(digest.hexdigest())


def _hashed(download: _Download, out: IO[bytes], begun: int) -> Any:
    """The hash of the bytes that are there, after which `out` stands."""
    digest = hashlib.sha256()
    while begun and (block := out.read(_BLOCK_BYTES)):
        download.tick()
        digest.update(block)
    return digest


def _block(download: _Download, response: http.client.HTTPResponse, wanted: int) -> bytes:
    """What comes next, at most one byte more than wanted."""
    download.tick()
    try:
        return response.read(min(_BLOCK_BYTES, wanted + 1))
    except TimeoutError:
        raise Transient(f"sent nothing for {download.timeout_seconds:g} s") from None
    except (OSError, http.client.HTTPException) as error:
        raise Transient(f"broke off ({error_text(error)})") from None


def _discard(download: _Download) -> None:
    download.part.unlink(missing_ok=True)
    download.note.unlink(missing_ok=True)


def _failed(download: _Download, what: str) -> DownloadError:
    return DownloadError(
        f"{download.url} {what}",
        f"try again later, name a mirror with IMG_ENHANCE_MIRROR, or put {download.file.file} into {download.part.parent}",
    )


def _sync_folder(folder: Path) -> None:
    """Make a new name last. Windows opens no folders, and other systems may refuse to sync one: the file itself is safe by then."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
