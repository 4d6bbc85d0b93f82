"""Writes what `img-enhance doctor` takes to be right: a few pixels of every algorithm's answer, in f32, and of the tiny photos.

    python scripts/make_doctor_golden.py

To be run when answers change on purpose, as CHANGELOG.md then says. What cannot be made here, because weights or packages are missing,
stays as it was.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from img_enhance.doctor import golden
from img_enhance.doctor.algorithms import ON_LIGHT
from img_enhance.doctor.formats import tiny
from img_enhance.doctor.models import is_whole
from img_enhance.doctor.picture import LARGE, SMALL, part_of, picture
from img_enhance.doctor.trials import CHECKED, run
from img_enhance.engine import Engine
from img_enhance.image_io import open_photo, read_into
from img_enhance.image_io.extras import missing_extra
from img_enhance.machine.settings import model_table, weight_store
from img_enhance.photo import FORMATS
from img_enhance.request.options import Machine
from img_enhance.request.step_options import RealESRGAN

FOLDER = Path(golden.__file__).parent


def main() -> None:
    known: dict[str, Any] = dict(golden.golden()) if (FOLDER / golden.FILE).exists() else {}
    store, photo = weight_store(os.environ), picture(LARGE)
    with Engine(Machine(device="cpu", precision="f32"), store) as engine:
        for options in ON_LIGHT:
            result = run(engine, part_of(photo, SMALL), options)
            assert not result.is_unchanged, f"{options.name} has nothing to do"
            known[options.name] = golden.sample_of(result.photo.pixels)
        for model in model_table(store).enlarging:
            if is_whole(model, store):
                known[model.name] = golden.sample_of(run(engine, part_of(photo, CHECKED), RealESRGAN(model=model.name)).photo.pixels)
    for entry in FORMATS:
        if entry.written_as and missing_extra(entry.name) is None:
            read = read_into(open_photo(FOLDER / tiny(entry.name), max_pixels=LARGE.pixels), "memory", None)
            known[f"read {entry.name}"] = golden.sample_of(read.pixels)
    np.savez_compressed(FOLDER / golden.FILE, **known)
    print(f"{FOLDER / golden.FILE}: {', '.join(known)}; {(FOLDER / golden.FILE).stat().st_size} bytes")


if __name__ == "__main__":
    main()
