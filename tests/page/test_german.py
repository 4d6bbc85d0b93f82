"""German: what the service says of a photo, sentence by sentence, and its refusals."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from served import Served
from visits import visiting

from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.cache import WeightStore, missing
from img_enhance.photo import Photo
from img_enhance.request.options import Limits
from img_enhance.suggest.analysis import Cast, PhotoFacts, analyse
from img_enhance.suggest.kind import PHOTO
from img_enhance.suggest.network import FOR_NOISE
from img_enhance.suggest.rules import INSTALLED, LOOKS_LIKE
from img_enhance.suggest.suggest import suggest_for
from img_enhance.suggest.texture import Texture
from img_enhance.workers.catalogue import KINDS
from img_enhance.workers.public import public

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# What may stand in a German sentence as it does in the English one: names.
NAMES = {"JPEG", "Duv", "upscale", "limits", "max", "output", "megapixels", "img", "enhance", "models", "pull"}


def shared_words(english: str, german: str) -> set[str]:
    """Words that were not translated; what has figures in it is a name."""
    found = (set(re.findall(r"[A-Za-z]{3,}", re.sub(r"\S*\d\S*", "", text))) for text in (english, german))
    return set.intersection(*found) - NAMES


def facts_of(pixels: Any) -> PhotoFacts:
    return analyse(Photo(pixels), jpeg_quality=None)


def every_kind_of_facts() -> Iterator[PhotoFacts]:
    """Facts for which each rule gives each of its verdicts."""
    ramp = np.broadcast_to(np.linspace(10, 245, 96)[None, :, None], (64, 96, 3)).astype(np.uint8)
    good = dataclasses.replace(
        facts_of(ramp), grey=False, kind=PHOTO, cast=Cast(6504, 0.003, 0.9), exposure_stops=0.0, exposure_confidence=1.0
    )
    yield facts_of(np.zeros((8, 8, 3), np.uint8))
    yield dataclasses.replace(good, visible_fraction=0.0)
    for kind in LOOKS_LIKE:
        for sure in (0.6, 1.0):
            yield dataclasses.replace(good, kind=kind, kind_confidence=sure)
    yield dataclasses.replace(good, cast=None)
    for kelvin, duv in ((3000, 0.0), (9000, 0.0), (6000, 0.03), (6000, -0.03), (6504, 0.003)):
        for sure in (0.02, 0.1, 0.3, 0.6, 0.99):
            for strength in (0.1, 0.5, 1.0):
                yield dataclasses.replace(good, cast=Cast(kelvin, duv, sure, strength))
    for stops in (-2.0, -0.5, 0.0, 0.5, 2.0):
        for sure in (0.05, 0.5, 1.0):
            yield dataclasses.replace(good, exposure_stops=stops, exposure_confidence=sure)
    hazy = dataclasses.replace(good, luminance=dataclasses.replace(good.luminance, p1=0.22, p99=0.45))
    flaws = [Texture(noise, blur, blocks) for noise in (0.0, 0.04) for blur in (0.1, 0.9) for blocks in (0.0, 2.0)]
    for width, height in ((200, 180), (300, 200), (1400, 1000), (3000, 1000), (6000, 4000), (20_000, 10_000)):
        for texture in flaws:
            for quality, faces, maybe in (
                (None, None, None),
                (None, None, True),
                (20, None, False),
                (20, 0, None),
                (None, 1, None),
                (20, 3, None),
            ):
                found: dict[str, Any] = {"jpeg_quality": quality, "faces": faces, "maybe_faces": maybe}
                yield dataclasses.replace(hazy, width=width, height=height, texture=texture, **found)


def every_sentence(tmp_path: Path) -> list[str]:
    found: set[str] = set()
    for facts in every_kind_of_facts():
        for most, networks in ((5.0, INSTALLED), (100.0, INSTALLED), (100.0, INSTALLED | {FOR_NOISE})):
            suggestion = suggest_for(facts, Limits(max_output_megapixels=most), networks)
            lacking = suggestion.without_faces(missing(BUILT_IN.detector, WeightStore(tmp_path)).words)
            for reason in (*suggestion.reasons, *lacking.reasons):
                found |= {public(reason.words), public(reason.strength)}
    return sorted(found - {""})


def test_every_reason_is_said_in_german(browser: Browser, service: Served, tmp_path: Path) -> None:
    sentences = every_sentence(tmp_path)
    assert len(sentences) > 100
    with visiting(browser, service, locale="de-DE") as visit:
        visit.open()
        said = visit.page.evaluate("(all) => import('/page/strings.js').then(({ said }) => all.map(said))", sentences)
        plain = [re.compile(r"[-+]?\d+(\.\d+)? EV|\d+x")]
        for english, german in zip(sentences, said, strict=True):
            if not any(each.fullmatch(english) for each in plain):
                assert german["lang"] == "de", english
                assert not shared_words(english, german["text"]), (english, german["text"])
        unknown = visit.page.evaluate("import('/page/strings.js').then(({ said }) => said('salt and pepper'))")
        assert unknown == {"text": "salt and pepper", "lang": "en"}


def test_english_stays_as_the_service_says_it(browser: Browser, service: Served, tmp_path: Path) -> None:
    sentences = every_sentence(tmp_path)[:20]
    with visiting(browser, service) as visit:
        visit.open()
        said = visit.page.evaluate("(all) => import('/page/strings.js').then(({ said }) => all.map(said))", sentences)
        assert said == [{"text": each, "lang": "en"} for each in sentences]


def test_every_refusal_is_said_in_german_with_its_own_words_below(browser: Browser, service: Served) -> None:
    with visiting(browser, service, locale="de-DE") as visit:
        visit.open()
        codes = [kind.code for kind in KINDS]
        told = visit.page.evaluate("(codes) => import('/page/strings.js').then(({ refusal }) => codes.map(refusal))", codes)
        assert all(told)
        assert not [
            text
            for kind, text in zip(KINDS, told, strict=True)
            if shared_words(kind.meaning + kind.fix, text) - {"PNG", "WebP", "TIFF", "AVIF", "HEIC", "GIF", "BMP", "open"}
        ]
        visit.choose(("brief.png", b"this is no photo"))
        visit.page.wait_for_selector("#problem:visible")
        assert visit.text("#problem p").startswith("Diese Art von Datei")
        assert "not an image of a known kind" in visit.text("#problem .fix")
        visit.page.click("#delete")
        visit.page.click("#samples button")
        visit.wait_ready()
        why = visit.page.locator("[data-step=exposure_correction] .why")
        assert "zu dunkel" in why.inner_text()
        assert why.get_attribute("lang") == "de"
