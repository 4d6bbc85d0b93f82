"""An outcome is a row of JSON and comes back as it was."""

import dataclasses
import json

import pytest

from img_enhance.batch.outcome import AlgorithmRun, Failure, FileState, Phase, PhotoOutcome, RunSummary, failure_of, spoken_outcome
from img_enhance.errors import MemoryBudgetError
from img_enhance.request.recipe import Reason
from img_enhance.words import Setting, Words, spoken

FULL = PhotoOutcome(
    source="2024/\udcff caf\u00e9.jpg",  # a name that is not UTF-8
    path="/photos/2024/\udcff caf\u00e9.jpg",
    status="failed",
    result="2024/caf.png",
    why="done before",
    failure=Failure("memory_budget", "needs 5 GB", "use --max-memory 6G", 3),
    format="jpeg",
    size=(4000, 3000),
    result_format="png",
    result_size=(8000, 6000),
    seconds=0.1 + 0.2,
    planned_seconds=1.5,
    peak_bytes=2**40,
    done_text="white balance",
    copied=True,
    recipe={"version": 1, "steps": [{"step": "clahe"}]},
    reasons=(Reason("clahe", True, "light", "it is flat", lacking=True),),
    algorithms=(AlgorithmRun("clahe", True, False, 1.5, "too dark", "no need"),),
    phases=(Phase("clahe", "clahe", 1.5, 3, "no need"),),
    warnings=("one", "two"),
    device="cpu",
    precision="f32",
    weights_sha256={"a": "b"},
    version="1",
    sha256="00",
    made_by="ff",
    file=FileState(5, 6),
    result_file=FileState(7, 8),
    staged="1.png",
    replaces=True,
    alone=True,
    finished=1.25,
)


def test_example_sets_every_field() -> None:
    plain = PhotoOutcome("a", "b", "done")
    assert [each.name for each in dataclasses.fields(FULL) if getattr(FULL, each.name) == getattr(plain, each.name)] == []


@pytest.mark.parametrize("outcome", [FULL, PhotoOutcome("a.jpg", "/a.jpg", "done")])
def test_comes_back_from_json(outcome: PhotoOutcome) -> None:
    assert PhotoOutcome.from_mapping(json.loads(json.dumps(outcome.to_mapping()))) == outcome


def test_passes_over_what_a_later_version_says() -> None:
    values = FULL.to_mapping() | {"mood": "fine"}
    values["failure"] |= {"colour": "red"}
    assert PhotoOutcome.from_mapping(values) == FULL


def test_settings_are_said_by_the_door() -> None:
    error = MemoryBudgetError("needs 5 GB", "use ", Setting("max_memory", "6G"))
    warning = Words("bf16; ", Setting("precision", "f32"))
    outcome = PhotoOutcome("a", "b", "failed", failure=failure_of(error), warnings=(warning,))
    said = spoken_outcome(outcome, lambda text: spoken(text, lambda term: f"--{term}"))
    assert said.failure is not None
    assert (said.failure.text, said.warnings) == ("needs 5 GB; use --max_memory 6G", ("bf16; --precision f32",))


def test_exit_code_is_the_highest_of_the_failures() -> None:
    failed = [PhotoOutcome("a", "b", "failed", failure=Failure("x", "y", "", code)) for code in (2, 4, 3)]
    assert RunSummary((PhotoOutcome("c", "d", "done"), *failed), 1.0).exit_code == 4
    assert RunSummary((PhotoOutcome("c", "d", "done"),), 1.0).exit_code == 0
