"""A result in another format, made by a process of its own that ends with it.

`python -m img_enhance.workers.convert` reads one JSON object from standard input and answers with one on standard output.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img_enhance.errors import ImgEnhanceError
from img_enhance.jobs.refusals import WorkTooLong
from img_enhance.machine.parent import die_with_parent
from img_enhance.request.form import from_mapping, to_mapping
from img_enhance.request.options import Output
from img_enhance.workers.catalogue import as_data
from img_enhance.workers.child import NO_GPU, ONE_THREAD
from img_enhance.workers.protocol import Failed

# Below the API, which must answer meanwhile, and above the networks, whose owners do not wait for a download.
_NICE = 5
# A process that computes in several threads may take less time than its processor time, and one that waits for the disk more.
_PATIENCE = 4


@dataclass(frozen=True)
class Bounds:
    """What a conversion may take: processor time, anonymous memory as it is planned, pixels."""

    seconds: int
    memory_bytes: int
    pixels: int


def converted(result: Path, target: Path, output: Output, bounds: Bounds) -> Failed | None:
    """None when `target` holds the picture of `result` in `output.format`; why it does not otherwise.

    What is written on the way lies in the folder of `target`, also when the process was ended half-way.
    """
    asked = {"result": str(result), "target": str(target), "output": to_mapping(output), "bounds": dataclasses.asdict(bounds)}
    environment = {**os.environ, "TMPDIR": str(target.parent), **ONE_THREAD, **NO_GPU}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "img_enhance.workers.convert"],
            input=json.dumps(asked).encode(),
            env=environment,
            capture_output=True,
            timeout=bounds.seconds * _PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _too_long(bounds)
    try:
        failed = json.loads(done.stdout)
    except ValueError:  # it was ended by the system
        return _too_long(bounds)
    return None if failed is None else Failed(**failed)


def _too_long(bounds: Bounds) -> Failed:
    words = f"this result takes more than {bounds.seconds} s of processor time, or too much memory, to be written in that format"
    return as_data(WorkTooLong(words, "take it as it is, or ask for the format when you send the photo"))


def main() -> None:
    """Convert one result."""
    die_with_parent()
    os.nice(_NICE)
    asked: dict[str, Any] = json.load(sys.stdin)
    bounds = Bounds(**asked["bounds"])
    _limit(bounds)
    answer: dict[str, Any] | None = None
    try:
        convert(Path(asked["result"]), Path(asked["target"]), from_mapping(Output, asked["output"]), bounds)
    except ImgEnhanceError as error:
        failed = as_data(error)
        answer = dataclasses.asdict(failed) | {"detail": failed.detail.replace(asked["result"], "the result")}
    json.dump(answer, sys.stdout)


def convert(result: Path, target: Path, output: Output, bounds: Bounds) -> None:
    """Write `target`. What the result says of how it was made stays in it.

    Raises: OptionError, OutputError for what the format cannot do; DiskError, MemoryBudgetError.
    """
    from img_enhance.engine import Engine
    from img_enhance.engine.prepared_run import check_compressible
    from img_enhance.image_io import write_photo
    from img_enhance.request.options import Machine
    from img_enhance.request.recipe import Recipe

    assert output.format is not None
    check_compressible(output.format, output)
    with Engine(Machine(device="cpu", max_memory=bounds.memory_bytes, max_pixels=bounds.pixels)) as engine:
        photo = engine.enhance(result, Recipe(steps=(), output=output)).photo
        note = _last_note(photo.metadata.xmp)
        write_photo(photo, target, format=output.format, output=output, overwrite=True, note=note, tick=lambda: None)


def _last_note(xmp: bytes | None) -> str:
    """What was done to the result; the program that repeats it reads the last note of a file."""
    from img_enhance.metadata import BrokenMetadata
    from img_enhance.metadata.xmp import notes

    try:
        return (notes(xmp, tool="img-enhance") or ("",))[-1] if xmp is not None else ""
    except BrokenMetadata:
        return ""


def _limit(bounds: Bounds) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (bounds.seconds, bounds.seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
