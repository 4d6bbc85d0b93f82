"""The kinds of pass, each a module with everything about it: its size, what it needs, how it is planned, run, and spoken of."""

from collections.abc import Callable
from typing import Any

from img_enhance.geometry import Box
from img_enhance.passes import columns, faces, high_range, network, resample, tones
from img_enhance.passes.context import PassContext
from img_enhance.photo import Photo
from img_enhance.planning.plan import PassPlan

# By the plans that a pass of each kind makes. What runs one answers with the photo after it, from the one before it, whose pixels are those
# of a box.
RUN: dict[type[Any], Callable[[Any, Photo, Box, PassContext], Photo]] = {
    network.NetworkPlan: network.run,
    resample.ResamplePlan: resample.run,
    columns.ColumnsPlan: columns.run,
    tones.TonePlan: tones.run,
    faces.FacePlan: faces.run,
    high_range.HighRangePlan: high_range.run,
}


def run_pass(plan: PassPlan, photo: Photo, held: Box, context: PassContext) -> Photo:
    """The photo after one pass; its pixels are those of `held` before and of `plan.part` after it."""
    return RUN[type(plan)](plan, photo, held, context)
