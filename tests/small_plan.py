"""A small plan with a pass of every kind."""

from pathlib import Path

from img_enhance.geometry import Size
from img_enhance.image_io.read import HighRangeFile, PhotoFile
from img_enhance.metadata.colours import coded_colours
from img_enhance.models.table import BUILT_IN
from img_enhance.passes.columns import ColumnsPass
from img_enhance.passes.faces import FacePass
from img_enhance.passes.high_range import HighRangePass
from img_enhance.passes.network import NetworkPass
from img_enhance.passes.resample import ResamplePass
from img_enhance.passes.tones import TonePass
from img_enhance.photo import Header, Metadata
from img_enhance.planning.plan import Device, Pass, Plan, PlanRequest, Rates
from img_enhance.planning.planner import make_plan
from img_enhance.request.step_options import CLAHE, GFPGAN
from img_enhance.steps import tones_of

PHOTO_MODEL = "realesrgan-x4plus"
SIZE = Size(40, 30)
FILE = PhotoFile(
    Path("photo.png"), Header("png", SIZE), 1, Metadata(), (), (), (), several=False, high_range=HighRangeFile(coded_colours(9, 16), 16, "")
)
PASSES = (
    NetworkPass(BUILT_IN.named(PHOTO_MODEL)),
    ResamplePass(Size(80, 60)),
    ColumnsPass(-8, 96),
    ColumnsPass(8, 80),
    TonePass(tones_of(CLAHE()), CLAHE()),
    FacePass(GFPGAN(), BUILT_IN.faces[0], BUILT_IN.detector),
    HighRangePass(FILE),
)
# What is said of them when they are done.
SIZES_TEXT = f"{PHOTO_MODEL} 40x30 to 160x120 and reduced to 80x60 and joined at its left and right edges and cut to 80x60"
HIGH_RANGE_TEXT = "high dynamic range kept in PQ (steps saw it tone-mapped by BT.2390)"
DONE_TEXT = f"{SIZES_TEXT} and clahe and faces by gfpgan-1.4 and {HIGH_RANGE_TEXT}"


def planned(*passes: Pass, size: Size | None = None, allowed: int = 4 * 10**9) -> Plan:
    """The plan of `passes` on a photo of 40x30, or `size`."""
    device = Device(name="Test CPU", cores=2, native_bf16=True, rates=Rates(f32=300, bf16=1500), memory_bytes=16 * 10**9)
    header = Header("png", size or SIZE)
    return make_plan(PlanRequest(header, passes, "png"), precision="f32", device=device, allowed=allowed)
