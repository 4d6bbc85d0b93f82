"""The files of networks: here, and the very bytes that were published."""

from collections.abc import Iterator

from img_enhance.doctor.finding import Finding, error, failed, ok, warning
from img_enhance.doctor.patient import Patient
from img_enhance.errors import ImgEnhanceError
from img_enhance.models.model import Model
from img_enhance.models.weight_files import WeightFile
from img_enhance.models.weights.cache import WeightStore, copies, found, missing
from img_enhance.request.step_options import GFPGAN, RealESRGAN, SuperImage
from img_enhance.units import bytes_text
from img_enhance.words import Pull, Words


def models_of(patient: Patient) -> tuple[Model, ...]:
    """The models of the steps that are examined."""
    models = patient.models
    of_steps = ((RealESRGAN, (*models.enlarging, *models.own)), (SuperImage, models.faithful), (GFPGAN, models.faces))
    return tuple(model for step, those in of_steps if patient.includes(step.name) for model in those)


def models(patient: Patient) -> Iterator[Finding]:
    """Each model, and the network that finds faces."""
    for model in models_of(patient):
        yield _model(model, patient.store)
    if patient.includes(GFPGAN.name):
        detector = patient.models.detector
        yield _file(detector, f"Model {detector.name}", detector.summary, patient.store)


def is_whole(model: Model, store: WeightStore) -> bool:
    """Whether a model's weights are here, and what they should be."""
    return _model(model, store).status == "ok"


def _model(model: Model, store: WeightStore) -> Finding:
    title = f"Model {model.name}"
    if model.weights.files:
        (file,) = model.weights.files
        return _file(file, title, model.summary, store)
    from img_enhance.models.weights.store import verified

    try:
        verified(model)
    except ImgEnhanceError as problem:
        return failed(title, problem, "run: img-enhance models verify")
    return ok(title, f"whole; {model.summary}")


def _file(file: WeightFile, title: str, purpose: str, store: WeightStore) -> Finding:
    """What there is to say of a file that is downloaded."""
    pull = Words(Pull((file.name,)))
    was_here = next(copies(file, store), None)
    try:
        if found(file, store, trusting=False) is not None:
            return ok(title, f"downloaded and whole; {purpose}")
    except ImgEnhanceError as problem:
        return failed(title, problem, str(pull))
    if was_here is not None:
        return error(title, f"{was_here} is damaged: it is not what was published, and is not used", pull)
    lacking = missing(file, store)
    text = f"not on this machine ({bytes_text(file.bytes)} to download); only for: {purpose}"
    return warning(title, text, Words("if you want that, ", *lacking.advice))
