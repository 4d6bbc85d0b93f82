"""What an ONNX file says of itself is read; what would read other files, run somebody's own code or never end is refused."""

import random
from pathlib import Path

import numpy as np
import pytest

from img_enhance.errors import UnsupportedModel, WeightsMissing
from img_enhance.models.weights.onnx_file import OnnxFile, read_onnx
from onnx_files import ANY, doubling, external, field, file_of, graph, node, port, tensor


def read(folder: Path, data: bytes) -> OnnxFile:
    path = folder / "x.onnx"
    path.write_bytes(data)
    return read_onnx(path)


def test_ports_and_operations_are_told(tmp_path: Path) -> None:
    file = read(tmp_path, doubling(taken=port("in", ("n", 3, 24, "w"))))
    assert (file.opset, [str(port) for port in file.inputs], file.outputs[0].sides) == (17, ["'in' (float32 ?x3x24x?)"], (1, 3, 0, 0))
    assert file.operations == {("", "Identity"): 2, ("", "Conv"): 1, ("", "DepthToSpace"): 1}


def test_a_weight_that_stands_among_the_inputs_is_none(tmp_path: Path) -> None:
    content = graph([], [tensor("w", np.zeros(1, np.float32))], [port("in"), port("w", (1,))], [port("out")])
    assert [port.name for port in read(tmp_path, file_of(content)).inputs] == ["in"]


def test_a_file_may_say_itself_what_an_operation_does(tmp_path: Path) -> None:
    function = field(1, "twice") + field(4, "x") + field(7, node("Add", "x x", "y")) + field(10, "mine")
    content = doubling(after=[node("twice", "y", "out", domain="mine")]) + field(25, function)
    assert read(tmp_path, content).operations["", "Add"] == 1


def _inner(operation: bytes) -> bytes:
    return node("If", "in", "out", then_branch=graph([operation], [], [], []))


LOOP = node("Loop", "in", "out", body=graph([], [], [], []))
HOSTILE = {
    r"in other files \('\.\./\.\./etc/passwd'\)": file_of(graph([], [external("w", "../../etc/passwd")], [port("in")], [port("out")])),
    r"in other files \('w\.bin'\)": file_of(
        graph([node("Constant", "", "w") + field(5, field(1, "value") + field(5, external("", "w.bin")))], [], [port("in")], [port("out")])
    ),
    r"in other files \(unnamed\)": doubling(tensors=[tensor("e", np.zeros(1, np.float32), field(14, 1))]),
    r"operations of somebody's own \(custom\.maker::Run\)": doubling(after=[node("Run", "y", "out", domain="custom.maker")]),
    r"somebody's own \(hidden::Run\)": file_of(graph([_inner(node("Run", "in", "z", domain="hidden"))], [], [port("in")], [port("out")])),
    r"repeats graphs .*\(Loop\)": file_of(graph([LOOP], [], [port("in")], [port("out")])),
    r"repeats graphs .*\(Scan\)": file_of(graph([_inner(node("Scan", "in", "b"))], [], [port("in")], [port("out")])),
    "an operation reads 'c2' before that is made": doubling(before=[node("Add", "in c2", "x"), node("Relu", "x", "c2")]),
    "reads 'x' before": file_of(graph([_inner(node("Relu", "x", "x"))], [], [port("in")], [port("out")])),
    r"version 99 \(opset\)": doubling(opset=99),
    "it has no graph": field(1, 8) + field(2, "tests"),
}


@pytest.mark.parametrize("words", HOSTILE)
def test_what_another_program_must_not_be_given_is_refused(words: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=words) as error:
        read(tmp_path, HOSTILE[words])
    assert error.value.exit_code == 3
    assert str(error.value).isascii()


def test_graphs_in_graphs_have_an_end(tmp_path: Path) -> None:
    content = b""
    for _ in range(2000):
        content = graph([node("If", "in", "out", then_branch=content)], [], [], [])
    with pytest.raises(UnsupportedModel, match="lie in each other too deep"):
        read(tmp_path, file_of(content))


def test_a_file_cut_anywhere_is_refused_or_read_and_nothing_else(tmp_path: Path) -> None:
    data = doubling()
    refused = 0
    for end in range(0, len(data) - 1, 7):
        try:
            read(tmp_path, data[:end])
        except UnsupportedModel:
            refused += 1
    assert refused > len(data) // 7 - 10  # a cut between two fields of the whole leaves a file


def test_bytes_that_are_changed_raise_nothing_else(tmp_path: Path) -> None:
    data, draw = doubling(), random.Random(5)
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(draw.randrange(1, 6)):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        try:
            read(tmp_path, bytes(changed))
        except UnsupportedModel as error:
            assert str(error).isascii()  # noqa: PT017 - most of them are read


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing):
        read_onnx(tmp_path / "nothing.onnx")
    assert ANY == (1, 3, "h", "w")
