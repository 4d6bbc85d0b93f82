"""Areas of a network that other machines do: the same bits, however the picture is cut for them."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from img_enhance.batch.area import do_area
from img_enhance.batch.spread_child import AreasElsewhere
from img_enhance.engine import Engine
from img_enhance.errors import Cancelled, DiskError, ImgEnhanceError, NotFinite
from img_enhance.geometry import Size
from img_enhance.machine.devices import detect_cpu
from img_enhance.passes.network import NetworkPlan
from img_enhance.photo import Photo
from img_enhance.planning.area_task import AreaTask
from img_enhance.planning.spread_planner import Spreading, area_flops, spread_areas
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN

F32 = Machine(precision="f32")
ANIME = "realesrgan-x4plus-anime"
COMPACT = "realesr-animevideov3"


class Neighbour:
    """As `Inbox`, with a node at its other end that does every area at once, the last one first."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.tasks = list[AreaTask]()
        self.most = self.count = 0
        self.fails: ImgEnhanceError | None = None

    def send(self, message: object) -> None:
        assert isinstance(message, AreaTask)
        self.tasks.append(message)
        self.most, self.count = max(self.most, len(self.tasks)), self.count + 1

    def next(self, _: float) -> object:
        if not self.tasks:
            return None
        done = do_area(self.engine, self.tasks.pop(), lambda: False)
        return done if self.fails is None else dataclasses.replace(done, error=self.fails)


@pytest.fixture(scope="module")
def node() -> Iterator[Engine]:
    with Engine(F32) as engine:
        yield engine


def plan_of(engine: Engine, photo: Photo, model: str) -> NetworkPlan:
    (plan,) = engine.prepare(photo, Recipe(steps=(RealESRGAN(model=model),))).plan.passes
    assert isinstance(plan, NetworkPlan)
    return plan


def noise(width: int, height: int, dtype: type[np.uint8] | type[np.uint16] = np.uint8) -> Photo:
    return Photo(np.random.default_rng(5).integers(0, np.iinfo(dtype).max, (height, width, 3), dtype))


def spread(node: Engine, folder: Path, nodes: int) -> tuple[Neighbour, AreasElsewhere]:
    """The areas of photos, done by one node in the place of several."""
    neighbour = Neighbour(node)
    elsewhere = AreasElsewhere(neighbour, Spreading(nodes, detect_cpu(), least_seconds=0))  # type: ignore[arg-type]
    elsewhere.folder, elsewhere.stem = folder, "photo"
    return neighbour, elsewhere


@pytest.mark.parametrize(
    ("photo", "model", "nodes"),
    [
        (noise(260, 180), COMPACT, 2),
        (noise(181, 263, np.uint16), COMPACT, 5),
        (dataclasses.replace(noise(200, 200), grey=True), COMPACT, 3),
        (noise(420, 40), ANIME, 2),
    ],
    ids=["two nodes", "16 bits, five nodes", "grey", "a network of many stages"],
)
def test_areas_done_elsewhere_have_the_same_bits(node: Engine, tmp_path: Path, photo: Photo, model: str, nodes: int) -> None:
    recipe = Recipe(steps=(RealESRGAN(model=model),))
    neighbour, elsewhere = spread(node, tmp_path, nodes)
    with Engine(F32, device=node.device, elsewhere=elsewhere) as engine:
        there = engine.enhance(photo, recipe).photo.pixels
    assert neighbour.count > 1
    assert neighbour.most <= 2 * nodes
    assert np.array_equal(there, node.enhance(photo, recipe).photo.pixels)
    assert list(tmp_path.iterdir()) == []


def test_error_elsewhere_is_an_error_here_and_no_file_is_left(node: Engine, tmp_path: Path) -> None:
    neighbour, elsewhere = spread(node, tmp_path, 2)
    neighbour.fails = NotFinite("it answered NaN")
    with Engine(F32, device=node.device, elsewhere=elsewhere) as engine, pytest.raises(NotFinite):
        engine.enhance(noise(260, 180), Recipe(steps=(RealESRGAN(model=COMPACT),)))
    assert list(tmp_path.iterdir()) == []


def test_cancel_and_a_folder_that_is_gone_end_it(node: Engine, tmp_path: Path) -> None:
    photo, recipe = noise(260, 180), Recipe(steps=(RealESRGAN(model=COMPACT),))
    _, elsewhere = spread(node, tmp_path, 2)
    with Engine(F32, device=node.device, elsewhere=elsewhere) as engine:
        with pytest.raises(Cancelled):
            engine.enhance(photo, recipe, cancelled=lambda: True)
        elsewhere.folder = tmp_path / "gone"
        with pytest.raises(DiskError, match="gone"):
            engine.enhance(photo, recipe)
    assert list(tmp_path.iterdir()) == []


def plan_for(node: Engine, size: Size, model: str) -> NetworkPlan:
    """The plan for a photo that is not there."""
    plan = plan_of(node, noise(64, 64), model)
    return dataclasses.replace(plan, size=size, result=size.scaled(4), core=size.box, seconds=1000.0)


HUGE = Size(20_000, 15_000)


@pytest.mark.parametrize(("model", "nodes"), [(COMPACT, 2), (COMPACT, 12), (ANIME, 4)])
def test_a_huge_photo_is_shared_out_evenly(node: Engine, model: str, nodes: int) -> None:
    plan = plan_for(node, HUGE, model)
    areas = spread_areas(plan, Spreading(nodes, node.device))
    assert sum(area.core.size.pixels for area in areas) == HUGE.pixels
    assert sum(area_flops(plan, area) for area in areas) < 1.25 * plan.flops
    assert len(areas) % nodes == 0


def test_operations_of_an_area_are_those_of_its_windows(node: Engine) -> None:
    plan = plan_for(node, Size(3000, 2000), ANIME)
    for area in spread_areas(plan, Spreading(3, node.device)):
        windows = ((stage, window) for stage in plan.stages for window in plan.windows(area, stage))
        assert area_flops(plan, area) == sum(stage.flops * window.read.size.pixels for stage, window in windows)


def test_what_gains_nothing_stays_whole(node: Engine) -> None:
    plan: Callable[[Size], NetworkPlan] = lambda size: plan_for(node, size, "realesrgan-x4plus")  # noqa: E731
    assert spread_areas(plan(Size(400, 300)), Spreading(2, node.device)) == (), "areas would see nearly all of it"
    assert spread_areas(dataclasses.replace(plan(HUGE), seconds=59.0), Spreading(4, node.device)) == ()
    assert spread_areas(plan(HUGE), Spreading(1, node.device)) == ()
