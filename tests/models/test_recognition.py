"""What is said of a file of weights: its network, or what was found in it."""

from collections.abc import Callable

import pytest

from img_enhance.errors import UnsupportedModel
from img_enhance.models.architecture import Architecture
from img_enhance.models.networks.dat import DAT
from img_enhance.models.networks.edsr import EDSR
from img_enhance.models.networks.gfpgan import GFPGANClean
from img_enhance.models.networks.rrdbnet import RRDBNet
from img_enhance.models.networks.segment import Shapes
from img_enhance.models.networks.srvgg import SRVGGNetCompact
from img_enhance.models.recognition import enlarging_network, used

NETWORKS: tuple[Architecture, ...] = (
    *(RRDBNet(2, 1, doublings, 48, 24) for doublings in range(4)),
    *(RRDBNet(1, cell, 2, 32, 32) for cell in (1, 2, 4)),
    RRDBNet(23),
    *(SRVGGNetCompact(convolutions, scale, 24) for convolutions, scale in ((0, 1), (3, 2), (16, 4), (4, 8))),
    DAT(60, (18,), (6,), (8, 32), hidden=120, scale=2, three_convs=True, direct=True),
    DAT(180, (6,) * 6, (6,) * 6, (8, 16), hidden=360, scale=3),
    *(DAT(180, (6,) * 6, (6,) * 6, (8, 32), hidden=hidden, scale=scale) for hidden, scale in ((720, 4), (360, 2), (360, 1))),
    *(EDSR(3, scale, features) for scale, features in ((2, 64), (3, 32), (4, 256))),
)


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_every_network_is_found_by_its_shapes(network: Architecture) -> None:
    assert enlarging_network(dict(reversed(network.shapes.items())), "x") == network


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_a_network_with_a_tensor_more_or_less_is_another(network: Architecture) -> None:
    with pytest.raises(UnsupportedModel, match=r"it has no 'extra\.weight', which is 3x4 here|it needs .* which is"):
        enlarging_network(network.shapes | {"extra.weight": (3, 4)}, "x")
    last = list(network.shapes)[-1]
    with pytest.raises(UnsupportedModel):
        enlarging_network({name: shape for name, shape in network.shapes.items() if name != last}, "x")


def changed(network: Architecture, change: Callable[[str, tuple[int, ...]], tuple[int, ...]]) -> Shapes:
    return {name: change(name, shape) for name, shape in network.shapes.items()}


def test_a_network_for_grey_pictures_is_called_so() -> None:
    def grey(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (64, 1, 3, 3) if name == "conv_first.weight" else shape

    words = r"it needs conv_first\.weight as 64x3x3x3, which is 64x1x3x3 here \(it is a network for grey pictures\)"
    with pytest.raises(UnsupportedModel, match=words) as error:
        enlarging_network(changed(RRDBNet(2), grey), "x.pth")
    assert error.value.exit_code == 3


@pytest.mark.parametrize(("tensor", "found"), [("conv_first.weight", (64, 4, 3, 3)), ("conv_last.weight", (4, 64, 3, 3))])
def test_a_network_for_pictures_of_other_channels_is_called_so(tensor: str, found: tuple[int, ...]) -> None:
    with pytest.raises(UnsupportedModel, match=r" here \(it is a network for pictures of 4 channels\)"):
        enlarging_network(changed(RRDBNet(2), lambda name, shape: found if name == tensor else shape), "x")


@pytest.mark.parametrize(("tensor", "found"), [("conv_first.weight", (64, 3, 5, 5)), ("conv_last.weight", (3, 64, 5, 5))])
def test_a_network_for_colours_that_is_otherwise_unknown_is_not_blamed_for_its_channels(tensor: str, found: tuple[int, ...]) -> None:
    with pytest.raises(UnsupportedModel) as error:
        enlarging_network(changed(RRDBNet(2), lambda name, shape: found if name == tensor else shape), "x")
    assert f"it needs {tensor} as " in str(error.value)
    assert "it is a network for" not in str(error.value)


def test_what_is_found_is_said_with_the_nearest_network() -> None:
    shapes = {name: shape for name, shape in RRDBNet(2).shapes.items() if name != "conv_hr.bias"}
    with pytest.raises(UnsupportedModel) as error:
        enlarging_network(shapes, "x.pth")
    assert str(error.value) == (
        "x.pth is of no network that is known here: 71 tensors, body.N.rdbN.convN.weight (30, such as 32x64x3x3), "
        "body.N.rdbN.convN.bias (30, such as 32), conv_upN.weight (2, such as 64x64x3x3), conv_upN.bias (2, such as 64), "
        "conv_first.weight (1) and 6 other kinds; nearest is RRDBNet (blocks 2, cell 1, doublings 2, features 64, growth 32): it needs "
        "conv_hr.bias, which is not there; known are ESRGAN and Real-ESRGAN (RRDBNet), SRVGGNetCompact, EDSR, "
        "SPAN, RealPLKSR and DAT, in colour, and many more with spandrel: pip install 'img-enhance[spandrel]'"
    )


def test_a_network_for_faces_is_called_so() -> None:
    with pytest.raises(UnsupportedModel, match="x is a network for faces"):
        enlarging_network(GFPGANClean(16, 16, 16).shapes, "x")


HOSTILE: dict[str, Shapes] = {
    "nothing": {},
    "no dimensions": dict.fromkeys(RRDBNet(1).shapes, ()),
    "no dimensions, compact": dict.fromkeys(SRVGGNetCompact(2, 2).shapes, ()),
    "no dimensions, edsr": dict.fromkeys(EDSR(1, 2).shapes, ()),
    "no dimensions, dat": dict.fromkeys(DAT(32, (2,), (4,), (4, 8), 64, 2).shapes, ()),
    "no dimensions, faces": dict.fromkeys(GFPGANClean(16, 16, 16).shapes, ()),
    "no values": dict.fromkeys(RRDBNet(1).shapes, (0, 0, 0, 0)),
    "no values, compact": dict.fromkeys(SRVGGNetCompact(2, 2).shapes, (0, 0, 0, 0)),
    "no values, edsr": dict.fromkeys(EDSR(1, 2).shapes, (0, 0, 0, 0)),
    "no values, dat": dict.fromkeys(DAT(32, (2,), (4,), (4, 8), 64, 2).shapes, (0, 0, 0, 0)),
    "no values, faces": dict.fromkeys(GFPGANClean(16, 16, 16).shapes, (0, 0, 0, 0)),
    "huge": {name: tuple(2**62 for _ in shape) for name, shape in RRDBNet(1).shapes.items()},
    "huge, dat": {name: tuple(2**62 for _ in shape) for name, shape in DAT(32, (2,), (4,), (4, 8), 64, 2).shapes.items()},
    "huge, faces": {name: tuple(2**62 for _ in shape) for name, shape in GFPGANClean(16, 16, 16).shapes.items()},
    "control characters": {"\x1b[31m" + "x" * 10_000: (1,)},
    "no names": {"": (1,), ".": (1,), "body.": (1, 1, 1, 1)},
    "more blocks than any": {f"body.{n}.rdb1.conv1.weight": (1,) for n in range(100_000)} | RRDBNet(1).shapes,
    "nine doublings": RRDBNet(1).shapes | {f"conv_up{n}.weight": (64, 64, 3, 3) for n in range(3, 10)},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_the_shapes_are_they_are_refused_in_one_line(name: str) -> None:
    with pytest.raises(UnsupportedModel) as error:
        enlarging_network(HOSTILE[name], "x")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 2000


def test_the_mean_colour_that_super_image_keeps_is_no_part_of_a_network() -> None:
    network = EDSR(2, 2)
    assert enlarging_network(used(network.shapes | {"sub_mean.weight": (3, 3, 1, 1), "add_mean.bias": (3,)}), "x") == network
