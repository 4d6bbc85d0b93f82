"""Problems: one table of codes, real addresses behind them, and words that are fit for strangers."""

import pickle
import re
from pathlib import Path

import pytest
from served import Served, is_problem

from img_enhance import errors
from img_enhance.errors import DiskError, ImgEnhanceError, MemoryBudgetError, WeightsMissing
from img_enhance.jobs import refusals
from img_enhance.service.problems import problem_response
from img_enhance.words import Setting, Words
from img_enhance.workers.catalogue import KINDS, Kind, as_data
from img_enhance.workers.engine_worker import failure
from img_enhance.workers.protocol import LENGTH_BYTES, decode, encode
from img_enhance.workers.public import public

ROOT = Path(__file__).parent.parent.parent
FLAG = re.compile(r"(?<![\w-])--?[a-z]")


def every_class(kind: type[ImgEnhanceError] = ImgEnhanceError) -> set[type[ImgEnhanceError]]:
    return {kind}.union(*(every_class(each) for each in kind.__subclasses__()))


def test_every_code_has_one_row() -> None:
    elsewhere = {ImgEnhanceError, errors.ServiceUnreachable}  # what stands for all, and what only clients meet
    ours = {kind for kind in every_class() if kind.__module__ in (errors.__name__, refusals.__name__)}
    assert {kind.error for kind in KINDS} == ours - elsewhere
    assert len({kind.code for kind in KINDS}) == len(KINDS)


def test_only_what_passes_by_itself_asks_to_come_again() -> None:
    asking = {kind.code for kind in KINDS if "retry-after" in problem_response(as_data(kind.error("words"))).headers}
    assert asking == {"quota", "saturated", "stopping", "store"}


def test_the_page_states_every_row() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    stated = re.findall(r"^\| `([a-z_]+)` \| (\d+) \| (.*?) \| (.*) \|$", page, re.MULTILINE)
    assert stated == [(kind.code, str(kind.status), kind.meaning, kind.fix) for kind in KINDS]


def test_the_type_of_a_problem_leads_to_its_row(service: Served) -> None:
    answer = service.client.get("/api/v1/jobs/nothing")
    row = service.client.get(answer.json()["type"]).json()
    assert (row["code"], row["status"]) == (answer.json()["code"], answer.status_code)
    listed = service.client.get("/problems").json()
    assert [row["code"] for row in listed] == [kind.code for kind in KINDS]
    for row in listed:
        assert service.client.get(row["type"]).json() == row
    unknown = service.client.get("/problems/no_such_code")
    assert unknown.status_code == 404
    assert is_problem(unknown)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_no_row_names_a_flag(kind: Kind) -> None:
    assert not FLAG.search(kind.meaning + kind.fix)


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        (Setting("format", "png"), "output.format png"),
        (Setting("animation", "first"), "input.animation first"),
        (Setting("max_output_megapixels"), "limits.max_output_megapixels"),
        (Setting("model", "realesr-animevideov3"), "model realesr-animevideov3"),
        (Setting("upscale", "1"), "upscale 1"),
        (Setting("gfpgan_model"), "model of gfpgan"),
        (Setting("max_memory"), "max_memory (ask the operator)"),
        (Setting("max_memory", "1.2G"), "max_memory 1.2G (ask the operator)"),
        (Setting("device", "cpu"), "device cpu (ask the operator)"),
    ],
    ids=str,
)
def test_a_setting_becomes_a_field_or_the_operators(setting: Setting, shown: str) -> None:
    said = Words("try ", setting, " now")
    assert public(said) == f"try {shown} now"
    assert public({"warnings": [said, "none"]}) == {"warnings": [f"try {shown} now", "none"]}
    assert public(public(said)) == public(said)


@pytest.mark.parametrize("error", [DiskError, WeightsMissing])
def test_what_only_the_operator_can_mend_goes_to_the_log(error: type[ImgEnhanceError]) -> None:
    failed = as_data(error("no room in /home/somebody/weights", "use ", Setting("scratch")))
    assert "somebody" not in failed.detail
    assert "operator" in failed.detail
    assert "somebody" in failed.private
    assert "private" not in failed.shown()


def test_numbers_that_help_a_client_stay() -> None:
    model = Setting("model", "realesr-animevideov3")
    failed = as_data(MemoryBudgetError("needs 5.4 GB, allowed 4.0 GB", "try a larger ", Setting("max_memory"), ", or ", model))
    assert failed.detail == "needs 5.4 GB, allowed 4.0 GB; try a larger max_memory (ask the operator), or model realesr-animevideov3"


def test_an_error_crosses_to_the_service_with_all_its_words() -> None:
    error = MemoryBudgetError("the photo is large", "use ", Setting("format", "png"), ", or a larger ", Setting("max_memory"))
    failed = failure(pickle.loads(pickle.dumps(error)), Path("/srv/jobs/1/photo"))
    assert decode(encode(failed)[LENGTH_BYTES:]) == failed
    assert failed.detail == "the photo is large; use output.format png, or a larger max_memory (ask the operator)"


def test_folders_of_the_service_are_not_named() -> None:
    root = Path("/srv/secret")
    error = errors.PhotoError(f"{root}/jobs/1/photo is damaged, {root}/scratch is full")
    assert "secret" not in failure(error, root / "jobs" / "1" / "photo").detail
