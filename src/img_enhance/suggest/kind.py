"""What kind of picture it is: a photo, or what light and colour are best left alone in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from img_enhance.light.learned import Perceptron, arrays, probability
from img_enhance.photo import Photo
from img_enhance.suggest.appearance import Floats, appearance, equal_neighbours

PHOTO, DRAWING, PAINTING, FALSE_COLOUR = "photo", "drawing", "painting", "false_colour"

# In the order of the network's answers. Drawings are all that is flat: pages, slides, diagrams, logos, screenshots, pixel art.
KINDS = (PHOTO, DRAWING, PAINTING, FALSE_COLOUR)

# There is too little to see in less.
LEAST_SIDE = 32


@dataclass(frozen=True)
class Kind:
    """One of KINDS, and in [0.5, 1] how sure it is against a photo, or if it is one, against the likeliest other kind.

    `flatness` is the share of neighbours, in [0, 1], that do not differ at all.
    """

    name: str
    confidence: float
    flatness: float


def kind_of(photo: Photo) -> Kind | None:
    """The kind of picture, told by its appearance; None where it is too small to tell. `photo` is not changed.

    The network learned from photos and other pictures, as they are and as they may come (`bench/kind_fit.py`): reduced, compressed,
    underexposed, blown. The scale of the confidence is set there by how many photos may be taken for each other kind.
    """
    if min(photo.size.width, photo.size.height) < LEAST_SIDE:
        return None
    return told_by(appearance(photo))


def told_by(numbers: Floats) -> Kind:
    """The kind of the picture with this appearance."""
    odds = _network()(numbers)
    likeliest, other = int(odds.argmax()), 1 + int(odds[1:].argmax())
    return Kind(KINDS[likeliest], float(probability(abs(float(odds[other]) - float(odds[0])))), equal_neighbours(numbers))


@cache
def _network() -> Perceptron:
    found = arrays("kind.npz", "img_enhance.suggest")
    return Perceptron(*(found[part] for part in ("hidden", "hidden_bias", "out", "out_bias")))
