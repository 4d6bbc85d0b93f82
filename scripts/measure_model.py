"""Measures what a model costs to run: the figures of its row in `models.py`.

    python scripts/measure_model.py realesrgan-x4plus [--precision bf16] [--seconds 2]

Each figure comes from a process of its own. Scratch is the growth of anonymous memory while one window runs, per pixel read; copies
that the engine makes of a window are not part of it. The memory of compiled weights is given against the bytes of their file.
"""

import argparse
import json
import subprocess
import sys
import time

import numpy as np

from img_enhance.devices import detect_cpu
from img_enhance.memory import Peak, anonymous_bytes
from img_enhance.models import MODEL_NAMES, Precision, model_named
from img_enhance.networks import segments_of
from img_enhance.runtimes.openvino import OpenVINO
from img_enhance.weights.store import load

SIDES = (96, 192, 320, 448)


def measure(name: str, precision: Precision, part: str, side: int, seconds: float) -> dict[str, float]:
    """Scratch bytes per pixel, thousand pixels a second and weights' bytes of one part over a window of `side` pixels."""
    model = model_named(name)
    segments = segments_of(model.architecture)
    chosen = segments if part == "whole" else next((s,) for s in segments if s.name.startswith(part))
    runtime, weights = OpenVINO(precision), load(model)
    rng = np.random.default_rng(1)
    inputs = []
    for kind in chosen[0].inputs:
        picture = rng.random((side, side, 3 if kind == "picture" else model.features), np.float32)
        is_half = kind == "features" and precision == "bf16"
        inputs.append((picture.view(np.uint32) >> 16).astype(np.uint16) if is_half else picture)
    before = anonymous_bytes()
    compiled = runtime.compile(chosen, weights)
    tiny = [window[:16, :16] for window in inputs]
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
        "weights": (ready - before) / model.weights.bytes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=MODEL_NAMES)
    parser.add_argument("--precision", choices=("f32", "bf16"), action="append")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each rate is measured")
    parser.add_argument("--one", nargs=3, metavar=("PRECISION", "PART", "SIDE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        precision, part, side = arguments.one
        print(json.dumps(measure(arguments.model, precision, part, int(side), arguments.seconds)))
        return
    device = detect_cpu()
    model = model_named(arguments.model)
    print(f"{model.name} on {device.name}, {device.cores} cores, {model.flops / 1e6:.2f} MFLOP a pixel")
    print(f"{'part':<10}{'precision':<11}{'side':>5}{'scratch B/px':>14}{'1000 px/s':>11}{'weights':>9}")
    parts = ["whole"] if len(model.segments) == 1 else ["whole", *dict.fromkeys(s.name for s in model.segments)]
    for part in parts:
        for precision in arguments.precision or ("f32", "bf16"):
            for side in SIDES:
                command = [sys.executable, __file__, model.name, "--seconds", str(arguments.seconds)]
                command += ["--one", precision, part, str(side)]
                row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                print(f"{part:<10}{precision:<11}{side:>5}{row['scratch']:>14.0f}{row['kpx_per_second']:>11.1f}{row['weights']:>9.1f}")


if __name__ == "__main__":
    main()
