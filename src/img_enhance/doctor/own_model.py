"""A person's own model, tried before it is added: whether its answer is an enlarged likeness, what it costs, and how far it sees."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from functools import partial
from math import isqrt

import numpy as np
import numpy.typing as npt

from img_enhance.doctor.golden import sample_of
from img_enhance.doctor.picture import LARGE, part_of, picture
from img_enhance.doctor.trials import CHECKED, run, timed
from img_enhance.engine import Engine
from img_enhance.engine.networks import network_on
from img_enhance.errors import UnsupportedModel
from img_enhance.geometry import Size
from img_enhance.machine.canvas import Pixels
from img_enhance.machine.devices import detect_cpu, with_threads
from img_enhance.machine.memory import Peak, anonymous_bytes
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision
from img_enhance.models.recognition import title_of
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.cache import WeightStore
from img_enhance.photo import Photo
from img_enhance.planning.plan import Device
from img_enhance.planning.sweep_planner import reach_of
from img_enhance.request.options import Machine
from img_enhance.request.step_options import RealESRGAN
from img_enhance.runtimes.runtime import Compiled, Picture
from img_enhance.words import Setting

Values = npt.NDArray[np.float64]

# The picture that is enlarged: of several colours, smooth and with edges. Even, because some networks read it in cells.
_TRIED = Size(128, 96)

# Between the answer, reduced to the picture's size, and the picture. Networks that enlarge photos, anime networks and networks of
# random weights are told apart by far: see docs/models.md.
_LEAST_CORRELATION = 0.9
_LEAST_CONTRAST, _MOST_CONTRAST = 0.6, 1.6
_MOST_DIFFERENCE = 0.12

# A window that takes so many operations is timed, within bounds.
_TIMED_FLOPS, _LEAST_SIDE, _MOST_SIDE = 4e11, 64, 192
# Less is noise of the measurement: figures that stand beside the segments are rounded up by a few per cent.
_LEAST_EXCESS = 1.05

# What changes by less than a step of 8 bits does not show.
_SEEN = 1 / 255


@dataclass(frozen=True)
class Trial:
    """What was found: figures for people by their titles, how much more memory than planned it needs, and a few pixels of its answer to the
    doctor's picture. `flaws` say why its answer is no likeness; there should be none."""

    measured: dict[str, str]
    scratch_factor: float
    sample: bytes
    flaws: tuple[str, ...]


def tried(model: Model, store: WeightStore, machine: Machine | None = None) -> Trial:
    """The trial of a model on this machine.

    Raises: what `Engine` raises; NotFinite for weights that are no numbers.
    """
    models, options = dataclasses.replace(BUILT_IN, own=(model,)), RealESRGAN(model=model.name, keep_colours=False)
    with Engine(machine, store, models=models) as engine:
        photo = _coloured()
        enlarged = run(engine, photo, options)
        sample = sample_of(run(engine, part_of(picture(LARGE), CHECKED), RealESRGAN(model=model.name)).photo.pixels).tobytes()
        engine.close()
        # Not every network runs on every GPU: the engine has left such to the CPU.
        on_cpu = enlarged.plan.place != engine.device.place
        device = with_threads(detect_cpu(), engine.machine.threads) if on_cpu else engine.device
        costs, factor = _costs(model, store, device, enlarged.plan.precision)
        measured = {"network": title_of(model.architecture), "reach": _reach(model, store, device), **costs}
    return Trial(measured, factor, sample, flaws_of(photo.pixels, enlarged.photo.pixels))


def check_likeness(trial: Trial, name: str) -> None:
    """Pass if the model's answer was an enlarged likeness.

    Raises: UnsupportedModel that says what it was instead.
    """
    if trial.flaws:
        raise UnsupportedModel(
            f"{name} does not enlarge photos: {', and '.join(trial.flaws)}", "add it all the same with ", Setting("anyway")
        )


def flaws_of(pixels: Pixels, answer: Pixels) -> tuple[str, ...]:
    """Why an answer is no likeness of the picture that it is a multiple of, (H, W, 3); nothing where it is one."""
    before, after = pixels / 255.0, _reduced(answer / 255.0, len(answer) // len(pixels))
    grey_before, grey_after = before.mean(axis=2), after.mean(axis=2)
    if np.ptp(answer) == 0:
        return (f"its answer has one value throughout, {int(answer.flat[0])} of 255",)
    correlation = float(np.corrcoef(grey_before.ravel(), grey_after.ravel())[0, 1]) if np.ptp(grey_after) else 0.0
    if correlation < _LEAST_CORRELATION:
        return (f"its answer is no likeness of the picture (correlation {correlation:.2f}, at least {_LEAST_CORRELATION} is needed)",)
    straight, exchanged = _difference(after, before), _difference(after[..., ::-1], before)
    if exchanged < straight / 2:
        return (f"red and blue are exchanged (off by {straight * 255:.0f} of 255 as it is, by {exchanged * 255:.0f} the other way round)",)
    contrast = float(np.std(grey_after) / np.std(grey_before))
    flaws = []
    if not _LEAST_CONTRAST <= contrast <= _MOST_CONTRAST:
        flaws.append(f"its answer has {contrast:.2f} times the contrast of the picture: it may use another range of values")
    if straight > _MOST_DIFFERENCE:
        flaws.append(f"its colours are off by {straight * 255:.0f} of 255 on average")
    return tuple(flaws)


def _coloured() -> Photo:
    """The doctor's picture, small and light enough to show all that a network does."""
    values = picture(_TRIED).pixels.astype(np.float32) * 1.8
    return Photo(np.asarray(np.clip(values, 0, 255), np.uint8))


def _reduced(values: Values, times: int) -> Values:
    height, width = values.shape[0] // times, values.shape[1] // times
    return np.asarray(values.reshape(height, times, width, times, 3).mean(axis=(1, 3)))


def _difference(first: Values, second: Values) -> float:
    return float(np.abs(first - second).mean())


def _costs(model: Model, store: WeightStore, device: Device, precision: Precision) -> tuple[dict[str, str], float]:
    """Memory and time by their titles, and how much more memory than planned a window takes."""
    network = network_on(device, model, store, precision)
    cells = max(_LEAST_SIDE, min(_MOST_SIDE, isqrt(int(_TIMED_FLOPS / model.flops))))
    cells = min(cells, model.widest or cells)
    side = cells * model.cell
    window = np.asarray(np.random.RandomState(1).rand(side, side, 3), np.float32)
    compiled = network.whole()
    compiled.run([window[: min(16, cells) * model.cell, : min(16, cells) * model.cell]], lambda: None)
    ready = anonymous_bytes()
    with Peak(seconds=0.005) as peak:
        compiled.run([window], lambda: None)
    seconds = timed(partial(_seconds, compiled, window))
    network.close()
    used, planned = (peak.bytes - ready) / cells**2, model.architecture.whole.bytes_per_pixel(precision)
    factor = 1.0 if device.own_memory or used < planned * _LEAST_EXCESS else used / planned
    # Another program's network was measured from empty as it was looked at; here it holds already what it needs.
    told = max(used, 0) if model.foreign is None else planned
    costs = {
        "memory": f"{told / model.cell**2:,.0f} bytes a pixel in {precision}",
        "speed": f"{seconds / side**2 * 1e6:.1f} s a megapixel in {precision} on {device.name}",
    }
    return costs, factor


def _seconds(compiled: Compiled, window: Picture) -> float:
    started = time.perf_counter()
    compiled.run([window], lambda: None)
    return time.perf_counter() - started


def _reach(model: Model, store: WeightStore, device: Device) -> str:
    """How far a network sees: what changes of its answer where one pixel changes, and what can change at all. In f32, because in reduced
    precision a step that is rounded otherwise may come from anywhere.
    """
    if model.foreign is not None:
        return "all of the picture" if model.sees_all else f"{model.foreign.overlap} px on a test picture"
    network = network_on(device, model, store, "f32")
    runtime = network.runtime
    picture_values = np.asarray(_coloured().pixels / np.float32(255), np.float32)
    changed = picture_values.copy()
    row, column = _TRIED.height // 2, _TRIED.width // 2
    changed[row, column] = 1 - np.rint(changed[row, column])
    before, after = (runtime.picture(network.whole().run([values], lambda: None)).copy() for values in (picture_values, changed))
    network.close()
    rows, columns = np.nonzero(np.abs(after - before).max(axis=2) > _SEEN)
    scale, most = model.scale, reach_of(model) * model.cell
    seen = max((int(np.abs(at // scale - centre).max()) for at, centre in ((rows, row), (columns, column)) if len(at)), default=0)
    return f"{seen} px on a test picture, at most {most} px" if most > model.halo * model.cell else f"{most} px"
