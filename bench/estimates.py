"""Whether "about 6.8 s" is true: what ten photos were told to take, and what they took.

    python bench/estimates.py [--processor-seconds] [--repeats 3]

First the speeds of this machine are measured as `img-enhance doctor` does, and kept in a folder of this run. Then ten photos of different
kinds, sizes and formats are enhanced, each by an engine of its own. The middle one of the errors is to be at most 25 %.

`--processor-seconds` is for machines on which other programs run: every clock then counts the seconds of processors that this process used,
which others do not change much, in what is told as well as in what is taken. Seconds of several cores are added up.
"""

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import photos
from img_enhance.doctor.algorithms import algorithms
from img_enhance.doctor.formats import formats
from img_enhance.doctor.patient import Patient
from img_enhance.engine import Engine
from img_enhance.image_io import open_photo, read_into, write_photo
from img_enhance.machine.devices import find_device
from img_enhance.machine.kept_speeds import keep_speeds
from img_enhance.machine.settings import model_table
from img_enhance.models.weights.cache import WeightStore
from img_enhance.photo import format_named
from img_enhance.request.options import Output
from img_enhance.request.recipe import AUTO, Recipe
from img_enhance.request.step_options import CLAHE, ExposureCorrection, RealESRGAN, WhiteBalance

GOAL = 0.25


@dataclass(frozen=True)
class Case:
    """A photo of so many megapixels and a format, what is done to it, and the format of the result. `source` counts `photos.sources`."""

    source: int
    megapixels: float
    format: str
    recipe: Recipe
    written: str

    @property
    def text(self) -> str:
        steps = "auto" if self.recipe.steps == AUTO else " ".join(getattr(step, "model", step.name) for step in self.recipe.steps)
        return f"{self.megapixels:>5.2f} MP {self.format:<5} {steps:<36} {self.written}"


CASES = (
    Case(0, 0.03, "png", Recipe(steps=(RealESRGAN(),)), "png"),
    Case(1, 0.10, "jpeg", Recipe(steps=(RealESRGAN(),)), "jpeg"),
    Case(0, 0.20, "jpeg", Recipe(steps=(RealESRGAN(model="realesrgan-x4plus-anime", upscale=2),)), "png"),
    Case(1, 1.00, "jpeg", Recipe(steps=(RealESRGAN(model="realesr-animevideov3"),)), "webp"),
    Case(2, 3.00, "webp", Recipe(), "webp"),
    Case(1, 12.0, "jpeg", Recipe(steps=(CLAHE(),)), "jpeg"),
    Case(0, 4.00, "png", Recipe(steps=(WhiteBalance(temperature=4000), ExposureCorrection(ev=0.7))), "png"),
    Case(2, 6.00, "tiff", Recipe(steps=(ExposureCorrection(ev=-0.5),)), "tiff"),
    Case(1, 7.00, "jpeg", Recipe(steps=(CLAHE(enhance_level=0.5),)), "avif"),
    Case(0, 3.00, "avif", Recipe(steps=(RealESRGAN(megapixels=1),)), "jpeg"),
)


def processor_seconds() -> float:
    """What this process and its children that have ended used of the processors."""
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def measured(folder: Path) -> WeightStore:
    """A store without downloaded weights, in whose folder the speeds of this machine are kept."""
    store = WeightStore(folder / "home", offline=True)
    patient = Patient(store, model_table(store))
    for finding in (*formats(patient), *algorithms(patient)):
        assert finding.status != "error", finding
    keep_speeds(find_device(), patient.measured, store.home)
    for work, speed in patient.measured.items():
        print(f"{work:<48}{speed.start_seconds:>8.3f} s{speed.per_second:>18,.0f} a second")
    return store


def photo_of(case: Case, folder: Path) -> Path:
    """The case's photo in a file."""
    sources = photos.sources()
    plain = photos.png_photo(sources[case.source % len(sources)], photos.size_of(case.megapixels), folder)
    path = folder / f"{case.source}_{case.megapixels}{format_named(case.format).endings[0]}"
    if path != plain:
        photo = read_into(open_photo(plain, max_pixels=10**9), "memory", None)
        write_photo(photo, path, format=case.format, output=Output(), overwrite=True, note="bench", tick=lambda: None)
    return path


def told_and_taken(case: Case, store: WeightStore, folder: Path) -> tuple[float, float]:
    """The seconds that the plan says, and those that it took."""
    path, result = photo_of(case, folder), folder / f"result{format_named(case.written).endings[0]}"
    started = time.perf_counter()
    with Engine(store=store) as engine:
        prepared = engine.prepare(path, case.recipe, output=result)
        told = time.perf_counter() - started + prepared.seconds_left
        engine.run(prepared).save(result, overwrite=True)
    return told, time.perf_counter() - started


def rows(store: WeightStore, folder: Path, repeats: int) -> Iterator[tuple[Case, float, float]]:
    """Each case with what it was told and took, the quickest of `repeats`."""
    for case in CASES:
        runs = [told_and_taken(case, store, folder) for _ in range(repeats)]
        yield case, *min(runs, key=lambda run: run[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processor-seconds", action="store_true", help="count processor time: for machines that are busy")
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="take the quickest of N runs")
    arguments = parser.parse_args()
    if arguments.processor_seconds:
        time.perf_counter = processor_seconds
    print(f"load before: {os.getloadavg()[0]:.1f}; {'processor' if arguments.processor_seconds else 'wall'} seconds")
    errors = []
    with tempfile.TemporaryDirectory(prefix="img-enhance-bench-") as name:
        store = measured(Path(name))
        print(f"\n{'photo, what is done, result':<62}{'told':>8}{'taken':>8}{'error':>8}")
        for case, told, taken in rows(store, Path(name), arguments.repeats):
            errors.append(abs(told / taken - 1))
            print(f"{case.text:<62}{told:>8.2f}{taken:>8.2f}{100 * (told / taken - 1):>+7.0f}%", flush=True)
    middle = statistics.median(errors)
    print(f"\nmedian error {100 * middle:.0f} %, goal {100 * GOAL:.0f} %; load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
