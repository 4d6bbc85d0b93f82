"""HEIC photos, by a decoder that runs in a process of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.files import damaged
from img_enhance.geometry import Size

_CHILD = Path(__file__).with_name("heic_child.py")
_MOST_SECONDS = 60


@dataclass(frozen=True, eq=False)
class Heic:
    """The main picture of a file; `pixels`, (H, W) or (H, W, channels) uint8 or uint16, are None where only the header was asked for."""

    size: Size
    mode: str
    bits: int
    frames: int
    blocks: dict[str, bytes]
    pixels: npt.NDArray[Any] | None

    @property
    def deep(self) -> bool:
        """Whether values have 16 bits."""
        return ";" in self.mode

    @property
    def bands(self) -> int:
        return len(self.mode.split(";")[0])


def decode_heic(path: Path, *, pixels: bool) -> Heic:
    """What a HEIC holds.

    Raises: PhotoError when it is damaged.
    """
    command = [sys.executable, "-P", str(_CHILD), str(path), "pixels" if pixels else "header"]
    try:
        run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_MOST_SECONDS, check=False)  # noqa: S603 - our own script
    except subprocess.TimeoutExpired:
        raise damaged(path, f"its decoder did not end within {_MOST_SECONDS} s") from None
    if run.returncode != 0:
        lines = run.stderr.decode(errors="replace").strip().splitlines()
        raise damaged(path, lines[-1] if lines and run.returncode > 0 else "its decoder crashed")
    head, _, rest = run.stdout.partition(b"\n")
    facts = json.loads(head)
    blocks, start = {}, 0
    for name, count in facts["blocks"].items():
        blocks[name] = rest[start : start + count]
        start += count
    found = Heic(Size(*facts["size"]), facts["mode"], facts["bits"], facts["frames"], blocks, None)
    if not pixels:
        return found
    values = np.frombuffer(blocks.pop("pixels"), np.uint16 if found.deep else np.uint8)
    shape = (found.size.height, found.size.width, found.bands)
    return Heic(found.size, found.mode, found.bits, found.frames, blocks, values.reshape(shape))
