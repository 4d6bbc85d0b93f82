"""Which network enlarges: flat drawings and noisy or very large photos each have one that was made for them."""

from __future__ import annotations

from dataclasses import dataclass

from img_enhance.models.table import ModelTable
from img_enhance.models.weights.cache import WeightStore, usable
from img_enhance.suggest.analysis import PhotoFacts
from img_enhance.suggest.kind import DRAWING, PHOTO

# Of the networks for drawings it is the small one that comes nearest to the truth, on text, icons, cartoons and line art alike; the large
# one, realesrgan-x4plus-anime, breaks thin strokes of letters and turns grey outlines black (2026-11, `docs/models.md`).
FOR_PHOTOS, FOR_DRAWINGS, FOR_NOISE = "realesrgan-x4plus", "realesr-animevideov3", "realesr-general-x4v3"

# The network for drawings ruins photos, so a drawing must be surely one; or clean, and very likely one or as flat as drawings are. Of 5,618
# photos none passes (2026-11, `docs/auto.md`).
SURE_DRAWING, CLEAR_DRAWING, LIKELY_DRAWING = 0.98, 0.85, 0.67
LEAST_FLATNESS, MOST_DRAWN_NOISE = 0.45, 4.0

# The names of the models that can be used here, of those that may be chosen.
Here = frozenset[str]


@dataclass(frozen=True)
class Network:
    """A model's name, and in words what it was chosen for."""

    model: str
    because: str


def here(models: ModelTable, store: WeightStore | None) -> Here:
    """The models of `models` that may be chosen; those that need a download only where it lies in `store`."""
    wanted = (model for model in models.enlarging if model.name in (FOR_PHOTOS, FOR_DRAWINGS, FOR_NOISE))
    return frozenset(model.name for model in wanted if all(store and usable(file, store) for file in model.weights.files))


def is_flat_drawing(facts: PhotoFacts) -> bool:
    """Whether the picture is a drawing, page or screenshot of few colours and hard edges, without noise."""
    sure = facts.kind_confidence or 0.0
    if facts.kind != DRAWING or sure < LIKELY_DRAWING:
        return False
    clean = 255 * facts.texture.noise_sigma < MOST_DRAWN_NOISE
    return sure >= SURE_DRAWING or (clean and (sure >= CLEAR_DRAWING or (facts.flatness or 0.0) >= LEAST_FLATNESS))


def network_for(facts: PhotoFacts, networks: Here, *, noisy: bool, large: bool) -> Network:
    """The network that enlarges a picture best; a photo's noise shows if it is `noisy`, and a `large` one takes the usual network long."""
    if is_flat_drawing(facts) and FOR_DRAWINGS in networks:
        return Network(FOR_DRAWINGS, f"because this looks like a drawing, a page or a screenshot (confidence {facts.kind_confidence:.2f})")
    if FOR_NOISE in networks and (noisy or large):
        return Network(FOR_NOISE, "because of the noise" if noisy else f"because {FOR_PHOTOS} would take very long")
    as_photo = facts.kind in (None, PHOTO)
    return Network(FOR_PHOTOS, "because it looks like a photo" if as_photo else "because it is shaded like a photo")
