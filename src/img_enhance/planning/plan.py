"""What a plan says: passes, and how each of them runs.

Words: *allowed* is the budget, *reserved* what the process needs before any photo, *projected* an upper bound of the peak. Memory
means anonymous memory: pages of files do not count, because the system can drop them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from img_enhance.geometry import Box, Size
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision
from img_enhance.models.weight_files import WeightFile
from img_enhance.photo import Header
from img_enhance.planning.speeds import Speeds
from img_enhance.planning.sweep_plan import Medium

RuntimeName = Literal["openvino", "torch", "vulkan"]

# Marks a field of a plan that is no part of the record.
UNRECORDED = {"recorded": None}


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

    `place` is the device as its runtime names it ("cpu", "cuda:0", "mps", "vulkan:0", "GPU"), `reason` why it was chosen. `channels_last`
    is how values lie in memory while a network runs. `own_memory` says that networks and scratch lie in a memory with a budget of its own:
    a graphics card's, or by Vulkan that of any GPU. Features lie there too, unless they stay in the machine's (`features_on_host`); what an
    integrated GPU takes counts in both budgets (`shares_memory`). `stores_f16` says that values may lie there as f16. `rates` decide how
    work is cut up; `speeds` were measured on this very device, and only say how long work takes. `threads` are those that a runtime may
    use, None where nobody limits them.
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
    shares_memory: bool = False
    features_on_host: bool = False
    stores_f16: bool = False
    threads: int | None = None
    speeds: Speeds = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class PassResources:
    """What a pass works with: where its result lies and how deep it is, the device, and `below` bytes of other things of those allowed.

    Likewise of the device's own memory, where `gpu_allowed` is not None. `source` is the pass that begins with the picture before the last
    enlargement, and `in_place` says that the pass may change the picture before it instead of making one. `file_medium` is where the
    photo's file goes that is read again.
    """

    medium: Medium
    depth: int
    precision: Precision
    device: Device
    below: int
    allowed: int
    gpu_below: int
    gpu_allowed: int | None
    source: int
    in_place: bool
    file_medium: Medium


class Pass(Protocol):
    """What a step asks for, before it is known how it will run."""

    @property
    def models(self) -> tuple[Model, ...]:
        """The models whose networks it runs."""

    @property
    def resizes(self) -> bool:
        """Whether it is there for the picture's size: faces are cut out of the picture before such passes."""

    @property
    def wants_depth(self) -> bool:
        """Whether its result lies in 16 bits while other passes follow, because it would make bands."""

    @property
    def wants_source(self) -> bool:
        """Whether it also needs the picture as it was before the passes that resize, and pastes into the one before it."""

    @property
    def wants_file(self) -> bool:
        """Whether it reads the photo's file again, and leaves the picture before it as it is beside its own."""

    def result(self, size: Size) -> Size:
        """The size of its result for a picture of `size`."""

    def parts(self, needed: Box, size: Size) -> tuple[Box, Box]:
        """The part of its result that it makes if `needed` is asked for, and the part that this needs of the picture, of `size`, before."""

    def plan(self, size: Size, part: Box, resources: PassResources) -> PassPlan:
        """How it runs over a picture of `size` to make a part of its result."""


class PassPlan(Protocol):
    """How a pass runs: a frozen dataclass, whose fields are recorded."""

    @property
    def kind(self) -> str: ...

    @property
    def size(self) -> Size: ...

    @property
    def result(self) -> Size: ...

    @property
    def part(self) -> Box:
        """The part of the result that the canvas holds."""

    @property
    def medium(self) -> Medium: ...

    @property
    def depth(self) -> int: ...

    @property
    def projected_bytes(self) -> int: ...

    @property
    def gpu_bytes(self) -> int:
        """The peak in a device's own memory, 0 where it has none."""

    @property
    def seconds(self) -> float: ...

    @property
    def models(self) -> tuple[Model, ...]: ...

    @property
    def files_beside_models(self) -> tuple[WeightFile, ...]:
        """Files that it needs beside those of its models."""

    @property
    def awaited(self) -> int | None:
        """The pass that begins with an earlier picture which this one needs too."""

    @property
    def mixes_pixels(self) -> bool:
        """Whether colours under transparency would show in its result."""

    @property
    def changes_tones(self) -> bool:
        """Whether what a gain map says of the picture's light no longer holds for its result."""

    @property
    def name(self) -> str:
        """What it is called in the record."""

    @property
    def planned_text(self) -> str:
        """What is said of it before it runs."""

    @property
    def done_text(self) -> str:
        """What is said of it when it is done."""


@dataclass(frozen=True)
class PlanRequest:
    """What a plan answers: these passes over this photo, for a result in this format, or the part `crop` of it."""

    header: Header
    passes: tuple[Pass, ...]
    output_format: str
    crop: Box | None = None


@dataclass(frozen=True)
class Plan:
    """How a recipe runs on one photo. `crop` is the part of the result that is asked for, None for all of it.

    `keeps_networks` says that networks stay in memory from one pass to the next, and for the next photo. `gpu_allowed_bytes` and
    `gpu_projected_bytes` are of a GPU's own memory, None where it has none. `seconds` are those of all: reading, passes and writing.
    """

    device: str
    runtime: RuntimeName
    place: str
    reason: str
    precision: Precision
    channels_last: bool
    source_medium: Medium = field(metadata={"recorded": "source_store"})
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
    reading_seconds: float
    writing_seconds: float
    gpu_allowed_bytes: int | None = None
    gpu_projected_bytes: int | None = None

    @property
    def models(self) -> tuple[Model, ...]:
        """The models of its networks, each once."""
        return tuple(dict.fromkeys(model for pass_plan in self.passes for model in pass_plan.models))

    @property
    def weight_files(self) -> tuple[WeightFile, ...]:
        """The files that must have been downloaded."""
        beside = dict.fromkeys(file for pass_plan in self.passes for file in pass_plan.files_beside_models)
        return (*beside, *(file for model in self.models for file in model.weights.files))
