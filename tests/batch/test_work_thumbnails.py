"""A lane leaves thumbnails of each photo for the report, and a photo does not fail for want of them."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Pixels
from img_enhance.batch.lanes import PhotoTask
from img_enhance.batch.links import thumbnail_files
from img_enhance.batch.work import enhance_photo
from img_enhance.compare.thumbnails import SIDE
from img_enhance.engine import Engine
from img_enhance.request.options import Limits, Output
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


@pytest.fixture(scope="module")
def small(cat: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo whose result is larger than a thumbnail, and soon there."""
    path = tmp_path_factory.mktemp("small") / "small.png"
    Image.fromarray(cat[30:]).save(path)
    return path


ONE_PASS = Limits(max_output_megapixels=0.2)


@pytest.mark.parametrize(
    ("photo", "recipe"), [("large", Recipe(steps=(CLAHE(),))), ("small", Recipe(limits=ONE_PASS))], ids=["clahe", "auto"]
)
def test_thumbnails_show_the_photo_and_its_result(engine: Engine, tmp_path: Path, small: Path, photo: str, recipe: Recipe) -> None:
    source = small if photo == "small" else SAMPLE
    task = _task(tmp_path, source, recipe=dataclasses.replace(recipe, output=Output(format="png")))
    outcome = enhance_photo(engine, task)
    assert outcome.status == "done"
    assert outcome.result_size is not None
    assert max(outcome.result_size) > SIDE
    assert not [warning for warning in outcome.warnings if "thumbnail" in warning]
    assert task.thumbnails is not None
    for thumbnail, file in zip(task.thumbnails, (source, Path(task.folder) / outcome.staged), strict=True):
        with Image.open(thumbnail) as shown, Image.open(file) as whole:
            assert max(shown.size) == min(SIDE, max(whole.size))
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
