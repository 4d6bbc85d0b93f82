"""Results that go beside their photos, by the rule that names of a folder run follow, and never over another file."""

from __future__ import annotations

import shutil
from pathlib import Path

from img_enhance.batch.names import Names, NameTemplate
from img_enhance.errors import DiskError, OutputError
from img_enhance.files import replacing

TEMPLATE = NameTemplate("{stem}_enhanced{ext}")


def save_beside(photo: Path, result: Path, format: str) -> Path:
    """Where a copy of `result` now lies, in the folder of the photo.

    Raises: OutputError, DiskError when the folder cannot be written.
    """
    names = Names(TEMPLATE)
    try:
        taken = [path.name for path in photo.parent.iterdir()]
    except OSError as error:
        raise DiskError(f"the folder {photo.parent} cannot be read: {error.strerror}", "download the result instead") from None
    while True:
        for name in taken:
            names.keep(name, "another file")
        path = photo.with_name(names.name_for(photo.name, format))
        try:
            with replacing(path, overwrite=False) as partial:
                shutil.copyfile(result, partial)
            return path
        except OutputError:
            if not path.exists():
                raise
            taken = [path.name]  # somebody else has just taken the name
