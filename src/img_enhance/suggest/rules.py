"""The rules of the auto mode: what a photo's facts say for or against each step, in words. Pure: nothing is measured here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, log, log10
from typing import Any

import numpy as np

from img_enhance.light.exposure_curve import exposed
from img_enhance.light.illuminant import cast_of, chromaticity, compressed, grey_difference
from img_enhance.light.learned import log_odds_of, probability
from img_enhance.models.table import BUILT_IN
from img_enhance.request.options import Limits
from img_enhance.request.step_options import CLAHE, GFPGAN, ExposureCorrection, RealESRGAN, StepOptions, WhiteBalance
from img_enhance.steps.white_balance import LEAST_CAST_DIFFERENCE, looks_natural
from img_enhance.suggest.analysis import PhotoFacts, lightness
from img_enhance.suggest.kind import DRAWING, FALSE_COLOUR, PAINTING
from img_enhance.suggest.network import FOR_NOISE, Here, here, is_flat_drawing, network_for
from img_enhance.words import Pull, Setting, Words

# How much of a cast is taken out follows from what is to be expected, differences being those of a grey in CIEDE2000. All of it, where the
# difference that goes away from a photo with a cast, times the odds that it has one, is more than what a photo that was right suffers: the
# same difference, and a harm beside, as a good photo that is changed annoys more than a bad one that is not. A part even where it is
# doubtful, because up to the tolerated difference hardly anybody minds what is wrongly taken out. Odds are natural logarithms, slopes how
# soon it is all. Chosen by photos (2026-11, `docs/white_balance.md`).
HARM, SURE_CAST_SLOPE = 6.0, 4.0
TOLERATED_DIFFERENCE = 4.5
DOUBTFUL_CAST_ODDS, DOUBTFUL_CAST_SLOPE = -1.6, 2.5
# Of a part this large the rest is not seen.
WHOLE_CAST = 0.95
# A good photo is better left as it is than changed by so little. Of 1,039 good ones 70 % are left, 66 % at 0.2 (2026-11).
LEAST_STOPS = 0.28
# A photo that may be off by so much, but is more likely meant so, is told of.
LEAST_STOPS_NOTICED = 1.0
# From here on doubts are not spoken of.
SURE = 0.95
# What is no photo, in words. How sure that has to be is in the scale of its confidence (`bench/kind_fit.py`).
LOOKS_LIKE = {
    DRAWING: "a drawing, a page or a screenshot",
    PAINTING: "a painting or a print",
    FALSE_COLOUR: "a picture in false colours",
}
_ON_LIGHT = (WhiteBalance.name, ExposureCorrection.name, CLAHE.name)

# What the standard deviation of equal lightnesses, 0 to 100, may come to: their mean is rounded, on some processors (2026-11: 7e-9).
ROUNDING = 1e-5

# Percentiles 1 to 99 of CIE lightness of a photo in haze or behind glass are nearer to each other than the first; equalisation is half at
# the first and full from the second on. Untouched photos of the tune set span 59 and more, under a veil of light (0.3 of their own light
# and 0.45 of white) 10 to 16.
LOW_CONTRAST = 45.0
LOWEST_CONTRAST = 25.0
LEAST_CLAHE_LEVEL = 0.5

# Standard deviation in 8-bit values, that of a photo at a high ISO; blur of a photo out of focus; blocks of a JPEG of quality 45. Untouched
# photos of the tune set have 5.6 (grass), 0.42 and 0.75 at most.
NOISY = 6.0
BLURRED = 0.6
BLOCKY = 1.0

# The network makes at most so many megapixels, which is enough for a print of 30 x 40 cm, or a 4K screen with room to crop; and it reads
# at most so many, all its passes together, because for each the large network takes some 4 minutes on two cores of Zen 3 and 25 s on two
# with AMX (2026-11). Factors above the network's own are two passes. So photos up to 1/16 MP are enlarged 16 times, up to 0.11 MP 8 times,
# up to 1 MP 4 times, up to 2 MP twice, and larger ones not at all.
MOST_NETWORK_MEGAPIXELS = 16.0
MOST_READ_MEGAPIXELS = 2.0
FACTORS = (16, 8, 4, 2)
_ONE_PASS = 4
# Of two passes that read as much, half a minute on two cores of Zen 3, it is said that one would do.
LEAST_SLOW_MEGAPIXELS = 0.25
# The network for noise reads as many more in that time (2026-11, `models/table.py`).
QUICKER = 15

# The networks that come with the installation.
INSTALLED = here(BUILT_IN, None)

# The one flaw whose name is a plural.
_BLOCKS = "JPEG blocks"


@dataclass(frozen=True)
class Verdict:
    """What a rule says: the step with its options, or None; how strongly; why. `lacking` and `noticed` are those of the reason."""

    options: StepOptions | None
    words: str
    strength: str = ""
    lacking: bool = False
    noticed: bool = False


def verdicts_of(facts: PhotoFacts, limits: Limits, networks: Here) -> list[tuple[str, Verdict]]:
    """What the rules say of each step, in the order in which steps run; `networks` are those that may be chosen to enlarge."""
    return [(name, _nothing_to_see(facts) or _no_photo(name, facts) or rule(facts, limits, networks)) for name, rule in RULES]


def _nothing_to_see(facts: PhotoFacts) -> Verdict | None:
    if facts.visible_fraction == 0:
        return Verdict(None, "the photo is fully transparent")
    if facts.luminance.p1 == facts.luminance.p99 and facts.rms_contrast < ROUNDING:
        return Verdict(None, "the photo is of one colour")
    return None


def _no_photo(step: str, facts: PhotoFacts) -> Verdict | None:
    """Light and colour are left alone in pictures whose colours were chosen, and not seen by a camera."""
    if step not in _ON_LIGHT or facts.kind not in LOOKS_LIKE:
        return None
    return Verdict(None, f"this looks like {LOOKS_LIKE[facts.kind]}, not a photo (confidence {facts.kind_confidence:.2f})")


def _white_balance(facts: PhotoFacts, *_: Any) -> Verdict:
    cast = facts.cast
    if cast is None:
        return Verdict(None, "the photo is grey")
    difference = grey_difference(chromaticity(cast.kelvin, cast.duv))
    worth = worth_taking_out(cast.confidence, difference)
    if worth * difference >= LEAST_CAST_DIFFERENCE:
        seen = f"{cast_of(cast.kelvin, cast.duv)} (confidence {cast.confidence:.2f})"
        level = round(worth / max(cast.strength, worth), 2)
        if level >= WHOLE_CAST:
            return Verdict(WhiteBalance(enhance_level=1.0), seen, "to daylight")
        words = f"perhaps {seen}, so only a part is taken out"
        return Verdict(WhiteBalance(enhance_level=level), words, f"{100 * worth:.0f} % of the way to daylight")
    natural = looks_natural(cast.kelvin, cast.duv, confidence=cast.confidence)
    if cast.strength * difference < TOLERATED_DIFFERENCE:
        return Verdict(None, natural)
    return Verdict(None, f"{natural}; such light belongs to what is shown, as at a sunset or on a stage")


def worth_taking_out(confidence: float, difference: float) -> float:
    """The part of a cast, in [0, 1], from which most is to be expected when nobody said that there is one.

    `difference` is what all of it does to a grey, in CIEDE2000.
    """
    odds, seen = log_odds_of(confidence), max(compressed(difference), LEAST_CAST_DIFFERENCE)
    sure = probability(SURE_CAST_SLOPE * (odds - log(1 + HARM / seen)))
    doubtful = probability(DOUBTFUL_CAST_SLOPE * (odds - DOUBTFUL_CAST_ODDS))
    return float(max(sure, doubtful * TOLERATED_DIFFERENCE / max(difference, TOLERATED_DIFFERENCE)))


def _exposure_correction(facts: PhotoFacts, *_: Any) -> Verdict:
    stops, seen = facts.exposure_stops, f"median luminance {_short(facts.luminance.median)}"
    side = "dark" if stops > 0 else "bright"
    expected = expected_stops(facts)
    if abs(expected) < LEAST_STOPS:
        doubt = f"perhaps {abs(stops):.1f} EV too {side}, but it may be meant so (confidence {facts.exposure_confidence:.2f})"
        return Verdict(None, f"{seen}: {doubt if abs(stops) >= LEAST_STOPS else 'well exposed'}", noticed=abs(stops) >= LEAST_STOPS_NOTICED)
    level = round(facts.exposure_confidence, 2)
    doubt = f", or meant so (confidence {level:.2f}): corrected as far as that" if level < SURE else ""
    return Verdict(ExposureCorrection(enhance_level=level), f"{seen}: {abs(stops):.1f} EV too {side}{doubt}", f"{stops * level:+.1f} EV")


def _clahe(facts: PhotoFacts, *_: Any) -> Verdict:
    contrast = exposed_contrast(facts)
    seen = f"lightness spans {_beside(LOW_CONTRAST, contrast, decimals=0)} of 100"
    if contrast >= LOW_CONTRAST:
        return Verdict(None, f"{seen}: contrast is fine ({LOW_CONTRAST:.0f} or more)")
    noise = exposed_noise(facts)
    if noise >= NOISY:
        return Verdict(None, f"{seen}, but raised contrast would raise the noise too (sigma {noise:.1f} of 255)", noticed=True)
    lack = min(1.0, (LOW_CONTRAST - contrast) / (LOW_CONTRAST - LOWEST_CONTRAST))
    level = round(LEAST_CLAHE_LEVEL + (1 - LEAST_CLAHE_LEVEL) * lack, 1)
    return Verdict(CLAHE(enhance_level=level), f"{seen}: low contrast (less than {LOW_CONTRAST:.0f})", f"level {level:g}")


def _real_esrgan(facts: PhotoFacts, limits: Limits, networks: Here) -> Verdict:
    """How much to enlarge, and by which network."""
    verdict, noisy = _enlarging(facts, limits, networks), exposed_noise(facts) >= NOISY
    if not isinstance(verdict.options, RealESRGAN):
        return verdict
    network = network_for(facts, networks, noisy=noisy, large=facts.megapixels > MOST_READ_MEGAPIXELS)
    words = Words(verdict.words, f"; {network.model} {network.because}")
    return dataclasses.replace(verdict, options=dataclasses.replace(verdict.options, model=network.model), words=words)


def _enlarging(facts: PhotoFacts, limits: Limits, networks: Here) -> Verdict:
    flaws, most, megapixels = flaws_of(facts), limits.max_output_megapixels, facts.megapixels
    seen, allowed = f"{_short(megapixels)} MP", f"the {most:f}".rstrip("0").rstrip(".") + " MP allowed for a result"
    factor = upscale_factor(facts, most)
    if factor > 1:
        repairs = f", with {_listed(flaws)} taken away" if flaws else ""
        words = Words(f"{seen} becomes {_short(megapixels * factor**2)} MP", *_quicker(factor, facts), repairs)
        return Verdict(RealESRGAN(upscale=factor), words, f"{factor}x")
    if upscale_factor(facts, MOST_NETWORK_MEGAPIXELS) > 1 and not flaws:
        return Verdict(None, f"{seen} would become {_short(megapixels * 4, beside=most)} MP if twice as wide, more than {allowed}")
    if not flaws:
        return Verdict(None, f"{seen} is large enough")
    if megapixels > most:
        return Verdict(None, f"{_there_is(flaws)}, but {_short(megapixels, beside=most)} MP is more than {allowed}", noticed=True)
    if megapixels > most_repaired_megapixels(facts, networks):
        remedy = f" takes {'them' if _are_several(flaws) else 'it'} away all the same"
        words = Words(f"{_there_is(flaws)}, but {seen} would take very long; ", Setting("upscale", "1"), remedy)
        return Verdict(None, words, noticed=True)
    return Verdict(RealESRGAN(upscale=1), f"{seen} is large enough, but {_there_is(flaws)}", "1x, restored at its size")


def _gfpgan(facts: PhotoFacts, limits: Limits, networks: Here) -> Verdict:
    if is_flat_drawing(facts):
        return Verdict(None, "faces in drawings stay as they are")
    if not restores_faces(facts, limits, networks):
        return Verdict(None, "faces stay as they are where nothing is enlarged or repaired")
    if facts.faces is None and facts.maybe_faces:
        needed = Pull((BUILT_IN.detector.name, GFPGAN().model))
        return Verdict(None, Words("there may be a face, which could be looked for and restored; ", needed))
    if facts.faces is None:
        return Verdict(None, "faces were not looked for" if facts.maybe_faces is None else "no face was noticed")
    if facts.faces == 0:
        return Verdict(None, "no face was found")
    return Verdict(GFPGAN(leave_sharp=True), f"{_counted(facts.faces)} in a photo that is enlarged or repaired", _counted(facts.faces))


def restores_faces(facts: PhotoFacts, limits: Limits, networks: Here) -> bool:
    """Whether faces in it would be restored."""
    return not is_flat_drawing(facts) and _real_esrgan(facts, limits, networks).options is not None


def _counted(faces: int) -> str:
    return f"{faces} face{'s' * (faces > 1)}"


# One rule a step, in the order in which steps run: light before detail, because networks expect well exposed photos.
RULES: tuple[tuple[str, Callable[[PhotoFacts, Limits, Here], Verdict]], ...] = (
    (WhiteBalance.name, _white_balance),
    (ExposureCorrection.name, _exposure_correction),
    (CLAHE.name, _clahe),
    (RealESRGAN.name, _real_esrgan),
    (GFPGAN.name, _gfpgan),
)


def expected_stops(facts: PhotoFacts) -> float:
    """What the exposure is off, as far as it is to be expected to be a mistake."""
    return facts.exposure_stops * facts.exposure_confidence


def exposed_contrast(facts: PhotoFacts) -> float:
    """How much of CIE lightness, 0 to 100, the photo spans between percentiles 1 and 99 once it is no longer too dark."""
    low, high = lightness(exposed(np.array([facts.luminance.p1, facts.luminance.p99]), 2.0 ** max(0.0, expected_stops(facts))))
    return float(high - low)


def exposed_noise(facts: PhotoFacts) -> float:
    """Standard deviation of the noise, in 8-bit values, once the photo is no longer too dark: encodings are near a power of 1 / 2.2."""
    return 255 * facts.texture.noise_sigma * float(2.0 ** (max(0.0, expected_stops(facts)) / 2.2))


def upscale_factor(facts: PhotoFacts, most_megapixels: float) -> int:
    """The largest of FACTORS whose result has at most so many megapixels and takes no longer than is bearable, and 1 if none does."""
    most = min(most_megapixels, MOST_NETWORK_MEGAPIXELS)
    return next(
        (factor for factor in FACTORS if facts.megapixels * factor * factor <= most and _read_by(factor, facts) <= MOST_READ_MEGAPIXELS), 1
    )


def _read_by(factor: int, facts: PhotoFacts) -> float:
    """Megapixels that the network reads in all its passes."""
    return facts.megapixels * (1 if factor <= _ONE_PASS else 1 + _ONE_PASS**2)


def _quicker(factor: int, facts: PhotoFacts) -> tuple[str | Setting, ...]:
    """How to be done much sooner, where the network runs twice and that takes long."""
    if factor <= _ONE_PASS or _read_by(factor, facts) < LEAST_SLOW_MEGAPIXELS:
        return ()
    once = facts.megapixels * _ONE_PASS**2
    places = 1 - floor(log10(once))
    enough = Setting("max_output_megapixels", f"{ceil(once * 10.0**places) / 10.0**places:g}")
    return " in two passes of the network (", enough, f" asks for one, {1 + _ONE_PASS**2} times as fast)"


def most_repaired_megapixels(facts: PhotoFacts, networks: Here) -> float:
    """The largest photo whose flaws are repaired at its own size."""
    quick = FOR_NOISE in networks and not is_flat_drawing(facts)
    return MOST_READ_MEGAPIXELS * (QUICKER if quick else 1)


def flaws_of(facts: PhotoFacts) -> list[str]:
    """What of a photo's detail is bad enough that a network trained to restore it makes it better, in words with the figures."""
    texture, noise = facts.texture, exposed_noise(facts)
    quality = f", file of quality {facts.jpeg_quality}" if facts.jpeg_quality is not None else ""
    rows = (
        (noise >= NOISY, f"noise (sigma {noise:.1f} of 255)"),
        (texture.blur >= BLURRED, f"blur ({texture.blur:.2f} of 1)"),
        (texture.blocking >= BLOCKY, f"{_BLOCKS} (borders {1 + texture.blocking:.1f} times as strong as the rest{quality})"),
    )
    return [words for bad, words in rows if bad]


def _there_is(flaws: list[str]) -> str:
    return f"there {'are' if _are_several(flaws) else 'is'} {_listed(flaws)}"


def _are_several(flaws: list[str]) -> bool:
    return len(flaws) > 1 or flaws[0].startswith(_BLOCKS)


def _listed(flaws: list[str]) -> str:
    *others, last = flaws
    return f"{', '.join(others)} and {last}" if others else last


def _short(value: float, *, beside: float | None = None) -> str:
    """A number that is not negative in two figures or, if it has more before the point, in those, but on its side of `beside`."""
    decimals = max(0, 1 - floor(log10(value))) if value > 0 else 0
    text = f"{value:.{decimals}f}" if beside is None else _beside(beside, value, decimals=decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _beside(bound: float, value: float, *, decimals: int) -> str:
    """The value with so many decimals, or as many more as keep it on its side of `bound`: 0.8196 is not 0.82 where that is enough."""
    text = f"{value:.{decimals}f}"
    while (float(text) > bound, float(text) < bound) != (value > bound, value < bound):
        decimals += 1
        text = f"{value:.{decimals}f}"
    return text
