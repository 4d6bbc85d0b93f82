"""Every option class: sound declarations, and the bounds that the rest of the package counts on."""

from typing import Any

import pytest

from img_enhance.cli.flags import flag_of
from img_enhance.errors import OptionError
from img_enhance.models.table import MODEL_NAMES
from img_enhance.request.form import Field, fields, to_mapping
from img_enhance.request.options import Machine, Output, Server
from img_enhance.request.step_options import STEP_OPTIONS, RealESRGAN

CLASSES: tuple[type[Any], ...] = (*STEP_OPTIONS, Output, Machine, Server)
FIELDS = [(options, field) for options in CLASSES for field in fields(options)]
SIZES = {"upscale": 2, "width": 100, "height": 100, "megapixels": 1.5}


def named(pair: tuple[type[Any], Field]) -> str:
    return f"{pair[0].__name__}.{pair[1].name}"


@pytest.mark.parametrize("options", CLASSES)
def test_defaults_are_accepted(options: type[Any]) -> None:
    options()


def test_no_two_options_share_a_flag() -> None:
    names = [flag_of(options, field.name) for options, field in FIELDS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("pair", FIELDS, ids=named)
def test_every_option_has_help_in_ascii(pair: tuple[type[Any], Field]) -> None:
    assert pair[1].help
    assert pair[1].help.isascii()


@pytest.mark.parametrize("pair", [pair for pair in FIELDS if pair[1].type is not str], ids=named)
def test_every_number_is_held_within_its_bounds(pair: tuple[type[Any], Field]) -> None:
    options, field = pair
    if field.type is bool:
        pytest.skip("yes or no has no bounds")
    assert field.minimum is not None
    assert to_mapping(options(**{field.name: field.type(field.minimum)}))[field.name] == field.minimum
    refused: list[Any] = [field.minimum - 1, True, "1", float("nan"), float("inf"), 10**400]
    if field.maximum is not None:
        assert to_mapping(options(**{field.name: field.type(field.maximum)}))[field.name] == field.maximum
        refused.append(field.maximum + 1)
    for value in refused:
        with pytest.raises(OptionError, match=f"^{field.name} must be "):
            options(**{field.name: value})


@pytest.mark.parametrize("pair", [pair for pair in FIELDS if pair[1].choices], ids=named)
def test_every_choice_is_accepted_and_nothing_else(pair: tuple[type[Any], Field]) -> None:
    options, field = pair
    for choice in field.choices:
        options(**{field.name: choice})
    if field.extensible:  # what there is besides is known where the work is done
        options(**{field.name: "other"})
        for value in ("", "a\nb", "x" * 5000):
            with pytest.raises(OptionError, match=f"^{field.name} must be a name of up to 4096 characters"):
                options(**{field.name: value})
        return
    with pytest.raises(OptionError, match=f"^{field.name} must be one of {', '.join(field.choices)}, not 'other'"):
        options(**{field.name: "other"})


@pytest.mark.parametrize("first", SIZES)
@pytest.mark.parametrize("second", SIZES)
def test_refuses_two_ways_of_asking_for_a_size(first: str, second: str) -> None:
    values: dict[str, Any] = {first: SIZES[first], second: SIZES[second]}
    if first == second:
        RealESRGAN(**values)
        return
    with pytest.raises(OptionError, match="not both"):
        RealESRGAN(**values)


def test_every_model_can_be_asked_for() -> None:
    assert next(field.choices for field in fields(RealESRGAN) if field.name == "model") == MODEL_NAMES


@pytest.mark.parametrize(
    "device", ["auto", "cpu", "cuda", "cuda:0", "cuda:12", "vulkan", "vulkan:1", "mps", "openvino", "openvino:GPU", "openvino:NPU", "torch"]
)
def test_every_device_can_be_asked_for(device: str) -> None:
    assert Machine(device=device).device == device


@pytest.mark.parametrize(
    "device",
    [
        "",
        "gpu",
        "CUDA",
        "cuda:",
        "cuda:N",
        "cuda:-1",
        "cuda:0 ",
        "cpu,cuda",
        "rocm",
        "cuda:1000",
        "vulkan:",
        "openvino:CPU",
        "openvino:3PU",
    ],
)
def test_refuses_a_device_that_does_not_exist_with_those_that_do(device: str) -> None:
    there = "auto, cpu, cuda, cuda:N, vulkan, vulkan:N, mps, openvino, openvino:GPU, openvino:NPU, torch"
    with pytest.raises(OptionError, match=f"^device must be one of {there}, not '{device}'"):
        Machine(device=device)
