"""Which network a file of weights is of, by the names and shapes of its tensors, and what there is to say of one that we do not know."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields

from img_enhance.errors import UnsupportedModel
from img_enhance.models.architecture import ARCHITECTURES, Architecture, recognised
from img_enhance.models.networks.foreign import ForeignNetwork
from img_enhance.models.networks.gfpgan import GFPGANClean
from img_enhance.models.networks.segment import Shapes
from img_enhance.units import count_text

# Layers of EDSR that files hold whether they are run or not; what they say of the mean colour becomes numbers of the network
# (`trained_values.py`).
UNUSED = ("sub_mean.", "add_mean.")
# And one of DAT that nobody runs: who may not look at whom in its windows, for a picture of the size that it was trained on.
_UNUSED_AT_THE_END = (".attn_mask_0", ".attn_mask_1")

# Kinds of tensors that an error names.
_MOST_KINDS = 5

KNOWN = "ESRGAN and Real-ESRGAN (RRDBNet), SRVGGNetCompact, EDSR, SPAN, RealPLKSR and DAT"
_ADVICE = f"known are {KNOWN}, in colour; docs/models.md says more of own models"
_ADVICE_UNKNOWN = f"known are {KNOWN}, in colour, and many more with spandrel: pip install 'img-enhance[spandrel]'"


def title_of(architecture: Architecture) -> str:
    """Its name with the numbers that it has, for people.

    >>> from img_enhance.models.networks.srvgg import SRVGGNetCompact
    >>> title_of(SRVGGNetCompact(16, 4))
    'SRVGGNetCompact (convolutions 16, scale 4, width 64)'
    """
    if isinstance(architecture, ForeignNetwork):
        return architecture.described
    numbers = ", ".join(f"{field.name} {_number_text(getattr(architecture, field.name))}" for field in fields(architecture))  # type: ignore[arg-type]
    return f"{type(architecture).__name__} ({numbers})"


def _number_text(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_number_text, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def used(shapes: Mapping[str, tuple[int, ...]]) -> Shapes:
    """Those that a network runs."""
    return {name: shape for name, shape in shapes.items() if not name.startswith(UNUSED) and not name.endswith(_UNUSED_AT_THE_END)}


def enlarging_network(shapes: Shapes, file: str) -> Architecture:
    """The network that enlarges whose weights these are, by their published names; `file` is what errors call them.

    Raises: UnsupportedModel that says what was found.
    """
    found = recognised(shapes)
    if isinstance(found, GFPGANClean):
        raise UnsupportedModel(f"{file} is a network for faces ({title_of(found)}), and none that enlarges", _ADVICE)
    if found is None:
        raise UnsupportedModel(f"{file} is of no network that is known here: {_described(shapes)}{_nearest(shapes)}", _ADVICE_UNKNOWN)
    return found


def _described(shapes: Shapes) -> str:
    """How many tensors there are, and their commonest kinds: names without their numbers.

    >>> _described({"a.0.w": (3, 2), "a.1.w": (3, 2), "b": (1,)})
    '3 tensors, a.N.w (2, such as 3x2), b (1)'
    """
    kinds = Counter(re.sub(r"\d+", "N", name) for name in shapes)
    examples = {re.sub(r"\d+", "N", name): _shape(shape) for name, shape in reversed(shapes.items())}
    parts = [
        f"{kind[:60]!a}"[1:-1] + f" ({count}{f', such as {examples[kind]}' if count > 1 else ''})"
        for kind, count in kinds.most_common(_MOST_KINDS)
    ]
    rest = len(kinds) - _MOST_KINDS
    return ", ".join([count_text(len(shapes), "tensor"), *parts]) + (f" and {count_text(rest, 'other kind')}" if rest > 0 else "")


def _nearest(shapes: Shapes) -> str:
    """The network that is most like it, and the first thing that it has otherwise."""
    candidates = [found for kind in ARCHITECTURES if (found := kind.of_shapes(shapes)) is not None]
    if not candidates:
        return ""
    nearest = max(candidates, key=lambda candidate: _alike(candidate.shapes, shapes))
    return f"; nearest is {title_of(nearest)}: {_first_difference(nearest.shapes, shapes)}" if _alike(nearest.shapes, shapes) else ""


def _alike(needed: Shapes, shapes: Shapes) -> float:
    return sum(name in shapes for name in needed) / max(len(needed), len(shapes))


def _first_difference(needed: Shapes, shapes: Shapes) -> str:
    for name, shape in needed.items():
        if name not in shapes:
            return f"it needs {name}, which is not there"
        if shapes[name] != shape:
            why = _why_other_channels(shape, shapes[name])
            return f"it needs {name} as {_shape(shape)}, which is {_shape(shapes[name])} here{why}"
    extra = next(name for name in shapes if name not in needed)
    return f"it has no {extra[:100]!a}, which is {_shape(shapes[extra])} here"


def _why_other_channels(needed: tuple[int, ...], found: tuple[int, ...]) -> str:
    """What other channels than those of a picture in colour mean."""
    if len(needed) != 4 or len(found) != 4:
        return ""
    seen = [count for count, wanted in ((found[1], needed[1]), (found[0], needed[0])) if wanted == 3 and count != 3]
    if not seen:
        return ""
    return " (it is a network for grey pictures)" if seen[0] == 1 else f" (it is a network for pictures of {seen[0]} channels)"


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "one value"
