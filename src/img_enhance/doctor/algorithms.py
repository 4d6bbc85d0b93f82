"""Every algorithm, run on a small photo: how long it takes, in how much memory, and whether its answer is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from img_enhance.doctor.finding import Finding, error, failed, ok, warning
from img_enhance.doctor.golden import LEAST_DECIBELS, agreement
from img_enhance.doctor.models import is_whole, models_of
from img_enhance.doctor.patient import Patient
from img_enhance.doctor.picture import LARGE, SMALL, part_of, picture
from img_enhance.doctor.trials import (
    CHECKED,
    detection_samples,
    face,
    found_face,
    network_samples,
    phase,
    restored_face,
    run,
    timed,
    wrong_with_face,
)
from img_enhance.engine import Engine
from img_enhance.engine.result import Result
from img_enhance.errors import ImgEnhanceError
from img_enhance.models.model import Model
from img_enhance.models.own import own_models
from img_enhance.models.weights.cache import found
from img_enhance.photo import Photo
from img_enhance.planning.speeds import DETECTING, RESAMPLING, step_work
from img_enhance.request.step_options import CLAHE, GFPGAN, ExposureCorrection, RealESRGAN, StepOptions, SuperImage, WhiteBalance
from img_enhance.units import bytes_text, seconds_text
from img_enhance.words import Pull, Words

# Steps on light as they are checked: each changes the photo. By itself white balance finds no cast in it.
ON_LIGHT: tuple[StepOptions, ...] = (WhiteBalance(temperature=3500), ExposureCorrection(), CLAHE())

_MEND = "run: pip install --force-reinstall img-enhance; if that does not help, report it with what the doctor finds, as JSON"
_WRONG = Words("this processor may compute wrongly; report it with what the doctor finds, as JSON")


def algorithms(patient: Patient) -> Iterator[Finding]:
    """Each algorithm that is examined, with each of its models that is here and whole."""
    photo = picture(LARGE)
    with Engine(store=patient.store, models=patient.models) as engine:
        for options in ON_LIGHT:
            if patient.includes(options.name):
                yield _guarded(f"Algorithm {options.name}", partial(_on_light, options, photo, engine, patient))
        if patient.includes(RealESRGAN.name) and patient.models.enlarging:
            yield _guarded("Reducing", partial(_reducing, photo, engine, patient))
        for model in (model for model in models_of(patient) if _can_run(model, patient)):  # of others the models' lines speak
            options = _options_for(model, patient)
            work = partial(_faces, options) if isinstance(options, GFPGAN) else partial(_enlarging, options)
            yield _guarded(f"Algorithm {options.name} ({model.name})", partial(work, model, photo, engine, patient))
    if patient.algorithm == GFPGAN.name and not any(_can_run(model, patient) for model in models_of(patient)):
        wanted = (*patient.models.faces[0].weights.files, patient.models.detector)
        names = tuple(file.name for file in wanted if found(file, patient.store) is None)
        yield warning(f"Algorithm {GFPGAN.name}", "not run: its models are not on this machine", Words(Pull(names)))


def _options_for(model: Model, patient: Patient) -> RealESRGAN | SuperImage | GFPGAN:
    """The step that runs a model."""
    if model in patient.models.faces:
        return GFPGAN(model=model.name)
    return SuperImage(model=model.name) if model in patient.models.faithful else RealESRGAN(model=model.name)


def _can_run(model: Model, patient: Patient) -> bool:
    """Whether all that a model needs is here and whole: one for faces needs the network that finds them."""
    needs_detector = model in patient.models.faces
    return is_whole(model, patient.store) and (not needs_detector or found(patient.models.detector, patient.store) is not None)


def _guarded(title: str, work: Callable[[str], Finding]) -> Finding:
    """What `work` finds, also where it fails."""
    try:
        return work(title)
    except ImgEnhanceError as problem:
        return failed(title, problem, _MEND)
    except Exception as problem:  # noqa: BLE001 - whatever is broken here is what the doctor was called for
        return error(title, f"failed: {type(problem).__name__}: {problem}", _MEND)


def _on_light(options: StepOptions, photo: Photo, engine: Engine, patient: Patient, title: str) -> Finding:
    small = part_of(photo, SMALL)
    seconds = [timed(partial(_seconds, engine, each, options)) for each in (small, photo)]
    patient.learn(step_work(options.name), *zip((SMALL.pixels, LARGE.pixels), seconds, strict=True))
    return _judged(title, options.name, run(engine, small, options))


def _enlarging(options: RealESRGAN | SuperImage, model: Model, photo: Photo, engine: Engine, patient: Patient, title: str) -> Finding:
    engine.close()
    sample = next((own.sample for own in own_models(patient.store) if own.model == model), b"")
    finding = _judged(title, model.name, run(engine, part_of(photo, CHECKED), options), sample)
    for work, samples in network_samples(model, options, photo, engine):
        patient.learn(work, *samples)
    return finding


def _faces(options: GFPGAN, model: Model, photo: Photo, engine: Engine, patient: Patient, title: str) -> Finding:
    small, large = detection_samples(options, photo, engine)
    patient.learn(DETECTING, small, large)
    work, speed, result = restored_face(model, options, small[1], engine)
    patient.measured[work] = speed
    if not found_face(result):
        return error(title, "the face in a photo of a face was not restored", _MEND)
    wrong = wrong_with_face(face().pixels, result.photo.pixels)
    if wrong:
        return error(title, f"its answer is wrong: {wrong}", _WRONG)
    return _judged(title, model.name, result)


def _seconds(engine: Engine, photo: Photo, options: StepOptions) -> float:
    taken = phase(run(engine, photo, options))
    if isinstance(options, WhiteBalance):  # looking for a cast takes longer than taking one out
        taken += phase(run(engine, photo, WhiteBalance()))
    return taken


def _judged(title: str, name: str, result: Result, sample: bytes = b"") -> Finding:
    """What there is to say of an answer, which is compared with what is known to be right, by its name or as a sample."""
    near = agreement(name, result.photo.pixels, sample)
    seconds, peak = sum(record.seconds for record in result.phases), max(record.measured_bytes for record in result.phases)
    took = f"{result.photo.size} in {f'{seconds:.2f} s' if seconds < 1 else seconds_text(seconds)} and {bytes_text(peak)} of memory"
    if near is None:  # networks have been compared with plain arithmetic by the engine itself
        return ok(title, f"works; {took}")
    if near < LEAST_DECIBELS:
        return error(title, f"its answer is wrong: {near:.0f} dB from what is right, at least {LEAST_DECIBELS:.0f} dB are needed", _WRONG)
    return ok(title, f"its answer is right; {took}")


def _reducing(photo: Photo, engine: Engine, patient: Patient, title: str) -> Finding:
    """Reducing a photo to half, which needs no network but the name of one."""
    model, samples = patient.models.enlarging[0].name, []
    for part in (part_of(photo, SMALL), photo):
        seconds = timed(partial(_seconds, engine, part, RealESRGAN(model=model, width=part.size.width // 2)))
        samples.append((part.size.pixels * 5 / 4, seconds))
    patient.learn(RESAMPLING, *samples)
    return ok(title, f"works; {photo.size} to half in {samples[-1][1]:.2f} s")
