"""From file to file against upstream's way and ncnn: whole processes, from start to the written PNG."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from img_enhance.geometry import Size
from img_enhance.machine.devices import detect_cpu, free_bytes
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.store import load, verified_binary
from measure import Run, alternate, our_command, say
from photos import ROOT, main_source, png_photo, size_of
from pictures import file_difference
from settings import Settings
from tables import Cell, Column, Table

MODEL = BUILT_IN.named("realesrgan-x4plus")

# Million pixels, and how often each is measured.
SIZES = ((0.2, 3), (1.0, 1), (4.0, 1))
QUICK_SIZES = ((0.005, 1),)

# What PyTorch holds at its peak, per input pixel: three to four maps of 64 float32 values at four times the width and height
# (measured 2026-11 with torch 2.13 on 128 and 160 px squares: 14 to 16 KB).
UNTILED_BYTES_PER_PIXEL = 16_000
TILE = 400

_PEERS = ROOT / "bench" / "peers"

COLUMNS = (
    Column("upstream/ours", ".1f"),
    Column("ncnn/ours", ".1f"),
    Column("photo"),
    Column("ours s", ".1f"),
    Column("upstream s", ".1f"),
    Column("ncnn s", ".1f"),
    Column("ours GB", ".2f"),
    Column("upstream GB", ".2f"),
    Column("ncnn GB", ".2f"),
    Column("dB ours:upstream", ".1f"),
    Column("upstream's way"),
)


def tables(settings: Settings) -> Iterator[Table]:
    """Wall seconds and peak resident memory of whole processes that run in turns, medians."""
    assert settings.peers_python is not None, "run.py finds or builds the peers' interpreter first"
    rows, notes = [], []
    for megapixels, usual in QUICK_SIZES if settings.quick else SIZES:
        if megapixels > settings.largest_megapixels:
            continue
        size = size_of(megapixels)
        tile, note = _upstream_tile(size)
        repeats = settings.times(usual)
        rows.append(_row(settings, settings.peers_python, size, tile=tile, repeats=repeats))
        notes += [f"{size}: runs of each: {repeats}", *([f"{size}: {note}"] if note else [])]
    yield Table(
        title="File to file, realesrgan-x4plus",
        about="Wall seconds and peak resident GB of whole processes, PNG to PNG, run in turns, medians; ratios of seconds first.",
        columns=COLUMNS,
        rows=tuple(rows),
        notes=(f"photo: {main_source().name}", *notes),
    )


def _row(settings: Settings, python: Path, size: Size, *, tile: int, repeats: int) -> tuple[Cell, ...]:
    photo = png_photo(main_source(), size, settings.folder)
    results = {name: settings.folder / f"{name}_{size}.png" for name in ("ours", "upstream", "ncnn")}
    commands: dict[str, list[str | Path]] = {
        "ours": [*our_command(), "enhance", photo, "-o", results["ours"], "--model", MODEL.name, "--overwrite", "--quiet"],
        "upstream": [python, _PEERS / "pytorch_rrdbnet.py", photo, results["upstream"], _npz(settings.folder), "--tile", str(tile)],
        "ncnn": [python, _PEERS / "ncnn_rrdbnet.py", photo, results["ncnn"], _param(), "--threads", str(detect_cpu().cores)],
    }
    say(f"file to file, {size}")
    runs = alternate(commands, repeats)
    apart = file_difference(results["ours"], results["upstream"])
    for result in results.values():
        result.unlink()  # of a 4 MP photo they are 64 MP each
    ours, upstream, ncnn = (runs[name] for name in commands)
    return (
        upstream.seconds / ours.seconds,
        ncnn.seconds / ours.seconds,
        str(size),
        *(run.seconds for run in (ours, upstream, ncnn)),
        *(_gigabytes(run) for run in (ours, upstream, ncnn)),
        apart.decibels,
        f"tile {tile}" if tile else "untiled",
    )


def _upstream_tile(size: Size) -> tuple[int, str]:
    """0 and no remark where upstream's default, one pass over the whole photo, fits in the memory that is free now."""
    needed = size.pixels * UNTILED_BYTES_PER_PIXEL
    if needed < free_bytes():
        return 0, ""
    return TILE, f"upstream untiled does not fit (needs about {needed / 1e9:.0f} GB); timed with its option --tile {TILE} instead"


def _gigabytes(run: Run) -> float:
    return run.resident_bytes / 1e9


def _npz(folder: Path) -> Path:
    """The weights for PyTorch, which cannot read ncnn's format: float32 arrays by the names of the published code."""
    path = folder / f"{MODEL.name}.npz"
    if not path.exists():
        weights = {name: np.asarray(values, np.float32) for name, values in load(MODEL).items()}
        partial = path.with_name(f"partial_{path.name}")
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **weights)
        partial.rename(path)
    return path


def _param() -> Path:
    return verified_binary(MODEL).with_suffix(".param")
