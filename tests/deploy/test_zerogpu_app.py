"""What a ZeroGPU Space asks the hub for, without a page."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from space_folders import DEPLOY, ROOT

pytestmark = [
    pytest.mark.space,
    pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="Gradio is not installed; make test-space installs it"),
]
CAT = str(ROOT / "samples" / "cat.png")


def loaded() -> ModuleType:
    found = importlib.util.spec_from_file_location("zerogpu_app", DEPLOY / "zerogpu" / "app.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_a_gpu_is_asked_for_as_long_as_the_plan_says() -> None:
    app = loaded()
    twice, four = (app.seconds_needed(CAT, size) for size in list(app.SIZES)[1:])
    assert app.START_SECONDS < twice <= four <= app.MOST_SECONDS


def test_what_takes_longer_than_is_lent_is_refused_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    app = loaded()
    monkeypatch.setattr(app, "MOST_SECONDS", app.START_SECONDS)
    with pytest.raises(app.gradio.Error, match="Send a smaller photo"):
        app.seconds_needed(CAT, "Four times as wide and high")


def test_the_hubs_decorator_is_used_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def lend(*, duration: object) -> Callable[[object], object]:
        asked.append(duration)
        return lambda function: function

    hub = ModuleType("spaces")
    hub.GPU = lend  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", hub)
    app = loaded()
    assert asked == [app.seconds_needed]


@pytest.mark.parametrize("size", ["What it needs", "Twice as wide and high"])
def test_faces_and_light_are_kept_whatever_size_is_asked_for(size: str) -> None:
    app = loaded()
    engine, prepared = app.planned(CAT, size)
    with engine:
        names = [step.name for step in prepared.recipe.steps]
    assert len(names) == len(set(names))
    if size != app.AS_NEEDED:
        assert "real_esrgan" in names


def test_a_result_lies_where_gradio_deletes_it_with_the_photo(tmp_path: Path) -> None:
    app = loaded()
    photo = tmp_path / "dark.png"
    Image.fromarray(np.full((1200, 1800, 3), 30, np.uint8) + (np.arange(1800) // 60).astype(np.uint8)[None, :, None]).save(photo)
    (before, after), file, words = app.computed(str(photo), app.AS_NEEDED)
    assert Path(file).is_relative_to(tmp_path)
    assert before.shape == after.shape == (1067, 1600, 3)
    assert words
    with Image.open(file) as result:
        assert result.size == (1800, 1200)  # large enough to need light only
