"""Tables of what the ways made of the scenes."""

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import TypeVar

from light.findings import WISHES, Distances, Judgement, Measurement
from light.scenes import CASES
from tables import Cell, Column, Table

Thing = TypeVar("Thing", Measurement, Judgement)


def tables_of(measurements: Sequence[Measurement]) -> list[Table]:
    return [make(measurements) for make in (difference_table, likeness_table, high_contrast_table, effects_table)]


def difference_table(measurements: Sequence[Measurement]) -> Table:
    """One row a way: how far from the right frame, and from the fusion of all."""
    rows = [
        (way, *(_of_case(found, case, _differences_text) for case in CASES), fmean(m.seconds for m in found))
        for way, found in _by_way(_with_case(measurements)).items()
    ]
    return Table(
        "Light: CIEDE2000",
        f"Mean CIEDE2000 to the right frame and, in brackets, to the fusion of all frames; seconds a photo. {_about(measurements)}",
        (Column("way"), *map(Column, CASES), Column("seconds", ".3f")),
        tuple(rows),
    )


def likeness_table(measurements: Sequence[Measurement]) -> Table:
    """One row a way: PSNR and SSIM."""
    rows = [(way, *(_of_case(found, case, _likeness_text) for case in CASES)) for way, found in _by_way(_with_case(measurements)).items()]
    return Table(
        "Light: PSNR and SSIM",
        f"Mean PSNR in dB (60 stands for equal) and mean SSIM to the right frame. {_about(measurements)}",
        (Column("way"), *map(Column, CASES)),
        tuple(rows),
    )


def high_contrast_table(measurements: Sequence[Measurement]) -> Table:
    """One row a way: how far from the fusion those frames are that need both shadows and highlights."""
    of_frames = [m for m in measurements if m.high_contrast]
    rows = [(way, fmean(m.distances.to_fusion for m in found), _clipped_percent(found)) for way, found in _by_way(of_frames).items()]
    return Table(
        "Light: frames of high contrast",
        "Frames with at least 10 % of pixels below L* 15 and 10 % above L* 85: mean CIEDE2000 to the fusion of all frames of the scene, "
        f"and pixels clipped that were not. {len({(m.scene, m.frame) for m in of_frames})} frames.",
        (Column("way"), Column("to fusion", ".1f"), Column("newly clipped %", ".2f")),
        tuple(rows),
    )


def effects_table(measurements: Sequence[Measurement]) -> Table:
    """One row a way: what it did besides light."""
    return Table(
        "Light: what else was done",
        "Over all cases: pixels clipped that were not (a channel at 255 or all at 0); chroma and local contrast (7 x 7, of L*) of results "
        f"as a share of the right frames'; codes that smooth parts leave out, less those left out before. {_about(measurements)}",
        (
            Column("way"),
            Column("newly clipped %", ".2f"),
            Column("most", ".1f"),
            Column("chroma %", ".1f"),
            Column("local contrast %", ".1f"),
            Column("gaps %", "+.1f"),
        ),
        tuple(_effects_row(way, found) for way, found in _by_way(_with_case(measurements)).items()),
    )


def wishes_table(judgements: Sequence[Judgement]) -> Table:
    """One row a way: how many wishes of each kind it granted."""
    rows = [(way, *(_granted_text(found, wish) for wish in WISHES)) for way, found in _by_way(judgements).items()]
    return Table(
        "Light: natural photos",
        "Photos that a way did right: those to be left changed by a CIEDE2000 of at most 0.5, those of dark, bright or coloured things "
        "(gentle) by at most 4, and those to be lifted gained at least 10 of mean L*.",
        (Column("way"), *map(Column, WISHES)),
        tuple(rows),
    )


def natural_table(judgements: Sequence[Judgement], way: str) -> Table:
    """One row a photo: what `way` did."""
    return Table(
        f"Light: natural photos, {way}",
        "The figures behind the counts.",
        (Column("photo"), Column("of"), Column("wish"), Column("changed", ".1f"), Column("L*", "+.1f"), Column("")),
        tuple((j.photo, j.what, j.wish, j.changed, j.lifted, "ok" if j.granted else "MISS") for j in judgements if j.way == way),
    )


def _granted_text(judgements: Sequence[Judgement], wish: str) -> str:
    of_wish = [j.granted for j in judgements if j.wish == wish]
    return f"{sum(of_wish)} of {len(of_wish)}"


def _effects_row(way: str, found: Sequence[Measurement]) -> tuple[Cell, ...]:
    effects = [m.effects for m in found]
    gaps = [e.gaps for e in effects if e.gaps is not None]
    return (
        way,
        _clipped_percent(found),
        100 * max(e.clipped for e in effects),
        100 * fmean(e.chroma for e in effects) / fmean(e.chroma_of_truth for e in effects),
        100 * fmean(e.local_contrast for e in effects) / fmean(e.local_contrast_of_truth for e in effects),
        100 * fmean(gaps) if gaps else None,
    )


def _clipped_percent(found: Sequence[Measurement]) -> float:
    return 100 * fmean(m.effects.clipped for m in found)


def _differences_text(found: Sequence[Distances]) -> str:
    return f"{fmean(d.to_truth for d in found):.1f} ({fmean(d.to_fusion for d in found):.1f})"


def _likeness_text(found: Sequence[Distances]) -> str:
    return f"{fmean(d.psnr for d in found):.1f} {fmean(d.ssim for d in found):.3f}"


def _of_case(found: Sequence[Measurement], case: str, text: Callable[[Sequence[Distances]], str]) -> Cell:
    of_case = [m.distances for m in found if m.case == case]
    return text(of_case) if of_case else None


def _about(measurements: Sequence[Measurement]) -> str:
    counts = {case: len({m.scene for m in measurements if m.case == case}) for case in CASES}
    return f"Photos: {', '.join(f'{case} {count}' for case, count in counts.items())}."


def _with_case(measurements: Iterable[Measurement]) -> list[Measurement]:
    return [m for m in measurements if m.case is not None]


def _by_way(things: Iterable[Thing]) -> dict[str, list[Thing]]:
    found: dict[str, list[Thing]] = {}
    for thing in things:
        found.setdefault(thing.way, []).append(thing)
    return found
