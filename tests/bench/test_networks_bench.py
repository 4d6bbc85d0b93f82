"""The bench of the choice of networks counts what the automatic mode chooses, and says which goals are missed."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

import networks
from conftest import SAMPLE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("kinds")
    drawing = Image.new("RGB", (300, 200), "white")
    draw = ImageDraw.Draw(drawing)
    for number, fill in enumerate(("#fce94f", "#8ae234", "#729fcf")):
        draw.rounded_rectangle((10 + 95 * number, 40, 90 + 95 * number, 150), 15, fill=fill, outline="black", width=3)
        draw.text((30 + 95 * number, 90), f"step {number}", fill="black")
    with Image.open(SAMPLE) as photo:
        for kind, picture in (("photo", photo), ("drawing", drawing), ("other", photo)):
            (made / kind).mkdir()
            picture.save(made / kind / "source__one.png")
    return made


def test_what_is_chosen_is_counted_and_goals_are_met(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert networks.main([str(folder), "--jobs", "1", "--wrong"]) == 0
    said = capsys.readouterr().out
    assert [line.split()[:4] for line in said.splitlines() if "source " in line and "__" not in line][-3:] == [
        ["drawing", "source", "1", "1"],
        ["other", "source", "1", "0"],
        ["photo", "source", "1", "0"],
    ]
    assert "__one" not in said
    assert "[MISSED]" not in said


def test_a_goal_that_is_missed_is_told_with_the_names(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photo").mkdir()
    (tmp_path / "photo" / "source__drawn.png").write_bytes((folder / "drawing" / "source__one.png").read_bytes())
    assert networks.main([str(tmp_path), "--jobs", "1", "--wrong"]) == 1
    said = capsys.readouterr().out
    assert "photo/source__drawn.png" in said
    assert "[MISSED] 1 of 1 photos get the network for drawings; goal: none" in said
