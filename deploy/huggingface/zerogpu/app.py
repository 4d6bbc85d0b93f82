"""img-enhance as a ZeroGPU Space: a thin door to the engine, for accounts that may have no Docker Space.

python app.py shows it here too, where `spaces` is missing or there is no GPU.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before everything that may import PyTorch: the hub's package must see its first use of CUDA.
try:
    from spaces import GPU as gpu  # noqa: N811 - it is a function
except ModuleNotFoundError:

    def gpu(*, duration: Callable[..., int]) -> Callable[[Any], Any]:  # noqa: ARG001
        """Stands in for spaces.GPU where there is none: the function stays as it is."""
        return lambda function: function


import gradio
import numpy as np

import img_enhance as ie
from img_enhance.compare.display import view
from img_enhance.geometry import Size
from img_enhance.image_io import read_reduced
from img_enhance.photo import format_named
from img_enhance.words import Words

SIZES = {"What it needs": None, "Twice as wide and high": 2.0, "Four times as wide and high": 4.0}
AS_NEEDED = next(iter(SIZES))

# The hub lends a GPU for so many seconds at once, and starts a process there first, which loads PyTorch and the networks anew.
MOST_SECONDS, START_SECONDS = 120, 25
# A GPU is at least so many times as fast as the processor that plans are made for (the rates of img_enhance/machine/devices.py).
FASTER = 10

SHOWN_SIDE = 1600
KEPT_SECONDS = 3600


def planned(file: str, size: str, device: str = "cpu") -> tuple[ie.Engine, Any]:
    """An engine, which the caller closes, and the run prepared in it."""
    engine = ie.Engine(ie.Machine(device=device))
    prepared = engine.prepare(file)
    factor = SIZES[size]
    if factor is not None:
        kept = tuple(step for step in prepared.recipe.steps if not isinstance(step, ie.RealESRGAN | ie.GFPGAN))
        faces = tuple(step for step in prepared.recipe.steps if isinstance(step, ie.GFPGAN))
        prepared = engine.prepare(file, ie.Recipe(steps=(*kept, ie.RealESRGAN(upscale=factor), *faces)))
    return engine, prepared


def suggestion(file: str | None, size: str) -> str:
    """What a photo needs, in words, and how large it becomes."""
    if file is None:
        return ""
    engine, prepared = failing_in_words(planned, file, size)
    engine.close()
    first = failing_in_words(planned, file, AS_NEEDED)[1] if size != AS_NEEDED else prepared
    lines = [f"- **{reason.step.replace('_', ' ')}** {reason.strength}: {Words(reason.words)}" for reason in first.reasons if reason.chosen]
    result = prepared.plan.result
    return "\n".join([*(lines or ["This photo is fine as it is."]), "", f"The result has {result.width} x {result.height} pixels."])


def seconds_needed(file: str, size: str) -> int:
    """For how long a GPU is asked for, from the plan for the processor; the hub calls it with the arguments of `enhanced`."""
    engine, prepared = failing_in_words(planned, file, size)
    engine.close()
    seconds = math.ceil(START_SECONDS + prepared.plan.seconds / FASTER)
    if seconds > MOST_SECONDS:
        raise gradio.Error(f"This would take about {seconds} s of a GPU, and {MOST_SECONDS} are lent at once. Send a smaller photo.")
    return seconds


@gpu(duration=seconds_needed)
def computed(file: str, size: str) -> tuple[tuple[np.ndarray, np.ndarray], str, str]:
    """Before and after as they are shown, the file of the result, and what was done."""
    engine, prepared = planned(file, size, device_here())
    with engine:
        result = engine.run(prepared)
    ending = format_named(prepared.output_format).endings[0]
    # Beside the photo, in Gradio's cache, from where it is deleted with the photo.
    target = Path(tempfile.mkdtemp(dir=Path(file).parent)) / f"{Path(file).stem}_enhanced{ending}"
    result.save(target)
    shown = fitting(result.photo.size)
    before = read_reduced(prepared.source, SHOWN_SIDE)
    pictures = tuple(view(photo, (0, 0, photo.size.width, photo.size.height), shown) for photo in (before, result.photo))
    return pictures, str(target), result.done_text


def enhanced(file: str | None, size: str) -> tuple[tuple[np.ndarray, np.ndarray], str, str]:
    """As `computed`; what cannot be done is said to the visitor."""
    if file is None:
        raise gradio.Error("Choose a photo first.")
    return failing_in_words(computed, file, size)


def device_here() -> str:
    """The GPU while the hub lends one, else the processor."""
    try:
        import torch
    except ModuleNotFoundError:
        return "cpu"
    return "cuda" if torch.cuda.is_available() else "cpu"


def failing_in_words(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function answers.

    Raises: gradio.Error, which the page shows, for what the engine refuses.
    """
    try:
        return function(*arguments)
    except ie.ImgEnhanceError as error:
        raise gradio.Error(str(error)) from None


def fitting(size: Size) -> Size:
    """The size, reduced where a browser would have too much to show."""
    share = min(1.0, SHOWN_SIDE / max(size.width, size.height))
    return Size(max(1, round(share * size.width)), max(1, round(share * size.height)))


def page() -> gradio.Blocks:
    """The page. Photos and results are deleted after an hour."""
    with gradio.Blocks(title="img-enhance", delete_cache=(KEPT_SECONDS, KEPT_SECONDS)) as blocks:
        gradio.Markdown("# Make a photo better\nSee what it needs and why. Compare, then take it home. Photos are deleted after an hour.")
        with gradio.Row():
            with gradio.Column(scale=1):
                # A file, not a picture: Gradio would write that anew, without its metadata.
                file = gradio.File(label="Photo", file_types=["image", ".heic", ".avif", ".jxl", ".tif", ".tiff"], elem_id="photo")
                words = gradio.Markdown(elem_id="suggestion")
                size = gradio.Radio(list(SIZES), value=AS_NEEDED, label="How large")
                button = gradio.Button("Enhance", variant="primary", elem_id="enhance")
            with gradio.Column(scale=2):
                slider = gradio.ImageSlider(label="Before and after", elem_id="compare")
                done = gradio.Markdown(elem_id="done")
                result = gradio.File(label="Result", interactive=False, elem_id="result")
        for changed in (file.change, size.change):
            changed(suggestion, [file, size], words)
        button.click(enhanced, [file, size], [slider, result, done], concurrency_limit=1)
    return blocks


if __name__ == "__main__":
    # The hub says address and port by Gradio's own variables.
    page().queue(max_size=20).launch(max_file_size=f"{os.environ.get('MAX_IMAGE_SIZE_MB', '50')}mb")
