"""Words: settings stand in them as values, every door names them in its own way, and no flag is left in the core."""

import ast
import copy
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from img_enhance.cli.flags import flagged
from img_enhance.cli.main import _parser, main
from img_enhance.client.problems import KINDS
from img_enhance.errors import DiskError, MemoryBudgetError, OptionError, WeightsMissing
from img_enhance.words import Pull, Setting, Words, spoken
from img_enhance.workers.public import public

SOURCE = Path(__file__).parent.parent / "src" / "img_enhance"
CORE = [module for module in sorted(SOURCE.rglob("*.py")) if "cli" not in module.relative_to(SOURCE).parts]
FLAG = re.compile(r"(?<![\w-])--?[a-z]")
# What this package passes to Python.
ARGUMENTS = ("-m",)
# Of another program.
OTHERS = ("pip install --force-reinstall", "ray start --head", "ulimit -v", " MB of addresses (ulimit -v)", "-v unlimited")

WORDS = Words("try ", Setting("format", "png"), ", or a larger ", Setting("max_memory"))


def texts(module: Path) -> list[str]:
    """Every text in a module but its docstrings."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    documented = [node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    docs = {ast.get_docstring(node, clean=False) for node in documented}
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [text for text in constants if isinstance(text, str) and text not in docs]


def settings() -> list[tuple[Path, Setting]]:
    """Every setting that the core speaks of; a value that is made while it runs is X."""
    found = []
    for module, text in ((module, module.read_text(encoding="utf-8")) for module in CORE):
        for node in ast.walk(ast.parse(text)) if "Setting(" in text else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Setting":
                name, *value = (argument.value if isinstance(argument, ast.Constant) else "X" for argument in node.args)
                if name != "X":  # else it is a field's, and there are flags of them all
                    found.append((module, Setting(str(name), *map(str, value))))
    return found


def flags() -> set[str]:
    """Every flag of the command line."""
    parsers, found = [_parser()], set[str]()
    for parser in parsers:
        for action in parser._actions:
            found.update(action.option_strings)
            if isinstance(action.choices, dict):  # commands, of which some have their own
                parsers += action.choices.values()
    return found


@pytest.mark.parametrize("module", CORE, ids=lambda module: str(module.relative_to(SOURCE)))
def test_the_core_names_no_flag(module: Path) -> None:
    named = [text for text in texts(module) if FLAG.search(text) and text not in ARGUMENTS]
    assert [text for text in named if not any(other in text for other in OTHERS)] == []


def test_the_scan_finds_flags(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('"""Not --this."""\nsaid = f"{1} is too much; use --that"\n')
    assert [text for text in texts(module) if FLAG.search(text)] == [" is too much; use --that"]


@pytest.mark.parametrize(("module", "setting"), settings(), ids=str)
def test_every_setting_is_a_flag_and_no_stranger_is_told_of_it(module: Path, setting: Setting) -> None:
    flag = flagged(Words(setting)).split(" ")[0]
    assert flag in flags(), module
    assert not FLAG.search(public(Words(setting)))


def test_the_core_speaks_of_settings() -> None:
    assert len(settings()) > 30


def test_each_door_has_its_own_names() -> None:
    assert str(WORDS) == "try format png, or a larger max_memory"
    assert flagged(WORDS) == "try --format png, or a larger --max-memory"
    assert public(WORDS) == "try output.format png, or a larger max_memory (ask the operator)"


def test_each_door_has_its_own_words_for_a_download() -> None:
    error = WeightsMissing("the weights are not on this machine", Pull(("yunet-2026may", "gfpgan-1.4")))
    assert error.advice == (Pull(("yunet-2026may", "gfpgan-1.4")),)
    assert flagged(error.words) == "the weights are not on this machine; run: img-enhance models pull yunet-2026may gfpgan-1.4"
    assert public(error.words) == f"{flagged(error.words)} (ask the operator)"


def test_only_the_words_know_the_command_that_downloads() -> None:
    assert [module.name for module in CORE if any("models pull" in text for text in texts(module))] == ["words.py"]


ERRORS = {kind.__name__ for kind in KINDS.values()}
# What is no advice: what became of the work, and what else is so.
NO_ADVICE = re.compile(
    "nothing was (written|kept)|nothing of it was used|cannot be aligned|the job (goes on|is kept)|ids are forgotten|this version reads|"
    "it is in the log|is no answer of|it finds"
)


@pytest.mark.parametrize("module", CORE, ids=lambda module: str(module.relative_to(SOURCE)))
def test_advice_stands_apart_from_what_happened(module: Path) -> None:
    made = [
        ast.unparse(node.args[0])
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS and node.args
    ]
    assert [text for text in made if "; " in text and not NO_ADVICE.search(text)] == []


def test_words_within_words_keep_their_settings() -> None:
    assert flagged(Words(WORDS, "; see ", Words(Setting("device", "cpu")))) == f"{flagged(WORDS)}; see --device cpu"


def test_a_plain_text_stays_as_it_is() -> None:
    assert spoken("no {setting} here - none", lambda _: "never") == "no {setting} here - none"


def test_words_are_text_and_json() -> None:
    assert json.loads(json.dumps({"said": WORDS})) == {"said": str(WORDS)}
    assert f"{WORDS}" == WORDS
    assert type(str(WORDS)) is str


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda words: pickle.loads(pickle.dumps(words))])
def test_copies_keep_the_settings(again: Callable[[Words], Words]) -> None:
    same = again(Words(WORDS, "."))
    assert same == f"{WORDS}."
    assert flagged(same) == f"{flagged(WORDS)}."


def test_an_error_keeps_its_settings_through_pickle() -> None:
    error = MemoryBudgetError(Words(Setting("device", "cpu"), " is slow"), "use ", Setting("model", "small"))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is MemoryBudgetError
    assert (again.says, again.advice) == (error.says, error.advice)
    assert str(again) == "device cpu is slow; use model small"
    assert flagged(again.words) == "--device cpu is slow; use --model small"


def test_whoever_passed_options_on_says_what_they_were_called() -> None:
    error = OptionError(Words(Words(Setting("format", "png")), " is wrong"), Pull(("x",)), ", or use ", Setting("quality"), ", not format")
    settled = error.settled(lambda setting: setting.called("sent_as") if setting.name == "format" else setting)
    assert flagged(settled.words) == "sent_as png is wrong; run: img-enhance models pull x, or use --quality, not format"
    assert type(settled) is OptionError
    assert settled.advice[0] == Pull(("x",))
    assert type(error.settled(str).words) is Words


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("faces", "x.png", "--at-most", "0"), "--at-most must be a whole number from 1 to 1000, not 0"),
        (("serve", "--workers", "99"), "--workers must be a whole number from 1 to 64, not 99"),
        (("suggest", "x.png", "--scratch", "x", "--max-memory", "5"), "--max-memory must be a whole number of at least 100M, not 5"),
    ],
)
def test_every_command_names_the_flag_that_was_typed(arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"[ERROR] {told}\n"


def test_an_error_without_advice_says_what_happened() -> None:
    assert str(DiskError("the disk is full")) == "the disk is full"


def test_a_setting_shows_its_value_after_its_name() -> None:
    assert str(Setting("max_memory", "2G")) == "max_memory 2G"
    assert str(Setting("max_memory")) == "max_memory"
