"""Measures what a model costs to run: the scratch that stands beside its segments.

    python scripts/measure_model.py realesrgan-x4plus [--precision bf16] [--runtime torch] [--random-weights] [--seconds 2]

Each figure comes from a process of its own. Scratch is the growth of anonymous memory while one window runs, per pixel read (per cell,
where a network reads the picture in cells); copies that the engine makes of a window are not part of it. The memory of compiled weights
is given in bytes for each value. Random weights cost what the published ones do, and stand in where those are not on this machine.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

from img_enhance.geometry import Size
from img_enhance.machine.devices import Choice, detect_cpu, device_of
from img_enhance.machine.memory import Peak, anonymous_bytes
from img_enhance.machine.settings import weight_store
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import NamedWeights, Precision
from img_enhance.models.table import BUILT_IN, FAITHFUL_MODEL_NAMES, MODEL_NAMES
from img_enhance.models.weights.store import load
from img_enhance.planning.plan import RuntimeName
from img_enhance.runtimes import runtime_on

SIDES = (96, 192, 320, 448)


def measure(
    model: Model, weights: NamedWeights, runtime_name: RuntimeName, precision: Precision, part: str, side: int, seconds: float
) -> dict[str, float]:
    """Scratch bytes per pixel, thousand pixels a second and weights' bytes of one part over a window of `side` pixels."""
    segments = model.segments
    chosen = segments if part == "whole" else next((s,) for s in segments if s.name.startswith(part))
    runtime = runtime_on(device_of(Choice(runtime_name, None, "")), precision)
    rng = np.random.default_rng(1)
    inputs, tiny = [], []
    for kind in chosen[0].inputs:
        if kind == "picture":
            inputs.append(rng.random((side * model.cell, side * model.cell, 3), np.float32))
            tiny.append(inputs[-1][: 16 * model.cell, : 16 * model.cell])
        else:
            inputs.append(runtime.features(Size(side, side), model.features))
            inputs[-1][:, :] = 1
            tiny.append(inputs[-1][:16, :16])
    before = anonymous_bytes()
    compiled = runtime.compile(chosen, weights)
    compiled.run(tiny, lambda: None)
    ready = anonymous_bytes()
    with Peak(seconds=0.005) as peak:
        compiled.run(inputs, lambda: None)
    runs, started = 0, time.perf_counter()
    while runs < 2 or time.perf_counter() - started < seconds:
        compiled.run(inputs, lambda: None)
        runs += 1
    rate = runs * side * side / (time.perf_counter() - started)
    return {
        "scratch": (peak.bytes - ready) / side**2,
        "kpx_per_second": rate / 1e3,
        "weights": (ready - before) / model.weights.values,
    }


def random_weights(model: Model) -> NamedWeights:
    """Small values in the shapes of the published ones."""
    rng = np.random.default_rng(2)
    return {name: rng.standard_normal(shape, np.float32) * np.float32(0.03) for name, shape in model.architecture.shapes.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=(*MODEL_NAMES, *FAITHFUL_MODEL_NAMES))
    parser.add_argument("--precision", choices=("f32", "bf16"), action="append")
    parser.add_argument("--runtime", choices=("openvino", "torch"), default="openvino")
    parser.add_argument("--random-weights", action="store_true", help="weights need not be on this machine")
    parser.add_argument("--side", type=int, action="append", help=f"sides of windows (default {SIDES})")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each rate is measured")
    parser.add_argument("--one", nargs=3, metavar=("PRECISION", "PART", "SIDE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        precision, part, side = arguments.one
        model = BUILT_IN.named(arguments.model)
        weights = random_weights(model) if arguments.random_weights else load(model, weight_store(os.environ))
        print(json.dumps(measure(model, weights, arguments.runtime, precision, part, int(side), arguments.seconds)))
        return
    device = detect_cpu()
    model = BUILT_IN.named(arguments.model)
    print(f"{model.name} on {device.name} by {arguments.runtime}, {device.cores} cores, {model.flops / 1e6:.2f} MFLOP a pixel or cell")
    print(f"{'part':<10}{'precision':<11}{'side':>5}{'scratch B/px':>14}{'1000 px/s':>11}{'weights':>9}")
    parts = ["whole"] if len(model.segments) == 1 else ["whole", *dict.fromkeys(s.name for s in model.segments)]
    for part in parts:
        for precision in arguments.precision or ("f32", "bf16"):
            for side in arguments.side or SIDES:
                command = [sys.executable, __file__, model.name, "--seconds", str(arguments.seconds), "--runtime", arguments.runtime]
                command += ["--random-weights"] * arguments.random_weights
                command += ["--one", precision, part, str(side)]
                row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                print(f"{part:<10}{precision:<11}{side:>5}{row['scratch']:>14.0f}{row['kpx_per_second']:>11.1f}{row['weights']:>9.1f}")


if __name__ == "__main__":
    main()
