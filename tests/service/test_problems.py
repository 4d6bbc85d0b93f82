"""Problems: one table of codes, real addresses behind them, and words that are fit for strangers."""

import ast
import re
from pathlib import Path

import pytest
from served import Served, is_problem

from img_enhance import errors
from img_enhance.errors import DiskError, ImgEnhanceError, MemoryBudgetError, WeightsMissing
from img_enhance.jobs import refusals
from img_enhance.request.form import fields
from img_enhance.request.options import STEP_OPTIONS, Input, Limits, Output
from img_enhance.service.problems import problem_response
from img_enhance.workers.catalogue import KINDS, as_data
from img_enhance.workers.public import public
from img_enhance.workers.worker import failure

ROOT = Path(__file__).parent.parent.parent
FLAG = re.compile(r"(?<![\w-])--?[a-z]")


def texts_with_flags() -> list[str]:
    """Every text in the package that names a flag, but those of the command line, which talks to the person who typed it."""
    found = []
    for module in sorted((ROOT / "src" / "img_enhance").rglob("*.py")):
        if module.name.startswith("cli"):
            continue
        tree = ast.parse(module.read_text(encoding="utf-8"))
        docs = {
            ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "1.2G" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in docs:
                text = node.value
            else:
                continue
            if FLAG.search(text) and " " in text:
                found.append(text)
    return found


TEXTS = texts_with_flags()


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


def test_the_scan_finds_messages() -> None:
    assert any("--max-memory" in text for text in TEXTS)
    assert len(TEXTS) > 20


@pytest.mark.parametrize("text", [*TEXTS, *(kind.meaning + kind.fix for kind in KINDS)])
def test_no_message_names_a_flag_to_strangers(text: str) -> None:
    assert not FLAG.search(public(text)), public(text)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("try --format png, or a larger --max-memory", "try output.format png, or a larger max_memory (ask the operator)"),
        ("or use --max-memory 1.2G", "or use max_memory 1.2G (ask the operator)"),
        ("use --device cpu", "use device cpu (ask the operator)"),
        ("use --model realesr-animevideov3", "use model realesr-animevideov3"),
        ("use --animation first", "use input.animation first"),
        ("--upscale 1 takes it away", "upscale 1 takes it away"),
        ("no flag - and no-flag", "no flag - and no-flag"),
    ],
)
def test_a_flag_becomes_a_field_or_the_operators(said: str, shown: str) -> None:
    assert public(said) == shown
    assert public({"warnings": [said]}) == {"warnings": [shown]}
    assert public(shown) == shown


def test_fields_that_are_named_exist() -> None:
    known = {field.name for kind in (*STEP_OPTIONS, Output, Input, Limits) for field in fields(kind)}
    for text in TEXTS:
        for section, name in re.findall(r"\b(output|input|limits)\.([a-z_]+)", public(text)):
            assert name in known, (section, text)


@pytest.mark.parametrize("error", [DiskError, WeightsMissing])
def test_what_only_the_operator_can_mend_goes_to_the_log(error: type[ImgEnhanceError]) -> None:
    failed = as_data(error("no room in /home/somebody/weights; use --scratch"))
    assert "somebody" not in failed.detail
    assert "operator" in failed.detail
    assert "somebody" in failed.private
    assert "private" not in failed.shown()


def test_numbers_that_help_a_client_stay() -> None:
    failed = as_data(MemoryBudgetError("needs 5.4 GB, allowed 4.0 GB; try a larger --max-memory, or --model realesr-animevideov3"))
    assert "5.4 GB" in failed.detail
    assert "model realesr-animevideov3" in failed.detail


def test_folders_of_the_service_are_not_named() -> None:
    root = Path("/srv/secret")
    error = errors.PhotoError(f"{root}/jobs/1/photo is damaged, {root}/scratch is full")
    assert "secret" not in failure(error, root / "jobs" / "1" / "photo").detail
