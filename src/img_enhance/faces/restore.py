"""Restores faces: each is cut out of the photo as it was before it was enlarged, and goes into the enlarged one in its own place."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from img_enhance.faces.align import SIDE, Array, alignment, crop, enlarged, inside
from img_enhance.faces.detect import Face, Tick, chosen, find_faces
from img_enhance.faces.paste import Patch, mask, paste, patch
from img_enhance.faces.sharpness import SHARP, sharpness
from img_enhance.geometry import Box, Size, share_in_common
from img_enhance.machine.canvas import Pixels
from img_enhance.request.step_options import GFPGAN

# From a face in GFPGAN's square, (512, 512, 3) RGB from -1 to 1, to the restored one.
Restore = Callable[[Array], Array]

# A face is found at nearly the same place before and after steps on light; two faces share less than this of what they cover together.
_SAME_FACE = 0.5
SKIPPED = "skipped, as was asked"

# Faces are pasted in windows of this size, so that a face as wide as a huge photo takes no more memory than another.
_PASTE_ROWS, _PASTE_COLUMNS = 32, 4096


@dataclass(frozen=True)
class FaceRecord:
    """What became of a face: its box, in pixels of the photo it was found in, and YuNet's score.

    `why` says why it was left alone, "" where it was restored. `change` is the mean difference inside the mask, in 8-bit values.
    """

    box: Box
    score: float
    restored: bool
    why: str = ""
    change: float = 0.0


def faces_wanted(
    source: Pixels, detector: Path, options: GFPGAN, *, tick: Tick = lambda: None
) -> tuple[list[Face], list[tuple[Face, str]]]:
    """The faces of a photo that are asked for, largest first, and the others, each with why it is none of them.

    `detector` is YuNet's file.

    Raises: as `find_faces`.
    """
    found = find_faces(source, detector, score_threshold=options.score_threshold, min_face=options.min_face, tick=tick)
    height, width = source.shape[:2]
    wanted = list(chosen(list(found), Box(0, 0, width, height), options.which, options.at_most))  # type: ignore[arg-type]
    why = f"not the {options.which} face" if options.which != "all" else f"not one of the {options.at_most} largest"
    others = [(face, why) for face in found if face not in wanted]
    # Chosen first: who wants the largest face and skips it wants none.
    skipped = [face for face in wanted if any(share_in_common(face.box, box) >= _SAME_FACE for box in options.skipped)]
    return [face for face in wanted if face not in skipped], [(face, SKIPPED) for face in skipped] + others


def faces_judged(source: Pixels, detector: Path, options: GFPGAN, *, tick: Tick = lambda: None) -> list[tuple[Face, str]]:
    """The faces of a photo and why each would be left alone, "" where it would be restored.

    Raises: as `find_faces`.
    """
    wanted, others = faces_wanted(source, detector, options, tick=tick)
    return [(face, left_alone(face, source) if options.leave_sharp else "") for face in wanted] + others


def left_alone(face: Face, source: Pixels) -> str:
    """Why a face needs no restoration, "" where it does: it is sharp, and the photo has more pixels of it than the network's square."""
    similarity = alignment(face.points)
    if similarity.scale > 1:
        return ""
    found = sharpness(crop(source, similarity))
    return f"sharp already ({found:.2f}, at least {SHARP:g}), and larger than the network's {SIDE} pixels" if found >= SHARP else ""


def restore_faces(
    pixels: Pixels,
    source: Pixels,
    faces: list[Face],
    restore: Restore,
    options: GFPGAN,
    *,
    tick: Tick = lambda: None,
    done: Callable[[float], None] = lambda _: None,
) -> list[FaceRecord]:
    """Restore the faces of `source`, (H, W, 3) of 8 or 16 bits, in `pixels`, the same photo of the same or a larger size.

    `pixels` is changed in the faces' boxes and nowhere else; it may be `source` itself. A restored face takes 3 MB until all are pasted.
    """
    before, after = _size(source), _size(pixels)
    records, patches = list[FaceRecord](), list[Patch]()
    for number, face in enumerate(faces, 1):
        tick()
        why = left_alone(face, source) if options.leave_sharp else ""
        if not why:
            similarity = alignment(face.points)
            answer = restore(2 * crop(source, similarity) - 1)
            place = enlarged(similarity, before, after)
            patches.append(patch(np.clip((answer + 1) / 2, 0, 1), crop(pixels, place), inside(place, after), place, after))
        change = 0.0 if why else 255 * options.enhance_level * _mean_change(patches[-1])
        records.append(FaceRecord(face.box, face.score, restored=not why, why=why, change=change))
        done(number / len(faces))
    for window in _windows([one.box for one in patches]):
        tick()
        pixels[window.slices] = paste(pixels[window.slices], window, tuple(patches), strength=options.enhance_level)
    return records


def _size(pixels: Pixels) -> Size:
    height, width = pixels.shape[:2]
    return Size(width, height)


def _mean_change(face: Patch) -> float:
    v, u = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    shown = mask(u, v)
    return float((np.abs(face.difference).mean(2) * shown).sum() / shown.sum())


def _windows(boxes: list[Box]) -> Iterator[Box]:
    """Windows that cover the boxes, each pixel once: what is pasted must not be pasted over again."""
    top, end = min((box.top for box in boxes), default=0), max((box.bottom for box in boxes), default=0)
    for first in range(top, end, _PASTE_ROWS):
        last = min(first + _PASTE_ROWS, end)
        reached = 0
        for left, right in sorted((box.left, box.right) for box in boxes if box.top < last and box.bottom > first):
            for start in range(max(left, reached), right, _PASTE_COLUMNS):
                yield Box(start, first, min(start + _PASTE_COLUMNS, right), last)
            reached = max(reached, right)
