"""The error tree: each class has its own code, the numbers its docstring promises, and survives pickling."""

import importlib
import importlib.util
import pickle
import pkgutil
import re

import pytest

import img_enhance
from img_enhance import errors
from img_enhance.errors import ImgEnhanceError

LINE = re.compile(r"^    (?P<indent>(?:\|   )*)\+-- (?P<name>\w+) +(?P<what>.*?) {2,}(?:exit (?P<exit>\d+)|(?P<status>\d{3}))$")
LINES = [found for line in (errors.__doc__ or "").splitlines() if (found := LINE.match(line))]
# Modules that import what not everybody has.
EXTRAS = {
    "img_enhance.runtimes.torch": "torch",
    "img_enhance.machine.gpus": "torch",
    "img_enhance.runtimes.ncnn_weights": "ncnn",
    "img_enhance.runtimes.spandrel": "torchvision",
    "img_enhance.runtimes.vulkan": "ncnn",
    "img_enhance.machine.vulkan": "ncnn",
}
DECLARED = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ImgEnhanceError)]


def tree() -> list[type[ImgEnhanceError]]:
    """Every error of the package, wherever it is declared."""
    for module in pkgutil.walk_packages(img_enhance.__path__, "img_enhance."):
        if module.name not in EXTRAS or importlib.util.find_spec(EXTRAS[module.name]) is not None:
            importlib.import_module(module.name)
    found = [ImgEnhanceError]
    for kind in found:
        found += kind.__subclasses__()
    return [kind for kind in found if kind.__module__.startswith("img_enhance.")]


def test_docstring_draws_every_class_under_its_parent() -> None:
    parents = ["ImgEnhanceError"]
    drawn = {"ImgEnhanceError": "Exception"}
    for line in LINES:
        depth = len(line["indent"]) // 4
        drawn[line["name"]] = parents[depth]
        parents[depth + 1 :] = [line["name"]]
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in DECLARED}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["name"])
def test_class_has_the_exit_code_or_status_that_the_docstring_promises(line: re.Match[str]) -> None:
    kind = getattr(errors, line["name"])
    if line["exit"]:
        assert kind.exit_code == int(line["exit"])
    else:
        assert kind.http_status == int(line["status"])


@pytest.mark.parametrize("kind", DECLARED, ids=lambda kind: kind.__name__)
def test_exit_code_is_that_of_the_branch(kind: type[ImgEnhanceError]) -> None:
    branches = {errors.UserError: 2, errors.MachineError: 3, errors.IntegrityError: 4, errors.Cancelled: 130}
    expected = [code for branch, code in branches.items() if issubclass(kind, branch)] or [1]
    assert [kind.exit_code] == expected


def test_codes_are_distinct() -> None:
    codes = [kind.code for kind in tree()]
    assert len(set(codes)) == len(codes)


def test_pickle_keeps_class_and_message() -> None:
    for kind in tree():
        error = pickle.loads(pickle.dumps(kind("needs 5.4 GB, allowed 4.0 GB; try less")))
        assert type(error) is kind
        assert str(error) == "needs 5.4 GB, allowed 4.0 GB; try less"
