"""Where a report finds photos, results and thumbnails: links relative to the folder of the results, which may be moved with them."""

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

from img_enhance.batch.photos import OWN_FOLDER

# Hidden, so that they are no photos where results are enhanced again.
THUMBNAILS = f"{OWN_FOLDER}/thumbnails"


def thumbnail_names(source: str) -> tuple[str, str]:
    """The thumbnails of a photo before and after, below OUT with / between folders, by the photo's name in the run.

    They are spread over 256 folders, because file systems and programs that list them are slow with very many files in one.
    """
    key = hashlib.sha256(os.fsencode(source)).hexdigest()[:24]
    return f"{THUMBNAILS}/{key[:2]}/{key}_before.jpg", f"{THUMBNAILS}/{key[:2]}/{key}_after.jpg"


def thumbnail_files(source: str, out: Path) -> tuple[str, str]:
    """The files of `thumbnail_names`."""
    before, after = thumbnail_names(source)
    return str(out / before), str(out / after)


def link_to(path: str, out: Path) -> str:
    """A file as a URL relative to `out`, by the very bytes of its name; an absolute one where it is on another drive of Windows."""
    whole = os.path.abspath(path)
    try:
        relative = os.path.relpath(whole, os.path.abspath(out))
    except ValueError:
        return Path(whole).as_uri()
    return quote(os.fsencode(relative.replace(os.sep, "/")))
