"""The command `img-enhance faces`: what the faces step would find, and what it would do with it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from img_enhance.cancelling import Tick, ticking
from img_enhance.cli.files import beside
from img_enhance.cli.flags import add_flags, given
from img_enhance.cli.models import OFFLINE, offer, store_of
from img_enhance.cli.screen import interruptible
from img_enhance.machine.settings import model_table
from img_enhance.photo import format_named
from img_enhance.request.options import GFPGAN, Input, Machine, Output

_SEARCH = ("which", "at_most", "min_face", "score_threshold", "leave_sharp")
_MACHINE = ("max_memory", "max_pixels", "scratch")
_LAYOUT = "{:>4}  {:<22} {:>5}  {}"


def add_faces(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    command = commands.add_parser(
        "faces",
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
    command.set_defaults(run=_faces)


def _faces(arguments: argparse.Namespace) -> int:
    with interruptible() as cancelled:
        return _find(arguments, ticking(cancelled))


def _find(arguments: argparse.Namespace, tick: Tick) -> int:
    from img_enhance.faces.drawing import draw_faces
    from img_enhance.faces.restore import faces_wanted, left_alone
    from img_enhance.image_io import check_output, open_photo, read_whole, write_photo
    from img_enhance.machine.devices import detect_cpu
    from img_enhance.models.weights.cache import located
    from img_enhance.planning.planner import CANVAS_SHARE, allowed_bytes

    machine, reading = Machine(**given(arguments, Machine, only=_MACHINE)), Input(**given(arguments, Input))
    options = GFPGAN(**given(arguments, GFPGAN, only=_SEARCH))
    file = open_photo(arguments.photo, max_pixels=machine.max_pixels, first_frame=reading.animation == "first")
    output_format = format_named(file.header.format).written_as or file.header.format
    output = arguments.output or beside(arguments.photo, output_format, "faces")
    check_output(output, overwrite=arguments.overwrite)
    store = store_of(arguments)
    detector = model_table().detector
    offer((detector,), store, ask=True, tick=tick)
    in_memory = int(CANVAS_SHARE * allowed_bytes(machine.max_memory, detect_cpu()))
    photo = read_whole(file, most_in_memory=in_memory, scratch=machine.scratch, tick=tick)
    wanted, others = faces_wanted(photo.pixels, located(detector, store), options, tick=tick)
    rows = [(face, left_alone(face, photo.pixels) if options.leave_sharp else "") for face in wanted]
    rows += others
    draw_faces(photo.pixels, [(face, not why) for face, why in rows])
    write_photo(photo, output, format=output_format, output=Output(), overwrite=arguments.overwrite, note="faces marked", tick=tick)
    records = [
        {"box": [face.box.left, face.box.top, face.box.size.width, face.box.size.height], "score": round(face.score, 3), "why": why}
        for face, why in rows
    ]
    print(json.dumps(records, indent=2) if arguments.json else _table(records) + f"[OK] {output}")
    return 0


def _table(records: list[dict[str, Any]]) -> str:
    if not records:
        return "no face was found\n"
    lines = [_LAYOUT.format("face", "left,top,width,height", "score", "would be")]
    for number, record in enumerate(records, 1):
        fate = f"left alone: {record['why']}" if record["why"] else "restored"
        lines.append(_LAYOUT.format(number, ",".join(map(str, record["box"])), f"{record['score']:.2f}", fate))
    return "\n".join(lines) + "\n"
