"""The engine: one recipe on one photo, from what is asked to the result. It knows no algorithm."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from types import TracebackType

from img_enhance.cancelling import IsCancelled, Tick, ticking
from img_enhance.engine.device_engine import DeviceEngine
from img_enhance.engine.device_trial import chosen_device
from img_enhance.engine.own_files import with_files
from img_enhance.engine.prepared_run import (
    Decoded,
    PreparedRun,
    all_passes,
    attached_losses,
    can_be_copied,
    check_compressible,
    check_photo,
    file_warnings,
    kept_high_range,
    losses,
    output_format_of,
)
from img_enhance.engine.result import Result
from img_enhance.engine.spare_device import ChosenDevice
from img_enhance.errors import IntegrityError, MemoryBudgetError, NotFinite
from img_enhance.image_io import PhotoFile, check_writable, medium_of, open_photo
from img_enhance.machine.devices import with_threads
from img_enhance.machine.kept_speeds import informed
from img_enhance.machine.memory import give_back
from img_enhance.machine.settings import model_table, weight_store
from img_enhance.metadata.xmp import goes_round
from img_enhance.models.table import ModelTable
from img_enhance.models.weights.cache import WeightStore
from img_enhance.passes.elsewhere import Elsewhere
from img_enhance.passes.high_range import HighRangePass
from img_enhance.passes.probe import PrecisionRefused
from img_enhance.photo import Header, Photo, check_holds, format_named, metadata_losses
from img_enhance.planning.area_task import AreaTask
from img_enhance.planning.plan import Device, PlanRequest
from img_enhance.planning.planner import allowed_bytes, canvas_bytes
from img_enhance.progress import OnProgress
from img_enhance.request.options import Machine
from img_enhance.request.recipe import AUTO, Reason, Recipe
from img_enhance.suggest.suggest import Suggestion, decode_and_suggest, suggest
from img_enhance.words import Words


class Engine:
    """Owns compiled networks; use it as a context manager, from one thread at a time.

    `store` is where downloaded weights are, `models` the models there are; without them they are what the environment says, for this is the
    door for Python. Only then may a recipe name a file in place of a model: who gives `models` gives all there are. `gpu_share` is the part
    of a GPU's free memory that is for this engine, where `machine` names no bytes: others may work beside it. `elsewhere` are machines that
    do areas of networks; `device` is then the one that they have.
    """

    def __init__(
        self,
        machine: Machine | None = None,
        store: WeightStore | None = None,
        *,
        models: ModelTable | None = None,
        gpu_share: float = 1.0,
        device: Device | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.machine = machine or Machine()
        self.store = store or weight_store(os.environ)
        self.models = models or model_table(self.store)
        self._takes_files = models is None
        if device is None:
            device = informed(chosen_device(self.machine, self.store), self.store.home)
        self.device = with_threads(device, self.machine.threads)
        self._chosen = DeviceEngine(self.machine, self.device, self.store, gpu_share=gpu_share)
        self._chosen.elsewhere = elsewhere
        self._devices = ChosenDevice(self._chosen)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def loaded(self) -> tuple[str, ...]:
        """The models whose networks are in memory."""
        return tuple(sorted(self._devices.loaded))

    def close(self) -> None:
        """Give the networks' memory back; the engine can be used again."""
        self._devices.close()

    def prepare(
        self,
        photo: Photo | str | Path,
        recipe: Recipe | None = None,
        *,
        output: Path | None = None,
        most_in_memory: int | None = None,
        cancelled: IsCancelled | None = None,
    ) -> PreparedRun:
        """Check and plan everything that can be known before the work. Nothing is written, and little is loaded, with two exceptions. Where
        the recipe is "auto" the photo is decoded and measured: what is prepared then has it until it is run, where the plan puts it. And a
        model in a file that another program runs is looked at the first time, in a process of its own, which may take minutes.

        `output` is where the result will go, if that is known: its ending decides the format unless the recipe does.
        `most_in_memory` is for who may write no file: what is decoded lies in memory up to so many bytes, else up to what plans put there.
        `cancelled` is asked many times a second where it takes longer.

        Raises: every UserError and MachineError that can be foreseen; Cancelled.
        """
        recipe, tick = recipe or Recipe(), ticking(cancelled)
        source = self._source(photo, recipe)
        if recipe.steps != AUTO:
            return self._prepared(source, recipe, (), output, tick)
        suggestion, decoded = self._suggestion(source, recipe, most_in_memory, tick)
        try:
            prepared = self._prepared(source, dataclasses.replace(recipe, steps=suggestion.steps), suggestion.reasons, output, tick)
        except MemoryBudgetError as error:
            less = suggestion.without_faces(error.words)
            if less is suggestion:
                raise
            prepared = self._prepared(source, dataclasses.replace(recipe, steps=less.steps), less.reasons, output, tick)
        if decoded is not None and prepared.plan.source_medium == "disk":
            if most_in_memory is None:
                decoded.move_to_disk(self.machine.scratch)
            else:
                decoded.take()  # and dropped: it may stay neither in memory nor go to a disk
        return dataclasses.replace(prepared, decoded=decoded)

    def models_for(self, recipe: Recipe, tick: Tick = lambda: None) -> ModelTable:
        """The models there are, and where this engine takes them those in files that the recipe names; `tick` as for `with_files`.

        Raises: as `with_files`.
        """
        return with_files(self.models, recipe, tick) if self._takes_files else self.models

    def _source(self, photo: Photo | str | Path, recipe: Recipe) -> Photo | PhotoFile:
        if isinstance(photo, Photo):
            check_photo(photo)
            return photo
        first_frame, salvage = recipe.input.animation == "first", bool(recipe.input.salvage)
        return open_photo(Path(photo), max_pixels=self.machine.max_pixels, first_frame=first_frame, salvage=salvage)

    def _prepared(
        self, source: Photo | PhotoFile, recipe: Recipe, reasons: tuple[Reason, ...], output: Path | None, tick: Tick
    ) -> PreparedRun:
        if isinstance(source, Photo):
            header = Header(
                "png",
                source.size,
                depth=source.depth,
                alpha=source.alpha is not None,
                grey=source.grey,
                wraps=goes_round(source.metadata.xmp),
            )
        else:
            header = source.header
        output_format = output_format_of(header, recipe, output)
        passes, size = all_passes(recipe, header, self.models_for(recipe, tick))
        high_range = kept_high_range(source, recipe.output, output_format)
        if high_range is not None and (passes or not can_be_copied(source, output_format, recipe.output)):
            passes += (HighRangePass(high_range),)
        crop = recipe.output.box
        check_writable(output_format)
        check_compressible(output_format, recipe.output)
        check_holds(format_named(output_format), size if crop is None else crop.size)
        request = PlanRequest(header, passes, output_format, crop)
        plan = self._devices.plan(request)
        lost = (
            *(() if isinstance(source, Photo) else file_warnings(source, recipe.output, high_range=high_range is not None)),
            *losses(header, format_named(output_format), plan.precision),
            *(() if recipe.output.strip else metadata_losses(source.metadata, format_named(output_format))),
            *attached_losses(source.metadata, recipe.output),
        )
        return PreparedRun(
            source=source,
            request=request,
            recipe=recipe,
            reasons=reasons,
            plan=plan,
            warnings=(*lost, *(Words(f"{reason.step}: ", reason.words) for reason in reasons if reason.lacking)),
            losses=tuple(words for words in lost if isinstance(source, Photo) or words not in source.flaws),
        )

    def _suggestion(
        self, source: Photo | PhotoFile, recipe: Recipe, most_in_memory: int | None, tick: Tick
    ) -> tuple[Suggestion, Decoded | None]:
        """The steps that the photo needs, and why; and the photo, if it had to be decoded."""
        if isinstance(source, Photo):
            return suggest(source, recipe.limits, store=self.store, models=self.models, tick=tick), None
        most = most_in_memory or canvas_bytes(allowed_bytes(self.machine.max_memory, self.device))
        photo, suggestion = decode_and_suggest(
            source, recipe.limits, most_in_memory=most, scratch=self.machine.scratch, store=self.store, models=self.models, tick=tick
        )
        return suggestion, Decoded(photo, medium_of(source.header, most))

    def enhance(
        self,
        photo: Photo | str | Path,
        recipe: Recipe | None = None,
        *,
        progress: OnProgress | None = None,
        cancelled: IsCancelled | None = None,
    ) -> Result:
        """`photo` as `recipe` says, with the record of how it was done.

        `progress` is called after every window, `cancelled` many times a second.

        Raises: UserError, MachineError, IntegrityError; Cancelled when `cancelled` answers yes.
        """
        return self.run(self.prepare(photo, recipe, cancelled=cancelled), progress=progress, cancelled=cancelled)

    def run(self, prepared: PreparedRun, *, progress: OnProgress | None = None, cancelled: IsCancelled | None = None) -> Result:
        """Do a prepared run. A reduced precision that misbehaves is done again in f32, what a GPU's memory turns out to have no room for
        on the CPU unless a GPU was asked for, and the result says so.

        Raises: as `enhance`.
        """
        try:
            return self._run(prepared, progress, cancelled)
        finally:
            prepared.taken()  # and dropped, where the run came to nothing before that

    def run_area(self, task: AreaTask, *, cancelled: IsCancelled | None = None) -> None:
        """Do an area of a photo that another engine has, on this one's device.

        Raises: as `run`, but nothing is done again otherwise; OSError where its files cannot be read or written.
        """
        try:
            self._chosen.run_area(task, ticking(cancelled))
        except IntegrityError:
            self._devices.release()
            raise

    def _run(self, prepared: PreparedRun, progress: OnProgress | None, cancelled: IsCancelled | None) -> Result:
        try:
            return self._devices.run(prepared, progress, ticking(cancelled))
        except (NotFinite, PrecisionRefused) as error:
            self._devices.release()
            if prepared.plan.precision == "f32":
                raise
            plan = self._devices.plan(prepared.request, precision="f32")
            warning = Words(error.words, "; the photo was done again in f32")
        except IntegrityError:
            self._devices.release()  # what answered wrong once is not asked again
            raise
        give_back()
        return self._run(prepared.planned_again(plan, warning), progress, cancelled)


def enhance(photo: Photo | str | Path, recipe: Recipe | None = None, *, machine: Machine | None = None) -> Result:
    """`photo`, an array or a file, as `recipe` says; without one, with the steps that it needs.

    Raises: UserError, MachineError, IntegrityError.
    """
    with Engine(machine) as engine:
        return engine.enhance(photo, recipe)
