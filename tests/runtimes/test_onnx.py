"""Networks in ONNX files: how they take pictures is found, and they are run as that, whatever the file has it like."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from img_enhance.errors import UnsupportedModel
from img_enhance.geometry import Size
from img_enhance.models.networks.foreign import ForeignNetwork
from img_enhance.models.weights.onnx_file import read_onnx
from img_enhance.models.weights.own_file import kind_of, read_foreign
from img_enhance.runtimes.filled import Filled
from img_enhance.runtimes.measuring import measured
from img_enhance.runtimes.onnx import Onnx
from img_enhance.runtimes.onnx_interface import interface_of
from img_enhance.runtimes.runtime import Picture
from img_enhance.runtimes.scene import scene
from onnx_files import ANY, FLOAT, FLOAT16, UINT8, doubling, field, file_of, graph, node, port, tensor

TO_PLANES, TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]
LAST = (1, "h", "w", 3)


def halves_to(kind: int) -> bytes:
    return node("Cast", "y", "out", to=kind)


# What each file is like, and what is to be found of it.
FILES: dict[str, tuple[bytes, dict[str, object]]] = {
    "plain": (doubling(), {"scale": 2, "layout": "NCHW", "order": "RGB", "white": 1.0, "answer_white": 1.0, "cell": 1}),
    "old": (doubling(opset=11), {"scale": 2}),
    # One step is little of 255, and all there is from 0 to 1.
    "0 to 255": (doubling(term=1.0), {"white": 255.0, "answer_white": 255.0}),
    "answers -1 to 1": (doubling(factor=2, term=-1), {"white": 1.0, "answer_black": -1.0, "answer_white": 1.0}),
    "answers BGR": (doubling(order=(2, 1, 0)), {"order": "RGB", "answer_order": "BGR"}),
    "planes last": (
        doubling(
            before=[node("Transpose", "in", "x", perm=TO_PLANES)],
            after=[node("Transpose", "y", "out", perm=TO_LAST)],
            taken=port("in", LAST),
            answered=port("out", (1, "H", "W", 3)),
        ),
        {"layout": "NHWC", "answer_layout": "NHWC"},
    ),
    "planes last in": (
        doubling(before=[node("Transpose", "in", "x", perm=TO_PLANES)], taken=port("in", ("n", "h", "w", "c"))),
        {"layout": "NHWC", "answer_layout": "NCHW"},
    ),
    "bytes": (
        doubling(
            before=[node("Cast", "in", "x", to=FLOAT)],
            after=[halves_to(UINT8)],
            taken=port("in", ANY, UINT8),
            answered=port("out", ANY, UINT8),
        ),
        {"white": 255.0, "answer_white": 255.0},
    ),
    "halves": (
        doubling(before=[node("Cast", "in", "x", to=FLOAT)], after=[halves_to(FLOAT16)], taken=port("in", ANY, FLOAT16)),
        {"white": 1.0},
    ),
    "fixed": (doubling(taken=port("in", (1, 3, 24, 40))), {"height": 24, "width": 40, "cell": 1}),
    "one side fixed": (doubling(taken=port("in", (1, 3, 32, "w"))), {"height": 32, "width": 32}),
    "multiples": (
        doubling(before=[node("SpaceToDepth", "in", "d", blocksize=8), node("DepthToSpace", "d", "x", blocksize=8)]),
        {"cell": 8, "height": 0},
    ),
}


def found_of(path: Path) -> ForeignNetwork:
    return interface_of(read_onnx(path), read_foreign(path))


def answer_of(path: Path, network: ForeignNetwork, picture: Picture) -> Picture:
    runtime = Onnx(network, "f32")
    answer = runtime.compile(network.segments, read_foreign(path)).run([picture], lambda: None)
    return runtime.picture(answer).copy()


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        path = tmp_path / "x.onnx"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("name", FILES)
def test_how_a_network_takes_and_answers_pictures_is_found(name: str, file: Callable[[bytes], Path]) -> None:
    data, expected = FILES[name]
    path = file(data)
    assert kind_of(path) == "onnx"
    network = found_of(path)
    assert {fact: getattr(network, fact) for fact in expected} == expected
    picture = scene(24, 32)
    found = answer_of(path, network, picture)
    tolerance = {"bytes": 0.51 / 255, "halves": 2e-3, "0 to 255": 1.1 / 255}.get(name, 1e-5)
    np.testing.assert_allclose(found, picture.repeat(2, axis=0).repeat(2, axis=1), atol=tolerance)


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (24, 32)])
def test_windows_are_filled_where_a_network_takes_no_such_size(size: tuple[int, int], file: Callable[[bytes], Path]) -> None:
    picture = scene(*size)
    for name in ("fixed", "multiples"):
        path = file(FILES[name][0])
        found = answer_of(path, found_of(path), picture)
        np.testing.assert_allclose(found, picture.repeat(2, axis=0).repeat(2, axis=1), atol=1e-5)


MEAN = [node("GlobalAveragePool", "in", "m"), node("Mul", "m share", "ms"), node("Add", "in ms", "x")]
SEEING_ALL = doubling(before=MEAN, tensors=[tensor("share", np.array(-0.05, np.float32))])


def test_how_far_a_network_sees_and_what_it_costs_is_measured(file: Callable[[bytes], Path]) -> None:
    for data, sees_all, overlap in ((doubling(), False, 8), (blurring(9), False, 12), (SEEING_ALL, True, 64)):
        path = file(data)

        def compiled(network: ForeignNetwork, path: Path = path) -> object:
            return Onnx(network, "f32").compile(network.segments, read_foreign(path))

        network = measured(found_of(path), compiled, before=0, flops_per_second=1e11)  # type: ignore[arg-type]
        assert (network.sees_all, network.overlap) == (sees_all, overlap)
        assert network.bytes_per_pixel >= 12 * 4
        assert network.flops > 0
        assert network.resident_bytes > 10**7


def blurring(reach: int) -> bytes:
    """A network whose every pixel is the mean of so many on each side of it, and a half of itself."""
    side = 2 * reach + 1
    kernel = np.zeros((3, 1, side, side), np.float32)
    kernel[:, :, reach, :] = 0.5 / side
    kernel[:, :, reach, reach] += 0.5
    return doubling(before=[node("Conv", "in k", "x", group=3, pads=[reach] * 4)], tensors=[tensor("k", kernel)])


def test_a_network_of_one_size_gets_windows_of_that_size(file: Callable[[bytes], Path]) -> None:
    network = dataclasses.replace(found_of(file(FILES["fixed"][0])), overlap=4)
    (segment,) = network.segments
    assert (segment.widest, segment.window, segment.reach) == (24, 16, 4)


TWO = [port("in"), port("second")]
REFUSED = {
    "takes 2 values": file_of(graph([node("Add", "in second", "out")], [], TWO, [port("out")])),
    "answers with 2 values": file_of(graph([node("Split", "in", "a b")], [], [port("in")], [port("a"), port("b")])),
    "a network for grey pictures": file_of(graph([node("Identity", "in", "out")], [], [port("in", (1, 1, "h", "w"))], [port("out")])),
    "a network for pictures of 4 channels": file_of(graph([], [], [port("in", (1, 4, "h", "w"))], [port("out")])),
    "and pictures are float32": file_of(graph([], [], [port("in", ANY, 7)], [port("out")])),
    "and pictures are 1x3": file_of(graph([], [], [port("in", (3, "h", "w"))], [port("out")])),
    "answers with 1x3": file_of(graph([node("GlobalAveragePool", "in", "out")], [], [port("in")], [port("out", (1, 3, 1, 1))])),
    "is no picture so many times as large": doubling(after=[node("MaxPool", "y", "out", kernel_shape=[5, 5], strides=[3, 3])]),
    "in no range of values": doubling(factor=-1, term=0.3),
    "OpenVINO cannot read it": doubling(after=[node("NoSuchOperation", "y", "out")]),
    "answers the same picture with different ones": doubling(
        before=[node("RandomUniformLike", "in", "r"), node("Add", "in r", "x")],
    ),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_no_network_that_enlarges_is_refused_in_words(words: str, file: Callable[[bytes], Path]) -> None:
    with pytest.raises(UnsupportedModel, match=words) as error:
        found_of(file(REFUSED[words]))
    assert str(error.value).isascii()


def test_a_scene_is_the_same_at_every_scale() -> None:
    small, large = scene(24, 40), scene(24, 40, 3)
    np.testing.assert_allclose(large.reshape(24, 3, 40, 3, 3).mean(axis=(1, 3)), small, atol=0.01)
    assert Size(large.shape[1], large.shape[0]) == Size(120, 72)
    assert field(1, 300) == b"\x08\xac\x02"


def test_what_a_program_raises_while_it_runs_is_said_in_words(file: Callable[[bytes], Path]) -> None:
    path = file(FILES["fixed"][0])
    runtime = Onnx(dataclasses.replace(found_of(path), overlap=4), "f32")
    compiled = runtime.compile((), read_foreign(path))
    with pytest.raises(UnsupportedModel, match=r"a network \(ONNX, .*\) does not run with 48x24 pixels: "):
        compiled.run([scene(24, 48)], lambda: None)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError(), "no reason"),
        (AssertionError(), "AssertionError"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (KeyError("x"), "KeyError: 'x'"),
        (TypeError("too few"), "TypeError: too few"),
        (ValueError("too\nmany"), "ValueError: too many"),
        (AttributeError("no such"), "AttributeError: no such"),
    ],
)
def test_whatever_a_program_raises_while_it_runs_is_an_error_of_ours(error: Exception, words: str) -> None:
    class Failing:
        def run(self, *_: object) -> None:
            raise error

        def release(self) -> None: ...

    network = ForeignNetwork("spandrel", "Some by spandrel", 2)
    with pytest.raises(UnsupportedModel) as raised:
        Filled(Failing(), network).run([scene(24, 48)], lambda: None)
    assert raised.value.says == f"a network (Some by spandrel) does not run with 48x24 pixels: {words}"


def test_a_window_that_is_answered_in_another_size_is_not_cut_to_fit(file: Callable[[bytes], Path]) -> None:
    path = file(doubling())
    answer = answer_of(path, dataclasses.replace(found_of(path), scale=3, least=32), scene(20, 32))
    assert answer.shape == (64, 64, 3)
