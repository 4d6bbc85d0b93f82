"""What a plan says: passes, and how each of them runs.

A pass says itself what there is to say of it: its `name` in the record, `planned_text` before it runs, `done_text` after it.

Words: *allowed* is the budget, *reserved* what the process needs before any photo, *projected* an upper bound of the peak. Memory
means anonymous memory: pages of files do not count, because the system can drop them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from img_enhance.geometry import Box, Size
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision
from img_enhance.models.weight_files import WeightFile
from img_enhance.options import GFPGAN, StepOptions
from img_enhance.windows import Range, Window, fewest, grid, length, overlapping, windows

RuntimeName = Literal["openvino", "torch"]
Store = Literal["memory", "disk"]

CHANNELS = 3

# Marks a field of a plan that is no part of the record.
UNRECORDED = {"recorded": False}

# Whole pictures are changed in strips of so many pixels.
STRIP_PIXELS = 256 * 1024

# So many rows above and below its own a strip may look at.
MOST_TONE_REACH = 2


@dataclass(frozen=True)
class Rates:
    """Thousand million operations per second that a network reaches on this device, per precision."""

    f32: float
    bf16: float

    def of(self, precision: Precision) -> float:
        return self.bf16 if precision == "bf16" else self.f32


@dataclass(frozen=True)
class Device:
    """What a device can do. `memory_bytes` is what it has in all, containers' limits taken into account.

    `place` is the device as its runtime names it ("cpu", "cuda:0", "mps"), `reason` why it was chosen. `channels_last` is how values
    lie in memory while a network runs. `own_memory` says that networks, features and scratch lie in a memory of the device's own: a
    graphics card, not a GPU that shares the machine's.
    """

    name: str
    cores: int
    native_bf16: bool
    rates: Rates
    memory_bytes: int
    runtime: RuntimeName = "openvino"
    place: str = "cpu"
    reason: str = ""
    channels_last: bool = True
    own_memory: bool = False


@dataclass(frozen=True)
class NetworkPass:
    """Run a network over the whole picture."""

    model: Model


@dataclass(frozen=True)
class ResamplePass:
    """Reduce the picture to this size."""

    size: Size


@dataclass(frozen=True)
class TonePass:
    """Measure the whole picture, then change its tones and colours; its size stays."""

    options: StepOptions


@dataclass(frozen=True)
class FacePass:
    """Find faces, restore each in a square of its own, and paste them into the picture; its size stays.

    They are found in, and cut out of, the picture as it was before the network and resample passes just before this one. `detector` is the
    file of the network that finds them.
    """

    options: GFPGAN
    model: Model
    detector: WeightFile


Pass = NetworkPass | ResamplePass | TonePass | FacePass


@dataclass(frozen=True)
class Stage:
    """Segments `first` to `last` (included) as one network, run over windows that read at most `side` pixels and a halo each way."""

    first: int
    last: int
    reach: int
    side: int
    flops: int


@dataclass(frozen=True)
class NetworkPlan:
    """How a network sweeps a picture, or its part `core`: areas x stages x windows, all in cells of `cell` x `cell` pixels.

    `gpu_bytes` is the peak in a device's own memory, 0 where it has none.
    """

    model: Model
    precision: Precision
    size: Size
    result: Size
    core: Box
    store: Store
    area_rows: int
    area_columns: int
    halo: int
    stages: tuple[Stage, ...]
    projected_bytes: int
    depth: int = 8
    seconds: float = 0.0
    cell: int = 1
    gpu_bytes: int = 0
    kind: Literal["network"] = "network"

    @property
    def name(self) -> str:
        return self.model.title

    @property
    def planned_text(self) -> str:
        areas = self.area_rows * self.area_columns
        side = self.cell * max(stage.side for stage in self.stages)
        tiles = sum(1 for area in self.areas() for _ in self.windows(area, self.stages[-1]))
        return f"{self.model.title} in {areas} area{'s' * (areas > 1)}, {tiles} tile{'s' * (tiles > 1)} of at most {side} px"

    @property
    def done_text(self) -> str:
        return f"{self.model.title} {self.size} to {self.result}"

    @property
    def cells(self) -> Size:
        """The picture's size in cells."""
        return self.size.cells(self.cell)

    @property
    def part(self) -> Box:
        """The part of the result that the canvas holds."""
        return self.core.scaled(self.cell * self.result.width // self.size.width).grown(0, within=self.result.box)

    def areas(self) -> Iterator[Window]:
        """The parts of the picture whose features are in memory at one time."""
        return grid(self.core, rows=self.area_rows, columns=self.area_columns, halo=self.halo, within=self.cells.box)

    def answered(self, area: Window, stage: Stage) -> Box:
        """What a stage must answer for in an area: the area's core, and around it what the stages after it see."""
        return area.core.grown(self._following(stage), within=area.read)

    def _following(self, stage: Stage) -> int:
        return sum(later.reach for later in self.stages if later.first > stage.last)

    def windows(self, area: Window, stage: Stage) -> Iterator[Window]:
        """The windows of one stage over an area."""
        return windows(self.answered(area, stage), side=stage.side, halo=stage.reach, within=area.read)

    @property
    def flops(self) -> int:
        """Operations that the sweep will do, overlaps included."""
        box, size = self.core, self.cells
        total = 0
        for stage in self.stages:
            # Areas and windows are rows times columns, so that the sum over them is a product.
            high = self._read_along((box.top, box.bottom), stage, self.area_rows, size.height)
            wide = self._read_along((box.left, box.right), stage, self.area_columns, size.width)
            total += stage.flops * high * wide
        return total

    def _read_along(self, core: Range, stage: Stage, areas: int, end: int) -> int:
        """Pixels that the windows of a stage read along one side of the picture, from 0 to `end`, overlaps counted again."""
        around, read = self._following(stage) + stage.reach, 0
        for (start, stop), (low, high) in overlapping(core, areas, halo=self.halo, within=(0, end)):
            seen = min(high, stop + around) - max(low, start - around)
            parts = fewest(seen, side=stage.side, halo=stage.reach)
            read += parts * length(seen, parts, halo=stage.reach)
        return read

    @property
    def extra(self) -> float:
        """Pixels computed more than once, as a part of the photo: 0.25 is a quarter more work than an untiled run."""
        return self.flops / (self.core.size.pixels * sum(stage.flops for stage in self.stages)) - 1


@dataclass(frozen=True)
class ResamplePlan:
    """How a picture is reduced; the canvas holds `part` of the result."""

    size: Size
    result: Size
    part: Box
    store: Store
    projected_bytes: int
    depth: int = 8
    seconds: float = 0.0
    kind: Literal["resample"] = "resample"

    @property
    def name(self) -> str:
        return "resample"

    @property
    def planned_text(self) -> str:
        return f"reduced to {self.result}"

    @property
    def done_text(self) -> str:
        return self.planned_text


class _SizeStays:
    """A pass whose result is as large as the picture before it."""

    size: Size

    @property
    def result(self) -> Size:
        return self.size

    @property
    def part(self) -> Box:
        return self.size.box

    def strips(self) -> Iterator[Box]:
        """The picture from top to bottom in boxes of whole rows."""
        rows = max(1, STRIP_PIXELS // self.size.width)
        for top in range(0, self.size.height, rows):
            yield Box(0, top, self.size.width, min(top + rows, self.size.height))


@dataclass(frozen=True)
class TonePlan(_SizeStays):
    """How the tones of a picture are changed: in strips of whole rows, on so many threads."""

    step: str
    options: StepOptions
    size: Size
    store: Store
    depth: int
    threads: int
    projected_bytes: int
    seconds: float = 0.0
    kind: Literal["tones"] = "tones"

    @property
    def name(self) -> str:
        return self.step

    @property
    def planned_text(self) -> str:
        return self.step

    @property
    def done_text(self) -> str:
        return self.planned_text


@dataclass(frozen=True)
class FacePlan(_SizeStays):
    """How faces are restored: cut out of the picture that pass `source` begins with, pasted into the one before this pass.

    `in_place` says that the picture before is pasted into, and not a copy of it.
    """

    step: str
    options: GFPGAN
    model: Model
    precision: Precision
    size: Size
    source: int
    in_place: bool
    store: Store
    depth: int
    projected_bytes: int
    detector: WeightFile = field(metadata=UNRECORDED)
    seconds: float = 0.0
    gpu_bytes: int = 0
    kind: Literal["faces"] = "faces"

    @property
    def name(self) -> str:
        return self.step

    @property
    def planned_text(self) -> str:
        return f"faces by {self.model.title}"

    @property
    def done_text(self) -> str:
        return self.planned_text


PassPlan = NetworkPlan | ResamplePlan | TonePlan | FacePlan


@dataclass(frozen=True)
class Plan:
    """How a recipe runs on one photo. `crop` is the part of the result that is asked for, None for all of it.

    `keeps_networks` says that networks stay in memory from one pass to the next, and for the next photo. `gpu_allowed_bytes` and
    `gpu_projected_bytes` are of a GPU's own memory, None where it has none.
    """

    device: str
    runtime: RuntimeName
    place: str
    reason: str
    precision: Precision
    channels_last: bool
    source_store: Store
    passes: tuple[PassPlan, ...]
    size: Size
    result: Size
    crop: Box | None
    keeps_networks: bool
    allowed_bytes: int
    reserved_bytes: int
    projected_bytes: int
    disk_bytes: int
    seconds: float
    gpu_allowed_bytes: int | None = None
    gpu_projected_bytes: int | None = None

    @property
    def done_text(self) -> str:
        """What is said of all its passes when they are done."""
        return " and ".join(step.done_text for step in self.passes) or "nothing to do"

    @property
    def models(self) -> tuple[Model, ...]:
        """The models of its networks, each once."""
        return tuple(dict.fromkeys(step.model for step in self.passes if isinstance(step, (NetworkPlan, FacePlan))))

    @property
    def weight_files(self) -> tuple[WeightFile, ...]:
        """The files that must have been downloaded."""
        detectors = dict.fromkeys(step.detector for step in self.passes if isinstance(step, FacePlan))
        return (*detectors, *(file for model in self.models for file in model.weights.files))


def size_after(step: Pass, size: Size) -> Size:
    """The size of a picture of `size` after a pass."""
    if isinstance(step, NetworkPass):
        return size.scaled(step.model.scale)
    return step.size if isinstance(step, ResamplePass) else size
