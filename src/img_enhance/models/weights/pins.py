"""Sizes and hashes of files whose publishers state none: recorded when they are first seen, and held against them from then on."""

import json
from dataclasses import replace
from pathlib import Path

from img_enhance.models.weight_files import WeightFile
from img_enhance.models.weight_sources import DownloadedWeights, WeightSource


def pinned(file: WeightFile, home: Path) -> WeightFile:
    """The file with the size and hash that it had when it was first seen; as it is where they are published, or it was never seen."""
    if file.is_pinned:
        return file
    try:
        noted = json.loads(_record(file, home).read_text(encoding="utf-8"))
        return replace(file, bytes=int(noted["bytes"]), sha256=str(noted["sha256"]))
    except (OSError, ValueError, KeyError, TypeError):
        return file


def pin(file: WeightFile, home: Path, *, size: int, sha256: str) -> WeightFile:
    """Record what a file is from now on.

    Raises: OSError when that cannot be written.
    """
    home.mkdir(parents=True, exist_ok=True)
    _record(file, home).write_text(json.dumps({"url": file.url, "bytes": size, "sha256": sha256}), encoding="utf-8")
    return replace(file, bytes=size, sha256=sha256)


def known_sha256(weights: WeightSource, home: Path) -> str:
    """The hash of what a model's weights are read from, recorded where none is published, "" where that was never seen."""
    return pinned(weights.file, home).sha256 if isinstance(weights, DownloadedWeights) else weights.sha256


def _record(file: WeightFile, home: Path) -> Path:
    return home / f"{file.file}.pinned"
