"""The one request: an exact round trip, and a clear refusal of everything else."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img_enhance.errors import OptionError, RecipeError
from img_enhance.models.table import MODEL_NAMES
from img_enhance.photo import FORMAT_NAMES
from img_enhance.request.options import Output
from img_enhance.request.recipe import VERSION, Recipe
from img_enhance.request.step_options import RealESRGAN

STEP = {"step": "real_esrgan"}
KNOWN = "white_balance, exposure_correction, clahe, real_esrgan, super_image, gfpgan"
ENTRIES = "version, input, steps, output, limits"

SIZES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"upscale": st.floats(1, 16) | st.integers(1, 16)}),
    st.fixed_dictionaries({"width": st.integers(1, 10**9)}),
    st.fixed_dictionaries({"height": st.integers(1, 10**9)}),
    st.fixed_dictionaries({"megapixels": st.floats(1e-6, 1e12)}),
)
STEPS = st.builds(lambda model, size: RealESRGAN(model=model, **size), st.sampled_from(MODEL_NAMES), SIZES)
OUTPUTS = st.builds(Output, format=st.none() | st.sampled_from(FORMAT_NAMES), quality=st.none() | st.integers(1, 100))
RECIPES = st.builds(Recipe, steps=st.lists(STEPS, max_size=4).map(tuple), output=OUTPUTS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["version", "steps", "output", "step", "model", "upscale", "width"]) | st.text(max_size=5), inner)
    ),
    max_leaves=12,
)


@given(RECIPES)
def test_json_round_trip_is_exact(recipe: Recipe) -> None:
    again = Recipe.from_json(recipe.to_json())
    assert again == recipe
    assert again.to_json() == recipe.to_json()


def test_default_recipe_chooses_its_steps() -> None:
    limits = {"max_output_megapixels": 100.0}
    mapping = {"version": 1, "input": {"animation": "first"}, "steps": "auto", "output": {}, "limits": limits}
    assert Recipe().to_mapping() == mapping
    assert Recipe.from_mapping(mapping) == Recipe()


@pytest.mark.parametrize(("called", "format"), [("jpg", "jpeg"), ("JPG", "jpeg"), ("tif", "tiff"), ("WebP", "webp")])
def test_a_format_may_be_called_as_its_files_end(called: str, format: str) -> None:
    recipe = Recipe.from_json(json.dumps({"version": VERSION, "steps": "auto", "output": {"format": called}}))
    assert recipe == Recipe(output=Output(format=format))


def test_output_may_be_left_out() -> None:
    assert Recipe.from_mapping({"version": VERSION, "steps": "auto"}) == Recipe()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"version": 1, "steps": [{"step": "sharpen"}]}, f'step 1 has "step": "sharpen"; known are {KNOWN}'),
        ({"version": 1, "steps": [STEP, {}]}, f'step 2 has "step": null; known are {KNOWN}'),
        ({"version": 1, "steps": ["real_esrgan"]}, "step 1 must be a JSON object"),
        ({"version": 1, "steps": {}}, 'a recipe needs "steps", a list or "auto"'),
        ({"version": 1}, 'a recipe needs "steps", a list or "auto"'),
        ({"version": 1, "steps": "all"}, 'a recipe needs "steps", a list or "auto"'),
        ({"version": 2, "steps": [STEP]}, "recipe version 2 is not known; this version reads 1"),
        ({"version": "1", "steps": [STEP]}, "recipe version '1' is not known; this version reads 1"),
        ({"steps": [STEP]}, "recipe version None is not known; this version reads 1"),
        ({"version": 1, "steps": [STEP], "setps": []}, f"a recipe has an unknown entry 'setps'; known are {ENTRIES}"),
        ({"version": 1, "steps": [STEP], "output": []}, '"output" must be a JSON object'),
        ([], "a recipe must be a JSON object"),
        (None, "a recipe must be a JSON object"),
    ],
)
def test_refuses_what_is_no_recipe_and_says_where(values: object, message: str) -> None:
    with pytest.raises(RecipeError) as failure:
        Recipe.from_json(json.dumps(values))
    assert str(failure.value) == message


def test_refuses_a_version_that_only_equals_one() -> None:
    with pytest.raises(RecipeError):
        Recipe.from_json('{"version": true, "steps": [{"step": "real_esrgan"}]}')


@pytest.mark.parametrize(
    ("step", "output", "message"),
    [
        (
            {"scale": 4},
            {},
            "step 1 (real_esrgan): unknown option 'scale'; known are model, upscale, width, height, megapixels, print, enhance_level, "
            "keep_colours, denoise",
        ),
        ({"upscale": 17}, {}, "step 1 (real_esrgan): upscale must be a number from 1 to 16, not 17"),
        ({"upscale": float("nan")}, {}, "step 1 (real_esrgan): upscale must be a number from 1 to 16, not nan"),
        ({"upscale": 2, "width": 5}, {}, "step 1 (real_esrgan): give upscale or width, not both"),
        (
            {"name": "x"},
            {},
            "step 1 (real_esrgan): unknown option 'name'; known are model, upscale, width, height, megapixels, print, enhance_level, "
            "keep_colours, denoise",
        ),
        ({}, {"quality": 0}, "quality must be a whole number from 1 to 100, not 0"),
        (
            {},
            {"path": "x"},
            "unknown option 'path'; known are format, quality, max_bytes, lossless, subsampling, dynamic_range, strip_gps, motion, strip, "
            "crop",
        ),
    ],
)
def test_refuses_options_out_of_bounds_and_says_where(step: dict[str, Any], output: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as failure:
        Recipe.from_json(json.dumps({"version": 1, "steps": [STEP | step], "output": output}))
    assert str(failure.value) == message


@pytest.mark.parametrize("text", ["", "{", "not json", "{'version': 1}", "\x00", '{"version": 1} {}'])
def test_refuses_what_is_not_json(text: str) -> None:
    with pytest.raises(RecipeError, match=r"^the recipe is not JSON: "):
        Recipe.from_json(text)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"version":1,"steps":' + "[" * 100_000 + "]" * 100_000 + "}", '{"a":' * 100_000])
def test_refuses_deep_nesting(text: str) -> None:
    with pytest.raises(RecipeError):
        Recipe.from_json(text)


def test_refuses_a_number_beyond_any_float() -> None:
    with pytest.raises(OptionError):
        Recipe.from_json('{"version": 1, "steps": [{"step": "real_esrgan", "width": 1' + "0" * 400 + "}]}")


@given(JSON)
def test_any_json_is_read_or_refused(values: object) -> None:
    with contextlib.suppress(RecipeError, OptionError):
        assert isinstance(Recipe.from_json(json.dumps(values)), Recipe)


@given(JSON)
def test_any_step_is_read_or_refused(values: object) -> None:
    whole = {"version": 1, "steps": [STEP | values if isinstance(values, dict) else values]}
    with contextlib.suppress(RecipeError, OptionError):
        assert isinstance(Recipe.from_json(json.dumps(whole)), Recipe)


def test_a_recipe_may_have_no_steps() -> None:
    assert Recipe.from_mapping({"version": VERSION, "steps": []}) == Recipe(steps=())


@given(RECIPES)
def test_a_recipe_is_found_in_what_holds_one(recipe: Recipe) -> None:
    assert Recipe.from_json(json.dumps({"recipe": recipe.to_mapping(), "reasons": [], "facts": {}})) == recipe


@pytest.mark.parametrize("inner", [None, [], {"recipe": {"version": VERSION, "steps": []}}])
def test_refuses_what_holds_no_recipe(inner: object) -> None:
    with pytest.raises(RecipeError):
        Recipe.from_json(json.dumps({"recipe": inner}))
