"""The command `img-enhance faces`: what the faces step would find, and what it would do with it."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from img_enhance.cancelling import Tick, ticking
from img_enhance.cli.files import beside
from img_enhance.cli.flags import add_flags, flagged, read, set_run
from img_enhance.cli.models import OFFLINE, offer, store_of
from img_enhance.cli.screen import interruptible, say
from img_enhance.machine.settings import model_table
from img_enhance.photo import format_named
from img_enhance.request.options import Input, Machine, Output
from img_enhance.request.step_options import GFPGAN

if TYPE_CHECKING:
    from img_enhance.faces.detect import Face

_SEARCH = ("which", "at_most", "min_face", "score_threshold", "leave_sharp", "skip")
_MACHINE = ("max_memory", "max_pixels", "scratch")
_LAYOUT = "{:>4}  {:<22} {:>5}  {}"


@dataclass(frozen=True)
class FacesRequest:
    """What the command was asked for; without an output the copy goes beside the photo."""

    photo: Path
    output: Path | None
    options: GFPGAN
    reading: Input
    machine: Machine
    json: bool
    overwrite: bool
    offline: bool


def add_faces(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    command = commands.add_parser(
        "faces",
        usage="%(prog)s [options] PHOTO",
        help="find the faces of a photo",
        description="Lists the faces that would be restored with --gfpgan, and those that would be left alone, and draws them on a copy.",
    )
    command.add_argument("photo", metavar="PHOTO", type=Path, help="as for enhance")
    command.add_argument("-o", "--output", metavar="OUT", type=Path, help="where the copy goes (default: NAME_faces.EXT beside PHOTO)")
    command.add_argument("--json", action="store_true", help="print the list as JSON")
    add_flags(command, "faces", GFPGAN, only=_SEARCH)
    add_flags(command, "photo", Input)
    add_flags(command, "machine", Machine, only=_MACHINE)
    command.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    command.add_argument("--offline", action="store_true", help=OFFLINE)
    set_run(command, _faces, _request)


def _request(arguments: argparse.Namespace) -> FacesRequest:
    return FacesRequest(
        photo=arguments.photo,
        output=arguments.output,
        options=read(arguments, GFPGAN, only=_SEARCH),
        reading=read(arguments, Input),
        machine=read(arguments, Machine, only=_MACHINE),
        json=arguments.json,
        overwrite=arguments.overwrite,
        offline=arguments.offline,
    )


def _faces(request: FacesRequest) -> int:
    with interruptible() as cancelled:
        return _find(request, ticking(cancelled))


def _find(request: FacesRequest, tick: Tick) -> int:
    from img_enhance.faces.drawing import draw_faces
    from img_enhance.faces.restore import faces_judged
    from img_enhance.image_io import check_output, open_photo, read_whole, write_photo
    from img_enhance.machine.devices import detect_cpu
    from img_enhance.planning.planner import CANVAS_SHARE, allowed_bytes

    machine, reading = request.machine, request.reading
    first_frame, salvage = reading.animation == "first", bool(reading.salvage)
    file = open_photo(request.photo, max_pixels=machine.max_pixels, first_frame=first_frame, salvage=salvage)
    output_format = format_named(file.header.format).written_as or file.header.format
    output = request.output or beside(request.photo, output_format, "faces")
    check_output(output, overwrite=request.overwrite)
    detector = _detector(request, tick)
    in_memory = int(CANVAS_SHARE * allowed_bytes(machine.max_memory, detect_cpu()))
    photo = read_whole(file, most_in_memory=in_memory, scratch=machine.scratch, tick=tick)
    for warning in photo.warnings:
        say(f"[WARNING] {flagged(warning)}")
    rows = faces_judged(photo.pixels, detector, request.options, tick=tick)
    draw_faces(photo.pixels, [(face, not why) for face, why in rows])
    write_photo(photo, output, format=output_format, output=Output(), overwrite=request.overwrite, note="faces marked", tick=tick)
    records = [_record(face, why) for face, why in rows]
    print(json.dumps(records, indent=2) if request.json else _table(records) + f"[OK] {output}")
    return 0


def _detector(request: FacesRequest, tick: Tick) -> Path:
    """Where the weights of the detector lie, once they are here."""
    from img_enhance.models.weights.cache import located

    store = store_of(offline=request.offline)
    detector = model_table(store).detector
    offer((detector,), store, ask=True, tick=tick)
    return located(detector, store)


def _record(face: Face, why: str) -> dict[str, Any]:
    box = [face.box.left, face.box.top, face.box.size.width, face.box.size.height]
    return {"box": box, "score": round(face.score, 3), "why": why}


def _table(records: list[dict[str, Any]]) -> str:
    if not records:
        return "no face was found\n"
    lines = [_LAYOUT.format("face", "left,top,width,height", "score", "would be")]
    for number, record in enumerate(records, 1):
        fate = f"left alone: {record['why']}" if record["why"] else "restored"
        lines.append(_LAYOUT.format(number, ",".join(map(str, record["box"])), f"{record['score']:.2f}", fate))
    return "\n".join(lines) + "\n"
