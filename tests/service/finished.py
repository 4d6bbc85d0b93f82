"""Jobs that are done already, put into a service's folder: results of any size without the work."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from img_enhance.jobs.rows import Bounds, Job
from img_enhance.jobs.spool import PHOTO, Spool
from img_enhance.jobs.store import JobStore
from img_enhance.service.keys import EVERYBODY

Pair = tuple[int, int]


def put_finished(
    data: Path, result: Path, *, size: Pair, photo: Path | None = None, photo_size: Pair = (1, 1), owner: str = EVERYBODY
) -> str:
    """The id of a job whose result is a copy of this file, and whose photo was kept if there is one."""
    spool = Spool(data)
    if not spool.jobs.exists():
        spool.make()
    id, folder = spool.new()
    for name, path in (("result-1", result), (PHOTO, photo)):
        if path is not None:
            shutil.copyfile(path, folder / name)
    spool.take(id)
    header = {"format": "png", "width": photo_size[0], "height": photo_size[1], **({} if photo is None else {"kept": True})}
    now = time.time()
    job = Job(
        id,
        owner,
        owner,
        batch=None,
        place=0,
        state="done",
        request={"version": 1, "steps": []},
        header=header,
        photo_bytes=0,
        estimated_seconds=1.0,
        created=now,
        finished=now,
        result={"name": "result-1", "format": "png", "width": size[0], "height": size[1]},
        result_bytes=result.stat().st_size,
        record={"done": "made by a test", "steps": []},
    )
    store = JobStore(data / "jobs.sqlite")
    store.accept([job], Bounds(100, 1e9, 100))
    store.close()
    return id
