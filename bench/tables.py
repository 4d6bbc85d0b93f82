"""Tables of results: plain ASCII for a screen, JSON values for a file."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

Cell = str | int | float | None


@dataclass(frozen=True)
class Column:
    """A heading and how its numbers are shown, as a format of Python: ".1f"."""

    name: str
    format: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under a title. `about` says in a sentence what was measured and how; `notes` what a reader of single rows must know."""

    title: str
    about: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def growing(self, rows: Iterable[tuple[Cell, ...]]) -> Iterator["Table"]:
        """This table with one row more each time, as they are measured: who is cut off has those before."""
        measured = list[tuple[Cell, ...]]()
        for row in rows:
            measured.append(row)
            yield replace(self, rows=tuple(measured))

    def last_row(self) -> str:
        """The last row in one line, with the names of its cells."""
        return ", ".join(f"{column.name} {_shown(cell, column)}" for cell, column in zip(self.rows[-1], self.columns, strict=True))

    def text(self) -> str:
        """The table in ASCII, first column to the left, numbers to the right."""
        texts = [tuple(_shown(cell, column) for cell, column in zip(row, self.columns, strict=True)) for row in self.rows]
        names = tuple(column.name for column in self.columns)
        widths = [max(len(row[i]) for row in (names, *texts)) for i in range(len(names))]
        words = [any(isinstance(row[i], str) for row in self.rows) for i in range(len(names))]

        def line(cells: tuple[str, ...]) -> str:
            aligned = (text.ljust(n) if left else text.rjust(n) for text, n, left in zip(cells, widths, words, strict=True))
            return "  ".join(aligned).rstrip()

        ruler = tuple("-" * n for n in widths)
        lines = [self.title, "=" * len(self.title), self.about, "", line(names), line(ruler), *map(line, texts)]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)]) + "\n"

    def record(self) -> dict[str, Any]:
        """The table as JSON values."""
        rows = [{column.name: _finite(cell) for column, cell in zip(self.columns, row, strict=True)} for row in self.rows]
        return {"title": self.title, "about": self.about, "rows": rows, "notes": list(self.notes)}


def verdict(met: bool, goal: str) -> str:
    """A goal and whether it was met."""
    return f"{'[OK]' if met else '[MISSED]'} {goal}"


def _shown(cell: Cell, column: Column) -> str:
    if cell is None:
        return "-"
    return cell if isinstance(cell, str) else format(cell, column.format)


def _finite(cell: Cell) -> Cell:
    # JSON has no infinity, which is the PSNR of equal pictures.
    return str(cell) if isinstance(cell, float) and not math.isfinite(cell) else cell
