"""What every pass works with while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from img_enhance.cancelling import Tick
from img_enhance.machine.canvas import Pixels, new_canvas
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision
from img_enhance.models.weight_files import WeightFile
from img_enhance.passes.elsewhere import Elsewhere
from img_enhance.passes.sweep import Network
from img_enhance.photo import Photo
from img_enhance.planning.plan import PassPlan
from img_enhance.planning.sweep_plan import SweepPlan

# Told which part of a pass is done, 0 to 1.
OnFraction = Callable[[float], None]


class Networks(Protocol):
    """Networks with their weights, loaded when they are asked for."""

    def loaded(self, model: Model, precision: Precision) -> Network:
        """The network; its stages are compiled when they are asked for."""

    def probed(self, plan: SweepPlan) -> Network:
        """The network, probed in the plan's stages the first time."""

    def located(self, file: WeightFile) -> Path:
        """Where a file is, its bytes verified."""


@dataclass(frozen=True)
class PassContext:
    """The folder for canvases on disk, whom to tell, and what a pass adds to the record and the warnings; networks.

    `source` is the photo as it was before the last enlargement, for the passes that ask for it. `changed` says whether a pass before this
    one changed the picture. `elsewhere` are machines that may do areas of networks, if there are any.
    """

    folder: Path | None
    tick: Tick
    done: OnFraction
    record: dict[str, Any]
    warnings: list[str]
    networks: Networks
    source: Photo | None
    changed: bool
    elsewhere: Elsewhere | None = None

    def unchanged(self, why: str) -> None:
        """Record that the pass leaves the picture as it is, to the last bit."""
        self.record.update(changed=False, unchanged=why)

    def canvas(self, plan: PassPlan) -> Pixels:
        """Pixels for what a pass makes."""
        return new_canvas(plan.part.size, plan.medium, self.folder, depth=plan.depth)
