"""What a run of the bench was asked for."""

from dataclasses import dataclass
from pathlib import Path

from photos import ROOT

FOLDER = ROOT / ".bench"


@dataclass(frozen=True)
class Settings:
    """`repeats` None leaves the number to the table. `peers_python` is the interpreter that has PyTorch and ncnn.

    Photos above `largest_megapixels` are left out of the file-to-file table.
    `quick` takes tiny photos: it shows that everything runs, its figures mean nothing.
    """

    quick: bool = False
    repeats: int | None = None
    peers_python: Path | None = None
    largest_megapixels: float = float("inf")
    folder: Path = FOLDER / "files"

    def times(self, usual: int) -> int:
        """How often to measure what is usually measured so often."""
        if self.repeats is not None:
            return self.repeats
        return 1 if self.quick else usual
