"""What a worker does with its engine, wherever that is: one job after the other."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from img_enhance.cancelling import IsCancelled
from img_enhance.errors import ImgEnhanceError, PhotoTooLarge
from img_enhance.geometry import Size
from img_enhance.progress import OnProgress
from img_enhance.workers.catalogue import as_data
from img_enhance.workers.faults import die_at, misbehave
from img_enhance.workers.protocol import EnhancePhoto, Failed, Setup, Succeeded
from img_enhance.workers.public import public

if TYPE_CHECKING:
    from img_enhance.engine import Engine
    from img_enhance.engine.prepared_run import PreparedRun
    from img_enhance.request.options import Machine


class EngineWorker:
    """Owns an engine, whose warm model is ready."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._engine = engine_of(setup, gpu_share=setup.gpu_share)
        _warm(self._engine, setup.warm_model)

    @property
    def loaded(self) -> tuple[str, ...]:
        """The models in memory."""
        return self._engine.loaded

    def processors(self) -> dict[str, Any]:
        """Which processors there are, as /status shows them."""
        from img_enhance.machine.devices import detect_cpu, take_snapshot
        from img_enhance.workers.processors import seen

        setup, cpu = self._setup, detect_cpu()
        found: dict[str, Any] = public(seen(self._engine.device, cpu, take_snapshot(setup.device), setup.device, setup.chosen_by))
        return found

    def close(self) -> None:
        """Give the networks' memory back; it can be used again."""
        self._engine.close()

    def enhance(self, message: EnhancePhoto, progress: OnProgress, cancelled: IsCancelled) -> Succeeded:
        """As `enhanced`."""
        return enhanced(self._engine, message, progress, cancelled)


def enhanced(engine: Engine, message: EnhancePhoto, progress: OnProgress, cancelled: IsCancelled) -> Succeeded:
    """The result, synced, beside the name that the message gives.

    Raises: what `Engine` and `Result.save` raise.
    """
    from img_enhance.photo import format_named

    photo, path = Path(message.photo), Path(message.result)
    die_at("worker started", message.fault)
    misbehave(message.fault)
    prepared = prepared_for(engine, photo, message.request, cancelled=cancelled)
    result = engine.run(prepared, progress=progress, cancelled=cancelled)
    die_at("worker computed", message.fault)
    path = path.with_name(path.name + format_named(prepared.output_format).endings[0])
    result = result.save(path, format=prepared.output_format, overwrite=True, cancelled=cancelled)
    die_at("worker saved", message.fault)
    record = public(result.record())
    record["warnings"] = [without_paths(warning, photo) for warning in record["warnings"]]
    return Succeeded(path.name, prepared.output_format, pair(result.photo.size), record)


def failure(error: BaseException, photo: Path) -> Failed:
    """An error as data, without the names of our folders."""
    if isinstance(error, MemoryError):
        return as_data(PhotoTooLarge("the photo needs more memory to decode than is allowed", "save it without interlacing, or smaller"))
    assert isinstance(error, ImgEnhanceError)
    failed = as_data(error)
    return dataclasses.replace(failed, detail=without_paths(failed.detail, photo))


def without_paths(text: str, photo: Path) -> str:
    """The text without the names of our folders."""
    for path, words in ((photo, "the photo"), (photo.parent, "the store"), (photo.parent.parent.parent, "the store")):
        text = text.replace(str(path), words)
    return text


def prepared_for(
    engine: Engine,
    photo: Path,
    request: dict[str, object],
    most_pixels: int | None = None,
    most_in_memory: int | None = None,
    cancelled: IsCancelled | None = None,
) -> PreparedRun:
    """The run as planned; steps chosen automatically make no more pixels than `most_pixels`."""
    from img_enhance.machine.settings import model_table
    from img_enhance.request.options import Limits
    from img_enhance.request.recipe import Recipe

    engine.models = model_table(engine.store)  # the operator may have added one since
    recipe = Recipe.from_mapping(request)
    if most_pixels is not None:
        megapixels = min(recipe.limits.max_output_megapixels, most_pixels / 1e6)
        recipe = dataclasses.replace(recipe, limits=Limits(megapixels))
    return engine.prepare(photo, recipe, most_in_memory=most_in_memory, cancelled=cancelled)


def _warm(engine: Engine, model: str) -> None:
    """Compile a model and run it once, so that the first photo does not wait for that."""
    import numpy as np

    from img_enhance.photo import Photo
    from img_enhance.request.recipe import Recipe
    from img_enhance.request.step_options import RealESRGAN

    engine.enhance(Photo(np.zeros((16, 16, 3), np.uint8)), Recipe(steps=(RealESRGAN(model=model),)))


def engine_of(setup: Setup, *, gpu_share: float = 1.0) -> Engine:
    """An engine for requests of others: it has the models of this machine, and takes no files in their place."""
    from img_enhance.engine import Engine
    from img_enhance.machine.settings import model_table, weight_store

    store = weight_store(os.environ)
    return Engine(machine_of(setup), store, models=model_table(store), gpu_share=gpu_share)


def machine_of(setup: Setup) -> Machine:
    """What a child may use."""
    from img_enhance.request.options import Machine

    return Machine(
        device=setup.device,
        precision=setup.precision,
        max_memory=setup.max_memory,
        max_gpu_memory=setup.max_gpu_memory,
        max_pixels=setup.max_pixels,
        threads=setup.threads,
    )


def pair(size: Size) -> tuple[int, int]:
    """Width and height."""
    return size.width, size.height
