"""The speeds that were measured, kept for estimates of time."""

from collections.abc import Iterator

from img_enhance.doctor.finding import Finding, ok, warning
from img_enhance.doctor.patient import Patient
from img_enhance.doctor.processor import WATCHED_SECONDS, share_of
from img_enhance.engine.device_trial import chosen_device
from img_enhance.machine.devices import detect_cpu
from img_enhance.machine.kept_speeds import keep_speeds, speeds_file
from img_enhance.request.options import Machine

# Where this process gets less of the cores, what it measured is so far off that no estimate is better.
_LEAST_SHARE = 0.6


def speeds(patient: Patient) -> Iterator[Finding]:
    """Whether they could be kept."""
    path, title, device = speeds_file(patient.store.home), "Speeds", chosen_device(Machine(), patient.store)
    share = share_of(detect_cpu().cores, seconds=WATCHED_SECONDS)
    if share < _LEAST_SHARE:
        text = f"not kept, because other programs take {100 * (1 - share):.0f} % of the processor: estimates of time stay as they were"
        yield warning(title, text, "close other programs and run: img-enhance doctor")
        return
    try:
        keep_speeds(device, patient.measured, patient.store.home)
    except OSError as problem:
        text = f"could not be kept in {path} ({problem.strerror}): estimates of time stay rough"
        yield warning(title, text, "make its folder writable for you, or set IMG_ENHANCE_HOME to a folder that is")
        return
    yield ok(title, f"{len(patient.measured)} measured and kept in {path}; img-enhance tells by them how long a photo will take")
