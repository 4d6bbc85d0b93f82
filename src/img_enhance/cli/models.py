"""The command line's models: `img-enhance models`, and the question before a download."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img_enhance.cli.flags import flagged, set_run
from img_enhance.cli.own_models import add_own_models, facts_of
from img_enhance.cli.screen import bytes_bar, say, silent
from img_enhance.errors import ImgEnhanceError, OptionError, WeightsCorrupt
from img_enhance.machine.settings import model_table, weight_store
from img_enhance.models.model import Model
from img_enhance.models.own import broken_records, own_models
from img_enhance.models.weight_files import WeightFile
from img_enhance.models.weight_sources import DownloadedWeights
from img_enhance.models.weights.cache import WeightStore, check_located, copies, found, missing
from img_enhance.models.weights.pins import pinned
from img_enhance.units import bytes_text
from img_enhance.words import Pull

OFFLINE = "download nothing, ask nothing"

Row = Model | WeightFile


@dataclass(frozen=True)
class PullRequest:
    """What `models pull` was asked for."""

    names: tuple[str, ...]
    offline: bool
    quiet: bool


def add_models(commands: Any) -> None:
    """Put the command `models` and its own commands among `commands`."""
    parser = commands.add_parser(
        "models",
        help="list, show, download and verify the models, and add your own",
        description="Lists the models; with a command: shows one, downloads, verifies, adds one of your own. Nothing is downloaded unless "
        "asked for.",
    )
    set_run(parser, _list, _store)
    own = parser.add_subparsers(metavar="COMMAND")
    set_run(own.add_parser("list", help="list the models and weight files"), _list, _store)
    show = own.add_parser("show", help="license, source, paper, hash and place of one")
    show.add_argument("name", metavar="NAME", help="as img-enhance models lists it")
    set_run(show, _show, _name)
    pull = own.add_parser("pull", help="download what is not on this machine")
    pull.add_argument("names", metavar="NAME", nargs="+", help="as img-enhance models lists them")
    pull.add_argument("--offline", action="store_true", help="download nothing; fail if something is missing")
    pull.add_argument("--quiet", action="store_true", help="say nothing but errors")
    set_run(pull, _pull, _pull_request)
    set_run(own.add_parser("verify", help="read every weight file on this machine and compare its hash"), _verify, _store)
    add_own_models(own)


def store_of(*, offline: bool) -> WeightStore:
    """Where weights are, by the environment and --offline."""
    return weight_store(os.environ, offline=offline)


def offer(files: tuple[WeightFile, ...], store: WeightStore, *, ask: bool, tick: Callable[[], None]) -> None:
    """Pass if all these weights are here, or the person at the terminal agrees to download them.

    Raises: WeightsMissing that names them; what `pull` raises.
    """
    if not ask or store.offline or not (sys.stdin.isatty() and sys.stderr.isatty()):
        check_located(files, store)
    for file in files:
        if found(file, store) is not None:
            continue
        say(f"{file.name} is not on this machine: {bytes_text(file.bytes)}, {file.origin}, license {file.license}.")
        _say_note(file)
        if not _agreed(f"Download it to {store.home}? [y/N] "):
            raise missing(file, store)
        _fetch(file, store, tick=tick, quiet=False)


def _store(_arguments: argparse.Namespace) -> WeightStore:
    return store_of(offline=False)


def _name(arguments: argparse.Namespace) -> str:
    name: str = arguments.name
    return name


def _pull_request(arguments: argparse.Namespace) -> PullRequest:
    return PullRequest(names=tuple(dict.fromkeys(arguments.names)), offline=arguments.offline, quiet=arguments.quiet)


def _list(store: WeightStore) -> int:
    header = ("name", "scale", "size", "license", "present", "from", "for")
    lines = [header]
    for row in _rows(store):
        weights = row.weights if isinstance(row, Model) else row
        scale = f"{row.scale}x" if isinstance(row, Model) else "-"
        here = "yes" if _present(row, store) else "no"
        file = _file(row)
        size = bytes_text(weights.bytes) if file is None or file.is_pinned else "unpinned"
        lines.append((row.name, scale, size, row.license, here, weights.origin, row.summary))
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    return 0


def _show(name: str) -> int:
    store = store_of(offline=False)
    row = _named(name, store)
    file, weights = _file(row), row.weights if isinstance(row, Model) else row
    if file is not None and not file.is_pinned:
        file = weights = pinned(file, store.home)
    facts = {
        "name": row.name,
        "for": row.summary,
        "license": row.license,
        "note": file.license_note if file else "",
        "source": row.source,
        "paper": row.paper,
        "from": file.url if file else weights.origin,
        "size": f"{bytes_text(weights.bytes)} ({weights.bytes:,} bytes)",
        "sha256": weights.sha256 or "unpinned: recorded at the first download",
        "place": _place(row, store),
        **next((facts_of(own) for own in own_models(store) if own.model == row), {}),
    }
    for title, fact in facts.items():
        if fact:
            lines = textwrap.wrap(fact, 100) if title == "note" else [fact]
            print(f"{title:<9}" + f"\n{'':<9}".join(lines))
    return 0


def _pull(request: PullRequest) -> int:
    store = store_of(offline=request.offline)
    for row in [_named(name, store) for name in request.names]:
        file = _file(row)
        if file is None:
            path = _installed(row)
        else:
            if not request.quiet and not store.offline and found(file, store) is None:
                say(f"{file.name}: {bytes_text(file.bytes)}, {file.origin}, license {file.license}.")
                _say_note(file)
            path = _fetch(file, store, tick=silent, quiet=request.quiet)
        if not request.quiet:
            print(f"[OK] {row.name}: {path}")
    return 0


def _verify(store: WeightStore) -> int:
    code = 0
    for row in _rows(store):
        if not _present(row, store):
            print(f"[--] {row.name}: not on this machine")
            continue
        try:
            print(f"[OK] {row.name}: {_verified(row, store)}")
        except ImgEnhanceError as error:
            print(f"[ERROR] {row.name}: {flagged(error.words)}")
            code = max(code, error.exit_code)
    for broken in broken_records(store):
        print(f"[ERROR] {broken.path}: {broken.why}; delete it, and add the model again")
        code = max(code, WeightsCorrupt.exit_code)
    return code


def _verified(row: Row, store: WeightStore) -> Path:
    """Where weights that are here lie, after reading them whole.

    Raises: WeightsCorrupt when every copy is damaged, WeightsMissing when one cannot be read.
    """
    file = _file(row)
    if file is None:
        return _installed(row)
    path = found(file, store, trusting=False)
    if path is None:
        lacking = missing(file, store)
        raise WeightsCorrupt(lacking.says, *lacking.advice)
    return path


def _present(row: Row, store: WeightStore) -> bool:
    from img_enhance.models.weights.store import present

    return present(row, store) if isinstance(row, Model) else next(copies(row, store), None) is not None


def _installed(row: Row) -> Path:
    from img_enhance.models.weights.store import verified

    assert isinstance(row, Model)
    return verified(row)


def _place(row: Row, store: WeightStore) -> str:
    file = _file(row)
    if not _present(row, store):
        return "not on this machine" + (f"; {Pull((row.name,))}" if file else "")
    return str(next(copies(file, store)) if file else _installed(row))


def _rows(store: WeightStore) -> list[Row]:
    """Every model, and every weight file that is none."""
    table = model_table(store)
    names = {model.name for model in table.models}
    return [*table.models, *(file for file in table.files if file.name not in names)]


def _named(name: str, store: WeightStore) -> Row:
    """The row of this name, or the only one whose name begins with it: yunet is yunet-2026may."""
    rows = {row.name: row for row in _rows(store)}
    fitting = [name] if name in rows else [known for known in rows if known.startswith(f"{name}-")]
    if len(fitting) != 1:
        raise OptionError(f"no model is called {name!a}", f"there are {', '.join(rows)}")
    return rows[fitting[0]]


def _file(row: Row) -> WeightFile | None:
    """The file to download, None for a model that comes with a package, or is a person's own."""
    if isinstance(row, WeightFile):
        return row
    return row.weights.file if isinstance(row.weights, DownloadedWeights) else None


def _fetch(file: WeightFile, store: WeightStore, *, tick: Callable[[], None], quiet: bool) -> Path:
    from img_enhance.models.weights.fetch import pull

    with bytes_bar(file.name, file.bytes, quiet=quiet) as progress:
        return pull(file, store, progress=progress, tick=tick)


def _agreed(question: str) -> bool:
    """Whether the person at the terminal says yes; nothing is no."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # Elsewhere a signal sets a flag that is asked for at every step of the work. A question has no steps.
    for number in handlers:
        signal.signal(number, signal.default_int_handler)
    try:
        print(question, end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _say_note(file: WeightFile) -> None:
    if file.license_note:
        say(textwrap.fill(file.license_note, 100))
