"""What a model takes: the command line over two sizes of one photo, so that what every run takes at its start falls out."""

import os
from dataclasses import dataclass
from pathlib import Path

from img_enhance.models.model import Model
from measure import our_command, run, say
from photos import main_source, png_photo, size_of

# Megapixels of the results.
SIZES = (0.8, 3.2)


@dataclass(frozen=True)
class Cost:
    """Seconds and processor seconds for a megapixel of the result, and anonymous bytes at the most with the larger of `SIZES`."""

    model: str
    seconds: float
    processor_seconds: float
    anonymous_bytes: int


def cost_of(model: Model, step: str, folder: Path, repeats: int) -> Cost:
    """The best of some runs of each size: what other programs took falls out of it as far as it can."""
    say(f"  {model.name}")
    seconds, processors, peak = [], [], 0
    for megapixels in SIZES:
        photo = png_photo(main_source(), size_of(megapixels / model.scale**2), folder)
        names = ["--model", model.name] if step == "real_esrgan" else ["--super-image-model", model.name]
        flag = "--upscale" if step == "real_esrgan" else "--super-image-upscale"
        result = folder / f"{model.name}.png"
        command: list[str | Path] = [
            *our_command(),
            "enhance",
            photo,
            flag,
            str(model.scale),
            *names,
            "-o",
            result,
            "--overwrite",
            "--quiet",
        ]
        of_size = []
        for _ in range(repeats):
            before = _processor_seconds()
            found = run(command)
            of_size.append((found.seconds, _processor_seconds() - before))
            peak = max(peak, found.anonymous_bytes)
        seconds.append(min(took for took, _ in of_size))
        processors.append(min(took for _, took in of_size))
    more = SIZES[1] - SIZES[0]
    return Cost(model.name, (seconds[1] - seconds[0]) / more, (processors[1] - processors[0]) / more, peak)


def _processor_seconds() -> float:
    """Of all children that have ended."""
    times = os.times()
    return times.children_user + times.children_system
