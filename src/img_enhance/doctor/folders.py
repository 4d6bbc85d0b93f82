"""Folders that must be written to, and the room on their disks."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from img_enhance.doctor.finding import Finding, failed, ok, warning
from img_enhance.doctor.patient import Patient
from img_enhance.errors import DiskError
from img_enhance.machine.canvas import scratch_folder
from img_enhance.units import bytes_text

# Less does for small photos only: a photo of 24 MP enlarged four times is 1.2 GB.
_LEAST_BYTES = 2_000_000_000


def cache_folder(patient: Patient) -> Iterator[Finding]:
    """Where downloads and measured speeds are kept."""
    home, title = patient.store.home, "Cache folder"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as problem:
        text = f"{home} cannot be written ({problem.strerror}): models cannot be downloaded, speeds are not kept"
        yield warning(title, text, "make it writable for you, or set IMG_ENHANCE_HOME to a folder that is")
        return
    yield _with_room(title, home, "downloaded models and measured speeds are kept there")


def scratch(_: Patient) -> Iterator[Finding]:
    """Where photos lie that are too large for the memory."""
    title = "Scratch folder"
    try:
        yield _with_room(title, scratch_folder(None), "for photos that are too large for the memory")
    except DiskError as problem:
        yield failed(title, problem, "make a folder on a disk writable")


def _with_room(title: str, folder: Path, purpose: str) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{folder}, {bytes_text(free)} free; {purpose}"
    return ok(title, text) if free >= _LEAST_BYTES else warning(title, text, "free some of that disk: large photos need 2 GB and more")
