"""Real photos in real light: pairs with a truth, and photos that were meant as they are, in public repositories."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from measure import say
from photos import Pixels
from quality.collection import HELD_OUT, TUNE, reduced
from quality.light import LUMINANCE, decode, encode

# Larger ones are reduced: casts are the same.
MOST_PIXELS = 160_000

_DEEP = "mahmoudnafifi/Deep_White_Balance"
_SRGB = "mahmoudnafifi/WB_sRGB"
_INTERACTIVE = "mahmoudnafifi/Interactive_WB_correction"
_SEMANTIC = "mahmoudnafifi/Semantic-Color-Constancy-Using-CNN"
_MIXED = "mahmoudnafifi/mixedillWB"
_SEVERAL = "donikv/MultiIlluminant-Utils"
_SEVERAL_FOLDER = "data/dataset_crf/realworld"


@dataclass(frozen=True)
class Origin:
    """A repository at GitHub, the commit that was measured, and the license that it names, if any; the photos stay there."""

    repository: str
    commit: str
    license: str | None


@dataclass(frozen=True)
class RealPair:
    """A photo and what it should have been, files of `repository`.

    Where `lit`, the second file is the light that was measured at every pixel instead.
    """

    set: str
    repository: str
    given: str
    truth: str
    lit: bool = False

    @property
    def name(self) -> str:
        return Path(self.given).stem


@dataclass(frozen=True)
class MeantPhotos:
    """Photos that people finished as they wanted them: all of a folder but those whose names begin so (drawings, pictures of devices)."""

    repository: str
    folder: str
    leave_out: tuple[str, ...] = ()


ORIGINS = (
    Origin(_DEEP, "d70afa227c94152fd8421db75b3ee6ac06a417dc", "CC BY-NC-SA 4.0"),
    Origin(_SRGB, "98340313cc7d1728e286ad9ba03e8f9a0e8b82c5", "CC BY-NC-SA 4.0"),
    Origin(_INTERACTIVE, "036214fdb60f4e877876e35be3734466ad476082", "CC BY-NC-SA 4.0"),
    Origin(_SEMANTIC, "33e1b5d8c29d1088845d16a1fd045cab4a104dfb", "BSD"),
    Origin(_MIXED, "6fa81ac82b1e8f3b67cfbb014d0c77adb2f2ae27", "CC BY-NC-SA 4.0"),
    Origin(_SEVERAL, "9bd929ac5bea1b39caaacb67f80f31c0111170a1", None),
    Origin("BuddiesOfBudgie/budgie-backgrounds", "82067426f1dde366e9c9038fdbe457c2527525dd", "CC0"),
    Origin("MohamedBakrAli/Kodak-Lossless-True-Color-Image-Suite", "dd2e1105fe8d9afe1120cd7e4c0e5e41f509a81b", None),
    Origin("potatowow/wanju_photography", "e2b465e6d777eaa1d316718e563f93a8c07c98f5", None),
    Origin("JiangFeng1314/campus-night-2026", "ada5bc97afa0d84073fc5216b27d2c8cfb7eb428", None),
    Origin("madforre/2018-Concert-Life-Project", "7b5266ba390308c66ca96f2ef097dd9c2e7058ec", None),
    Origin("kennsj/Lund-Photo", "ba269f503ea919cc42e06e232d863a00cfe194e8", None),
)

_RENDERED = tuple(f"8D5U5524_{way}" for way in ("C_AS", "C_CS", "D_AS", "D_CS", "F_AS", "F_CS", "S_AS", "S_CS", "T_AS", "T_CS"))
# One light, or lights that hardly differ.
_OF_ONE_LIGHT = (
    *("all_gray", "darktools", "dishes", "extinguisher", "faucet", "mathy_hat", "metal_glass", "orange", "poster", "printer_paper"),
    *("revistes", "screens", "smile"),
)

# Held out are those of the data sets that others publish figures of: what is chosen is chosen by the others.
PAIRS = (
    *(RealPair(HELD_OUT, _DEEP, f"dataset/{name}.png", "dataset/8D5U5524_G_AS.png") for name in _RENDERED),
    *(
        RealPair(HELD_OUT, _SRGB, f"examples_from_datasets/{folder}/input/{given}", f"examples_from_datasets/{folder}/groundtruth/{truth}")
        for folder, given, truth in (
            ("RenderedWB_Set1", "Canon1DsMkIII_0087_F_P.png", "Canon1DsMkIII_0087_G_AS.png"),
            ("RenderedWB_Set2", "Mobile_00202.png", "Mobile_00202.png"),
            ("Rendered_Cube+", "19_F.JPG", "19.JPG"),
        )
    ),
    RealPair(TUNE, _INTERACTIVE, "IN.JPG", "GT.JPG"),
    *(RealPair(TUNE, _SEMANTIC, f"input_{number}.png", f"target_{number}.png") for number in (1, 2, 3)),
    RealPair(TUNE, _MIXED, "data/test_images/a0033-KE_-2590_D_CS.png", "data/test_images/a0033-KE_-2590_AUTO.png"),
    *(
        RealPair(TUNE, _SEVERAL, f"{_SEVERAL_FOLDER}/srgb8bit/{name}.png", f"{_SEVERAL_FOLDER}/groundtruth/{name}.png", lit=True)
        for name in _OF_ONE_LIGHT
    ),
)

MEANT = (
    MeantPhotos("BuddiesOfBudgie/budgie-backgrounds", "backgrounds", ("abstract", "ocean-waves", "valley", "waves")),
    MeantPhotos("MohamedBakrAli/Kodak-Lossless-True-Color-Image-Suite", "."),
    MeantPhotos("potatowow/wanju_photography", "."),
    MeantPhotos("JiangFeng1314/campus-night-2026", "."),
    MeantPhotos("madforre/2018-Concert-Life-Project", ".", ("moonmoon", "jongshin")),
    MeantPhotos("kennsj/Lund-Photo", ".", ("intro", "iphone", "tablets", "imac")),
)

_SUFFIXES = (".jpg", ".jpeg", ".png")
# Smaller files are buttons and thumbnails.
_LEAST_BYTES, _LEAST_SIDE = 25_000, 150


def root_of(folder: Path, repository: str) -> Path:
    """Where the files of a repository lie in a folder of checkouts: in `owner+name`."""
    return folder / repository.replace("/", "+")


def pictures_of(pair: RealPair, folder: Path) -> tuple[Pixels, Pixels]:
    """The photo and the truth, (H, W, 3) uint8 both.

    Raises: FileNotFoundError where a file is missing.
    """
    root = root_of(folder, pair.repository)
    given, other = read(root / pair.given), read(root / pair.truth)
    return given, _without(given, other) if pair.lit else other


def meant_photos(photos: MeantPhotos, folder: Path) -> Iterator[tuple[str, Pixels]]:
    """Names and pixels of the photos that are there and whole."""
    for path in sorted((root_of(folder, photos.repository) / photos.folder).rglob("*")):
        if path.suffix.lower() in _SUFFIXES and path.stat().st_size >= _LEAST_BYTES and not path.name.startswith(photos.leave_out):
            try:
                pixels = read(path)
            except OSError as error:
                say(f"[WARNING] left out: {path.name}: {error}")
                continue
            if min(pixels.shape[:2]) >= _LEAST_SIDE:
                yield path.stem, pixels


def read(path: Path) -> Pixels:
    """(H, W, 3) uint8 of at most `MOST_PIXELS`."""
    with Image.open(path) as image:
        return reduced(image.convert("RGB"), MOST_PIXELS)


def _without(given: Pixels, light: Pixels) -> Pixels:
    """The photo without the light that was measured, which is black where it is not known: there it is as in the middle of the rest."""
    ratios = np.maximum(light.astype(np.float32), 1)
    ratios /= ratios.mean(axis=2, keepdims=True)
    known = light.max(axis=2) > 0
    ratios[~known] = np.median(ratios[known], axis=0)
    linear = decode(given)
    balanced = linear / ratios
    exposed = balanced * ((linear @ LUMINANCE).mean() / (balanced @ LUMINANCE).mean())
    return encode(exposed.astype(np.float32))
