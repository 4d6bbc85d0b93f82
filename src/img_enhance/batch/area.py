"""An area of a huge photo, done by the engine of a node."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from img_enhance.errors import DeviceError, ImgEnhanceError
from img_enhance.planning.area_task import AreaTask

if TYPE_CHECKING:
    from img_enhance.cancelling import IsCancelled
    from img_enhance.engine import Engine


@dataclass(frozen=True)
class AreaDone:
    """What became of an area: its result is in its file, or there is an error."""

    task: AreaTask
    error: ImgEnhanceError | None = None


def do_area(engine: Engine, task: AreaTask, cancelled: IsCancelled) -> AreaDone:
    """What became of an area; where it came to nothing, no file is left."""
    error: ImgEnhanceError
    try:
        engine.run_area(task, cancelled=cancelled)
        return AreaDone(task)
    except ImgEnhanceError as problem:
        error = problem
    except OSError as problem:
        error = DeviceError(f"a node cannot read or write {Path(task.result.path).parent}: {problem.strerror}", "look at that storage")
    with contextlib.suppress(OSError):
        Path(task.result.path).unlink()
    return AreaDone(task, error)
