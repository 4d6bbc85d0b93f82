"""Which networks run for a size, and how large the result is."""

import pytest

from img_enhance.errors import OptionError
from img_enhance.geometry import Size
from img_enhance.models.table import BUILT_IN
from img_enhance.passes.network import NetworkPass
from img_enhance.passes.resample import ResamplePass
from img_enhance.request.step_options import Enlarging, RealESRGAN, SuperImage
from img_enhance.steps import passes_of

SIZE = Size(30, 20)


def run(options: Enlarging) -> list[str]:
    """Networks by their names, reductions by their sizes."""
    passes = passes_of(options, SIZE, BUILT_IN)  # type: ignore[arg-type]
    return [
        each.model.name if isinstance(each, NetworkPass) else str(each.size)
        for each in passes
        if isinstance(each, NetworkPass | ResamplePass)
    ]


@pytest.mark.parametrize(
    ("upscale", "expected"),
    [
        (None, ["edsr-base-x4"]),
        (1, ["edsr-base-x2", "30x20"]),
        (2, ["edsr-base-x2"]),
        (2.5, ["edsr-base-x3", "75x50"]),
        (3, ["edsr-base-x3"]),
        (4, ["edsr-base-x4"]),
        (6, ["edsr-base-x4", "edsr-base-x2", "180x120"]),
        (8, ["edsr-base-x4", "edsr-base-x2"]),
        (12, ["edsr-base-x4", "edsr-base-x3"]),
        (16, ["edsr-base-x4", "edsr-base-x4"]),
    ],
)
def test_edsr_takes_the_smallest_network_that_reaches_the_size(upscale: float | None, expected: list[str]) -> None:
    assert run(SuperImage(upscale=upscale)) == expected


def test_a_model_that_is_named_is_taken() -> None:
    assert run(SuperImage(model="edsr-base-x2", upscale=4)) == ["edsr-base-x2", "edsr-base-x2"]
    assert run(SuperImage(model="edsr-base-x2")) == ["edsr-base-x2"]


@pytest.mark.parametrize("options", [SuperImage(width=12), RealESRGAN(width=12)])
def test_below_the_photos_size_no_network_runs(options: Enlarging) -> None:
    assert run(options) == ["12x8"]


@pytest.mark.parametrize("options", [SuperImage(upscale=3, enhance_level=0), RealESRGAN(upscale=3, enhance_level=0)])
def test_nothing_of_a_network_is_none(options: Enlarging) -> None:
    assert run(options) == ["90x60"]


def test_strength_and_colours_reach_every_pass() -> None:
    options = SuperImage(upscale=16, enhance_level=0.25, keep_colours=False)
    networks = [each for each in passes_of(options, SIZE, BUILT_IN) if isinstance(each, NetworkPass)]
    assert [(each.level, each.keeps_colours) for each in networks] == [(0.25, False)] * 2


def test_more_than_sixteen_times_is_refused() -> None:
    with pytest.raises(OptionError, match="at most 480x320"):
        run(SuperImage(width=481))
