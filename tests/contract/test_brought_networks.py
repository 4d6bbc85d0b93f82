"""Networks that people bring files of say truly how far they see and what they cost."""

import json
import math
import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from networks_golden import CASES, weights_of

from img_enhance.geometry import Size
from img_enhance.machine.devices import detect_cpu
from img_enhance.models.architecture import Architecture
from img_enhance.models.networks.dat import DAT
from img_enhance.models.networks.segment import Precision, Segment
from img_enhance.planning.planner import COMPILED_BYTES, RESIDENT_BYTES_PER_VALUE
from img_enhance.planning.windows import windows
from img_enhance.runtimes.openvino import OpenVINO
from img_enhance.runtimes.reference import NumpyOps

Array = npt.NDArray[np.float32]

# Sums in another order, where values span 0 to 255 inside.
RELATIVE = 1e-4

# Of the scratch: what a process takes beside it while a window runs. Measured 2026-11: at most 1 MB.
NOISE_BYTES = 4_000_000

MEASURE = """
import json, sys
from types import SimpleNamespace
from measure_model import measure
from networks_golden import CASES, weights_of
architecture = CASES[sys.argv[1]]
values = SimpleNamespace(values=1)
model = SimpleNamespace(segments=architecture.segments, cell=architecture.cell, features=architecture.features, weights=values)
print(json.dumps(measure(model, weights_of(sys.argv[1]), "openvino", sys.argv[2], "whole", int(sys.argv[3]), 0.0)))
"""

COMPILED = """
import dataclasses, json
import numpy as np
from img_enhance.machine.memory import anonymous_bytes
from img_enhance.models.networks.dat import DAT
from img_enhance.runtimes.openvino import OpenVINO
from random_weights import random_weights

def compiled(network):
    runs = OpenVINO("f32").compile(network.segments, random_weights(network.shapes))
    runs.run([np.zeros((32, 32, 3), np.float32)], lambda: None)
    return runs

many = DAT(32, (12,), (4,), (8, 32), hidden=64, scale=2, direct=True)
first = compiled(dataclasses.replace(many, depths=(1,)))  # OpenVINO itself
before = anonymous_bytes()
second = compiled(many)
print(json.dumps(anonymous_bytes() - before))
"""

each_case = pytest.mark.parametrize("name", CASES)
# Those that do not look at the whole of their windows.
each_exact_case = pytest.mark.parametrize(
    "name", [name for name, architecture in CASES.items() if not any(segment.sees_all for segment in architecture.segments)]
)


def kinds(architecture: Architecture) -> list[Segment]:
    """One segment of each kind: all blocks are the same function of other weights."""
    return list({segment.name.split()[0]: segment for segment in architecture.segments}.values())


def seen_columns(segment: Segment, name: str) -> tuple[int, int]:
    """How many columns to the left and to the right of a changed one change with it."""
    side = 2 * segment.reach + 9
    draw = np.random.RandomState(1)
    channels = {"picture": 3, "features": segment.features_in}
    inputs = [draw.rand(channels[kind], 5, side).astype(np.float32) for kind in segment.inputs]
    weights = weights_of(name)
    before: Array = segment.function(NumpyOps(), weights, *inputs)
    for values in inputs:
        values[:, :, side // 2] += 3  # by 1 the outermost of some changes less than f32 can tell
    changed = np.abs(segment.function(NumpyOps(), weights, *inputs) - before).max(axis=(0, 1))
    columns = np.flatnonzero(changed.reshape(side, segment.scale).max(axis=1))
    return side // 2 - int(columns[0]), int(columns[-1]) - side // 2


@each_exact_case
def test_segments_see_as_far_as_they_say(name: str) -> None:
    for segment in kinds(CASES[name]):
        # The outermost of a large kernel's many weights may be too small to be seen after a norm.
        slack = 1 if segment.name.startswith("block") else 0
        for seen in seen_columns(segment, name):
            assert segment.reach - slack <= seen <= segment.reach, segment.name


@each_exact_case
def test_windows_make_the_picture_of_a_single_one(name: str) -> None:
    architecture = CASES[name]
    network = OpenVINO("f32").compile(architecture.segments, weights_of(name))
    picture = np.random.RandomState(3).rand(70, 91, 3).astype(np.float32)
    whole = np.array(network.run([picture], lambda: None))
    reach, scale = sum(segment.reach for segment in architecture.segments), architecture.scale
    found = np.full_like(whole, np.nan)
    cut = list(windows(Size(91, 70).box, side=24, halo=reach, within=Size(91, 70).box))
    assert len(cut) > 2
    for window in cut:
        answer = network.run([picture[window.read.slices]], lambda: None)
        found[window.core.scaled(scale).slices] = answer[window.core.seen_from(window.read).scaled(scale).slices]
    assert np.abs(found - whole).max() <= RELATIVE * np.abs(whole).max()


_IMITATED = pytest.mark.skipif(not detect_cpu().native_bf16, reason="this processor has no native bf16, and is never given it")


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        *((name, "f32") for name in CASES),
        *(pytest.param(name, "bf16", marks=_IMITATED) for name in ("realplksr-2x-dysample", "dat-3x")),
    ],
)
def test_a_window_takes_no_more_memory_than_the_plan_counts(name: str, precision: Precision) -> None:
    side = 256
    command: list[Any] = [sys.executable, "-c", MEASURE, name, precision, str(side)]
    paths = ":".join(path for path in sys.path if path)
    said = subprocess.run(command, check=True, capture_output=True, text=True, env={"PYTHONPATH": paths}).stdout
    measured = json.loads(said)["scratch"] * side**2
    planned = CASES[name].whole.bytes_per_pixel(precision) * side**2
    assert measured <= planned + NOISE_BYTES
    assert planned <= 3 * measured + NOISE_BYTES  # narrow networks take less than the wide ones that it was measured on


def test_a_network_of_many_operations_holds_no_more_than_the_plan_counts() -> None:
    many = DAT(32, (12,), (4,), (8, 32), hidden=64, scale=2, direct=True)
    paths = ":".join(path for path in sys.path if path)
    held = json.loads(
        subprocess.run([sys.executable, "-c", COMPILED], check=True, capture_output=True, text=True, env={"PYTHONPATH": paths}).stdout
    )
    values = sum(math.prod(shape) for shape in many.shapes.values())
    beside = int(values * RESIDENT_BYTES_PER_VALUE) + COMPILED_BYTES
    assert beside < held <= beside + many.segments[0].resident
