"""What became of a photo of a run: a row of the manifest and of the report, and what travels between processes and machines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from img_enhance.errors import ImgEnhanceError
from img_enhance.request.recipe import Reason
from img_enhance.words import Words

# `skipped` are photos that were done before, or are left alone for a reason that `why` says.
Status = Literal["done", "skipped", "failed"]

Say = Callable[[str], str]


@dataclass(frozen=True)
class Failure:
    """An error of the tree: its code, what it says happened, what to try, and the exit code that it would end one `enhance` with."""

    code: str
    says: str
    advice: str
    exit_code: int

    @property
    def text(self) -> str:
        """The line for a person."""
        return f"{self.says}; {self.advice}" if self.advice else self.says


@dataclass(frozen=True)
class Phase:
    """What one phase took: "read", a pass, "alpha", "write". `algorithm` is the step that asked for it, "" for the others.

    `peak_bytes` is the peak of anonymous memory of the whole process then, `unchanged` why the picture was left as it was.
    """

    name: str
    algorithm: str
    seconds: float
    peak_bytes: int
    unchanged: str = ""


@dataclass(frozen=True)
class AlgorithmRun:
    """A step of the recipe on this photo: whether what it needs was there (`loaded`), whether it ran to its end (`executed`), why not.

    `unchanged` says why it ran and left the picture as it was.
    """

    name: str
    loaded: bool
    executed: bool
    seconds: float = 0.0
    why_not: str = ""
    unchanged: str = ""


@dataclass(frozen=True)
class FileState:
    """What tells that a file is still the one it was: its length and when it was written."""

    bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class PhotoOutcome:
    """What became of one photo.

    `source` is its name in the run, with / between folders, `path` where it lay. `result` is the name of the result below OUT, likewise,
    `staged` the name that the file had while it was made, `replaces` whether there was a file before. `sha256` is of the photo's file,
    `made_by` of everything else that decides the result: recipe, weights, version. Sizes are (width, height) in pixels, (0, 0) where they
    are not known, times seconds, `finished` since 1970, `planned_seconds` what the plan foretold, 0 where there was none. `recipe` and
    `plan` are JSON values, the recipe with the steps that were chosen; `alone` says that the photo had the whole machine. `why` is for
    skipped ones.
    """

    source: str
    path: str
    status: Status
    result: str = ""
    why: str = ""
    failure: Failure | None = None
    format: str = ""
    size: tuple[int, int] = (0, 0)
    result_format: str = ""
    result_size: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    planned_seconds: float = 0.0
    peak_bytes: int = 0
    done_text: str = ""
    copied: bool = False
    recipe: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    algorithms: tuple[AlgorithmRun, ...] = ()
    phases: tuple[Phase, ...] = ()
    warnings: tuple[str, ...] = ()
    device: str = ""
    precision: str = ""
    weights_sha256: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    sha256: str = ""
    made_by: str = ""
    file: FileState | None = None
    result_file: FileState | None = None
    staged: str = ""
    replaces: bool = False
    alone: bool = False
    finished: float = 0.0

    @property
    def megapixels(self) -> float:
        return self.size[0] * self.size[1] / 1e6

    @property
    def result_megapixels(self) -> float:
        return self.result_size[0] * self.result_size[1] / 1e6

    def to_mapping(self) -> dict[str, Any]:
        """JSON values from which `from_mapping` makes an equal outcome."""
        return dataclasses.asdict(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> PhotoOutcome:
        """The outcome that these JSON values describe; what a later version says beyond it is passed over.

        Raises: KeyError, TypeError, ValueError when they describe none.
        """
        kept: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in _known(cls, values).items()}
        for name, kind in _ONE.items():
            if kept.get(name) is not None:
                kept[name] = kind(**_known(kind, kept[name]))
        for name, kind in _SEVERAL.items():
            kept[name] = tuple(kind(**_known(kind, each)) for each in kept.get(name, ()))
        return cls(**kept)


# Fields that hold a value of another class, or several.
_ONE: dict[str, type[Any]] = {"failure": Failure, "file": FileState, "result_file": FileState}
_SEVERAL: dict[str, type[Any]] = {"reasons": Reason, "algorithms": AlgorithmRun, "phases": Phase}


@dataclass(frozen=True)
class RunSummary:
    """What became of a run: outcomes in the order of its photos, `left` photos that it did not come to, and why it `stopped` early.

    `seconds` are of this run by the clock; skipped outcomes have those that the photo took when it was done.
    """

    outcomes: tuple[PhotoOutcome, ...]
    seconds: float
    left: int = 0
    stopped: str = ""

    def of(self, status: Status) -> tuple[PhotoOutcome, ...]:
        """The outcomes of this kind."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == status)

    @property
    def exit_code(self) -> int:
        """0 where nothing failed, else the highest of the failures' codes."""
        return max((outcome.failure.exit_code for outcome in self.outcomes if outcome.failure is not None), default=0)


def failure_of(error: ImgEnhanceError) -> Failure:
    """The error as data; its texts still know where they speak of settings."""
    return Failure(error.code, error.says, Words(*error.advice) if error.advice else "", error.exit_code)


def lacking_runs(reasons: tuple[Reason, ...]) -> tuple[AlgorithmRun, ...]:
    """Steps that would have been chosen, but for something that is missing on this machine."""
    return tuple(AlgorithmRun(each.step, loaded=False, executed=False, why_not=each.words) for each in reasons if each.lacking)


def spoken_outcome(outcome: PhotoOutcome, say: Say) -> PhotoOutcome:
    """The outcome with every text as a door says it (`words.spoken`): plain texts, as they are kept."""
    return dataclasses.replace(
        outcome,
        failure=None if outcome.failure is None else _said(outcome.failure, say),
        why=say(outcome.why),
        done_text=say(outcome.done_text),
        reasons=tuple(_said(reason, say) for reason in outcome.reasons),
        algorithms=tuple(_said(run, say) for run in outcome.algorithms),
        phases=tuple(_said(phase, say) for phase in outcome.phases),
        warnings=tuple(say(warning) for warning in outcome.warnings),
    )


def _said(value: Any, say: Say) -> Any:
    texts = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    return dataclasses.replace(value, **{name: say(text) for name, text in texts.items() if isinstance(text, str)})


def _known(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {each.name: values[each.name] for each in dataclasses.fields(kind) if each.name in values}
