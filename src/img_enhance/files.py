"""Output files that appear complete or not at all."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from img_enhance.cancelling import Tick
from img_enhance.errors import DiskError, OutputError, PhotoError
from img_enhance.words import Setting

# What the system says where a disk, or what one may use of it, is full.
FULL = (errno.ENOSPC, errno.EDQUOT)

# Where the result goes.
RESULT = Setting("output")

# What changes when a file does: where it lies, how long it is, when it was written.
State = tuple[int, ...]

_BLOCK_BYTES = 4_000_000


_DEVICE_FOLDERS = (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))

# Permissions of a file: for its owner, its group and others.
_PERMISSIONS = 0o777


def is_stream(path: Path) -> bool:
    """Whether `path` is a pipe or a device, which is read or written from front to back and must not be replaced."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    if stat.S_ISDIR(mode):
        return False
    # What stands there may be a link to a file, but it is the link that would be replaced.
    return not stat.S_ISREG(mode) or path.absolute().parent in _DEVICE_FOLDERS


def check_output(path: Path, *, overwrite: bool) -> None:
    """Pass if a result could be written to `path`.

    Raises: OutputError when it exists, is a folder, a pipe or a device, DiskError when its folder is missing or cannot be written.
    """
    folder = path.parent
    try:
        if path.is_dir():
            raise OutputError(f"{path} is a folder", "name a file in it with ", RESULT)
        if is_stream(path):
            raise OutputError(f"{path} is a pipe or a device, not a file", "name a file with ", RESULT)
        if os.path.lexists(path) and not overwrite:
            raise name_taken(path)
        if not folder.is_dir():
            raise DiskError(f"the folder {folder} does not exist", "create it, or name another with ", RESULT)
    except OSError as error:
        raise DiskError(f"cannot write {path}: {error.strerror}", "name another file with ", RESULT) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DiskError(f"the folder {folder} cannot be written", "name another with ", RESULT)


@contextlib.contextmanager
def replacing(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """The name of a new file beside `path` that becomes `path` at the end; it is gone if anything fails.

    A file that is replaced hands on its permissions, and its owner and group as far as this process may give files away.

    Raises: OutputError, DiskError as `check_output`, and when the disk fills up.
    """
    check_output(path, overwrite=overwrite)
    partial = path.parent / f".img-enhance-{secrets.token_hex(8)}.part"
    try:
        with partial.open("xb"):
            yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        publish(partial, path, overwrite=overwrite)
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(path) from None
        raise DiskError(f"cannot write {path}: {error.strerror}", "name another file with ", RESULT) from None
    finally:
        partial.unlink(missing_ok=True)


def state_of(file: Path | int) -> State:
    """The state of a file, by its name or an open descriptor.

    Raises: OSError when there is none.
    """
    found = os.stat(file)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def size_in(state: State) -> int:
    """The bytes that a file of this state has."""
    return state[2]


def copy_file(source: Path, state: State, path: Path, *, overwrite: bool, tick: Tick) -> bool:
    """Whether `path` is now a copy of `source`, byte for byte; nothing is written where that is no longer in this state.

    Raises: as `replacing`; PhotoError when `source` changes meanwhile.
    """
    try:
        file = source.open("rb")
    except OSError:
        return False
    with file:
        if state_of(file.fileno()) != state:
            return False
        with replacing(path, overwrite=overwrite) as partial, partial.open("wb") as copy:
            while block := file.read(_BLOCK_BYTES):
                copy.write(block)
                tick()
                if state_of(file.fileno()) != state:
                    raise PhotoError(f"{source} was written to while it was copied", "do it again when it is whole")
    return True


def disk_full(path: Path) -> DiskError:
    """What to raise when there is no room for `path`."""
    return DiskError(f"cannot write {path}: its disk is full", "free some, or name another with ", RESULT)


def name_taken(path: Path) -> OutputError:
    """What to raise where there is a file of that name."""
    return OutputError(f"{path} already exists", "use ", Setting("overwrite"), ", or another name with ", RESULT)


def _hand_on(path: Path, partial: Path) -> None:
    """Give `partial` the owner, group and permissions of the file at `path`, if there is one."""
    try:
        old, new = path.stat(), partial.stat()
    except FileNotFoundError:
        return
    if hasattr(os, "chown") and (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.chown(partial, old.st_uid, old.st_gid)
        except PermissionError:  # only root gives files away; one's own groups everybody may name
            with contextlib.suppress(PermissionError):
                os.chown(partial, -1, old.st_gid)
    partial.chmod(old.st_mode & _PERMISSIONS)


def publish(partial: Path, path: Path, *, overwrite: bool) -> None:
    """Give a whole file its name; one that is replaced hands on its owner, group and permissions.

    Raises: OutputError when the name is taken and `overwrite` is false; OSError.
    """
    if overwrite:
        _hand_on(path, partial)
        partial.replace(path)
        return
    try:
        path.hardlink_to(partial)  # unlike a rename, it never replaces what somebody else has put there
    except FileExistsError:
        raise name_taken(path) from None
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise name_taken(path) from None
        partial.rename(path)
    partial.unlink(missing_ok=True)


def missing(path: Path) -> PhotoError:
    """What to raise for a photo that is not there."""
    if path.is_symlink():
        return PhotoError(f"{path} is a link to {os.path.realpath(path)}, which does not exist", "name the photo where it is now")
    return PhotoError(f"{path} does not exist", "check the name")


def damaged(path: Path, why: str) -> PhotoError:
    """What to raise for a photo whose file cannot be read to its end."""
    return PhotoError(f"{path} is truncated or damaged ({why})", "get it again from where it came, or repair it")
