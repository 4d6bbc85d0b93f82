"""Names of tensors by other programs, brought to those of the published code."""

import pytest

from img_enhance.models.networks.rrdbnet import RRDBNet
from img_enhance.models.weights.layouts import published

# The numbers that ESRGAN's first code gives the layers after the blocks, by the doublings of the size: activations and enlargements have
# numbers too.
TAILS = {0: (2, 4), 1: (3, 5, 7), 2: (3, 6, 8, 10), 3: (3, 6, 9, 11, 13)}


def first_names(doublings: int, blocks: int = 2) -> list[str]:
    names = ["model.0"]
    names += [f"model.1.sub.{block}.RDB{dense}.conv{k}.0" for block in range(blocks) for dense in (1, 2, 3) for k in range(1, 6)]
    names += [f"model.1.sub.{blocks}", *(f"model.{number}" for number in TAILS[doublings])]
    return [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]


def second_names(blocks: int = 2) -> list[str]:
    names = ["conv_first"]
    names += [f"RRDB_trunk.{block}.RDB{dense}.conv{k}" for block in range(blocks) for dense in (1, 2, 3) for k in range(1, 6)]
    names += ["trunk_conv", "upconv1", "upconv2", "HRconv", "conv_last"]
    return [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]


@pytest.mark.parametrize("doublings", TAILS)
@pytest.mark.parametrize("prefix", ["", "module.", "params.", "netG.module."])
def test_esrgans_first_names(doublings: int, prefix: str) -> None:
    names = [prefix + name for name in first_names(doublings)]
    assert list(published({name: number for number, name in enumerate(names)})) == list(RRDBNet(2, doublings=doublings).shapes)


def test_esrgans_second_names_keep_their_values() -> None:
    found = published({name: number for number, name in enumerate(second_names())})
    assert found == {name: number for number, name in enumerate(RRDBNet(2).shapes)}


@pytest.mark.parametrize("prefix", ["module.", "params_ema.", "_orig_mod.", "model.", "generator.model."])
def test_what_stands_before_every_name_is_dropped(prefix: str) -> None:
    assert published({f"{prefix}body.0.weight": 1, f"{prefix}body.0.bias": 2}) == {"body.0.weight": 1, "body.0.bias": 2}


def test_what_stands_before_some_names_stays() -> None:
    assert published({"module.a": 1, "b": 2}) == {"module.a": 1, "b": 2}


def test_no_tensor_is_lost_where_two_would_get_one_name() -> None:
    names = [*first_names(2), "conv_first.weight"]
    assert published(dict.fromkeys(names, 0)) == dict.fromkeys(names, 0)


def test_nothing_is_nothing() -> None:
    assert published({}) == {}
