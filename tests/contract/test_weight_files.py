"""Every row of BUILT_IN.files says which bytes it is, where they are, and under which terms."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from img_enhance.machine import settings as settings_module
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weight_files import WeightFile
from img_enhance.models.weights.cache import WeightStore, found
from img_enhance.models.weights.fetch import mirrored
from img_enhance.units import bytes_text

each_file = pytest.mark.parametrize("file", BUILT_IN.files, ids=lambda file: file.name)


@each_file
def test_row_is_complete(file: WeightFile) -> None:
    assert re.fullmatch("[a-z0-9][a-z0-9.-]+", file.name)
    assert re.fullmatch("[0-9a-f]{64}", file.sha256) or (file.sha256, file.bytes) == ("", 8_000_000)
    assert file.bytes > 100_000
    assert file.summary
    assert file.license
    assert file.source.startswith("https://")
    assert re.search("arXiv:|doi:", file.paper)
    assert all(text.isascii() for text in (file.summary, file.license, file.license_note, file.paper, file.origin))


@each_file
def test_file_is_fetched_over_https_from_a_fixed_version(file: WeightFile) -> None:
    parts = urlsplit(file.url)
    assert parts.scheme == "https"
    assert not parts.query
    # A release, or a commit: "main" may become another file.
    assert re.search(r"/releases/download/v[\d.]+/|/[0-9a-f]{40}/", parts.path)
    assert file.origin == f"download from {parts.hostname}"


@each_file
def test_name_on_this_machine_is_a_plain_one(file: WeightFile) -> None:
    assert re.fullmatch(r"[\w-][\w.-]*\.(pth|pt|bin|onnx|safetensors)", file.file)
    assert (Path(file.file).suffix == ".onnx") == (file.format == "onnx")


@each_file
def test_terms_that_forbid_something_are_said(file: WeightFile) -> None:
    assert (file.license in ("BSD-3-Clause", "MIT")) == (not file.license_note)
    if file.name.startswith("gfpgan"):
        for text in ("StyleGAN2", "research", "CC BY-NC-SA", "commercial"):
            assert text in file.license_note


def test_names_files_and_paths_on_a_mirror_are_distinct() -> None:
    for values in (
        [file.name for file in BUILT_IN.files],
        [file.file.lower() for file in BUILT_IN.files],
        [file.sha256 for file in BUILT_IN.files],
        [mirrored(file.url, "https://mirror.example") for file in BUILT_IN.files],
    ):
        assert len(set(values)) == len(BUILT_IN.files)


def test_published_file_of_the_test_data_is_the_row(data: Path, tmp_path: Path) -> None:
    file = BUILT_IN.detector
    path = data / "models" / file.file
    if not path.exists():
        pytest.skip("the test data hold no such file")
    assert found(file, WeightStore(home=tmp_path, searched=(path.parent,))) == path


def test_the_page_of_models_has_every_row_and_every_setting() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    for file in BUILT_IN.files:
        size = ("" if file.is_pinned else "at most ") + bytes_text(file.bytes)
        assert f"| {file.name} | {size} | {file.license} | {file.summary} |" in page
    settings = set(re.findall("IMG_ENHANCE_[A-Z_]+[A-Z]", Path(settings_module.__file__).read_text(encoding="utf-8")))
    assert len(settings) == 4
    for name in settings:
        assert f"| `{name}` |" in page
    for file in BUILT_IN.files:
        if file.name.startswith("gfpgan"):
            assert file.license_note.removeprefix("The ") in " ".join(page.split())
