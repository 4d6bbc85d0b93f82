"""A lane leaves thumbnails of each photo for the report, and a photo does not fail for want of them."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from img_enhance.batch.lanes import PhotoTask
from img_enhance.batch.links import thumbnail_files
from img_enhance.batch.work import enhance_photo
from img_enhance.engine import Engine
from img_enhance.request.options import Output
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import CLAHE

SAMPLE = Path(__file__).parent.parent.parent / "samples" / "cat.png"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as opened:
        yield opened


def _task(folder: Path, source: Path = SAMPLE, recipe: Recipe | None = None) -> PhotoTask:
    (folder / "unfinished").mkdir()
    return PhotoTask(
        source=source.name,
        path=str(source),
        folder=str(folder / "unfinished"),
        stem="1",
        recipe=recipe or Recipe(steps=(CLAHE(),)),
        made_by="",
        thumbnails=thumbnail_files(source.name, folder),
    )


@pytest.mark.parametrize("recipe", [Recipe(steps=(CLAHE(),)), Recipe()], ids=["clahe", "auto"])
def test_thumbnails_show_the_photo_and_its_result(engine: Engine, tmp_path: Path, recipe: Recipe) -> None:
    task = _task(tmp_path, recipe=dataclasses.replace(recipe, output=Output(format="png")))
    outcome = enhance_photo(engine, task)
    assert outcome.status == "done"
    assert not [warning for warning in outcome.warnings if "thumbnail" in warning]
    assert task.thumbnails is not None
    for thumbnail, file in zip(task.thumbnails, (SAMPLE, Path(task.folder) / outcome.staged), strict=True):
        with Image.open(thumbnail) as shown, Image.open(file) as whole:
            expected = whole.convert("RGB").resize(shown.size, Image.Resampling.LANCZOS)
            assert np.abs(np.asarray(shown, int) - np.asarray(expected)).mean() < 4


def test_a_photo_does_without_thumbnails_that_cannot_be_written(engine: Engine, tmp_path: Path) -> None:
    task = _task(tmp_path)
    (tmp_path / ".img-enhance").write_bytes(b"in the way")
    outcome = enhance_photo(engine, task)
    assert outcome.status == "done"
    assert [warning.split(":")[0] for warning in outcome.warnings] == ["the report has no thumbnail of it"] * 2


def test_a_photo_that_fails_has_its_thumbnail_before(engine: Engine, tmp_path: Path) -> None:
    task = dataclasses.replace(_task(tmp_path), folder=str(tmp_path / "missing"))
    outcome = enhance_photo(engine, task)
    assert outcome.status == "failed"
    assert task.thumbnails is not None
    assert [Path(name).exists() for name in task.thumbnails] == [True, False]


def test_none_are_made_where_none_are_wanted(engine: Engine, tmp_path: Path) -> None:
    assert enhance_photo(engine, dataclasses.replace(_task(tmp_path), thumbnails=None)).status == "done"
    assert [path.name for path in tmp_path.iterdir()] == ["unfinished"]
