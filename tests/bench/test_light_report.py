"""The tables of the bench of light, and its run from the photos to them."""

import json
from pathlib import Path

import pytest
from bracketed import right, write_data

pytest.importorskip("skimage", reason="scikit-image is not installed; the extra bench-quality brings it")

import light_run
from light.evaluation import evaluate
from light.findings import Distances, Effects, Judgement, Measurement
from light.natural import judged, wishes
from light.report import difference_table, effects_table, high_contrast_table, likeness_table, natural_table, wishes_table
from quality.peers import no_change


def measured(scene: str, case: str | None, value: float, *, high_contrast: bool = False, gaps: float | None = None) -> Measurement:
    return Measurement(
        scene, f"{scene} {case}", case, high_contrast, "a way", seconds=value / 10,
        distances=Distances(to_truth=value, to_fusion=value + 1, psnr=30 - value, ssim=value / 10),
        effects=Effects(value / 100, chroma=value, chroma_of_truth=10, local_contrast=5, local_contrast_of_truth=value, gaps=gaps),
    )  # fmt: skip


FOUND = [measured("a", "under1", 4), measured("b", "under1", 6), measured("a", "truth", 2), measured("a", None, 8, high_contrast=True)]


def test_differences_are_means_by_case_with_those_to_the_fusion_in_brackets() -> None:
    table = difference_table(FOUND)
    assert [column.name for column in table.columns] == ["way", "under1", "under2", "over1", "over2", "truth", "seconds"]
    ((*texts, seconds),) = table.rows
    assert texts == ["a way", "5.0 (6.0)", None, None, None, "2.0 (3.0)"]
    assert seconds == pytest.approx(0.4)
    assert "under1 2, under2 0" in table.about


def test_likeness_is_psnr_and_ssim() -> None:
    assert likeness_table(FOUND).rows == (("a way", "25.0 0.500", None, None, None, "28.0 0.200"),)


def test_high_contrast_counts_its_frames_only() -> None:
    table = high_contrast_table(FOUND)
    ((_, *figures),) = table.rows
    assert figures == pytest.approx([9, 8])
    assert "1 frames" in table.about


def test_effects_are_means_and_the_most() -> None:
    found = [*FOUND, measured("b", "truth", 4, gaps=0.25)]
    ((_, *figures),) = effects_table(found).rows
    assert figures == pytest.approx([4, 6, 40, 125, 25])


def test_wishes_are_granted_within_their_bounds() -> None:
    def judgement(wish: str, changed: float, lifted: float) -> Judgement:
        return Judgement("p.jpg", "a cat", wish, "a way", changed, lifted)

    judgements = [
        judgement("leave", 0.5, 0), judgement("leave", 0.6, 0), judgement("gentle", 4, 0),
        judgement("gentle", 4.1, 0), judgement("lift", 30, 10), judgement("lift", 30, 9.9),
    ]  # fmt: skip
    assert wishes_table(judgements).rows == (("a way", "1 of 2", "1 of 2", "1 of 2"),)
    assert [row[-1] for row in natural_table(judgements, "a way").rows] == ["ok", "MISS"] * 3


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_data(tmp_path / "data")
    monkeypatch.setenv("IMG_ENHANCE_TEST_DATA", str(tmp_path / "data"))
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_any_function_is_evaluated() -> None:
    differences, *_, granted, _ = evaluate(lambda _: right())
    assert granted.rows[1] == ("the way", "1 of 1", "0 of 0", "1 of 1")
    unchanged, perfect = differences.rows
    # The right frame needs no change, whatever it is that is right for the fusion.
    assert perfect[1:6] == (unchanged[5],) * 5
    assert str(unchanged[5]).startswith("0.0 (")
    assert float(str(unchanged[1]).split()[0]) > 5


def test_prints_tables_and_saves_figures_and_pictures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["--only", "ours", "--jobs", "1", "--json", str(folder / "figures.json"), "--sheet", str(folder / "sheets")]
    assert light_run.main(chosen) == 0
    said = capsys.readouterr().out
    assert said.isascii()
    for title in ("Light: CIEDE2000", "Light: PSNR and SSIM", "Light: what else was done", "Light: natural photos"):
        assert title in said
    saved = json.loads((folder / "figures.json").read_text())
    assert {m["way"] for m in saved["measurements"]} == {"no change", "ours, auto", "ours, by hand"}
    assert all(m["case"] or m["high_contrast"] for m in saved["measurements"])
    assert {m["case"] for m in saved["measurements"]} >= {"under1", "under2", "over1", "over2", "truth"}
    assert sorted(path.stem for path in (folder / "sheets").iterdir()) == ["natural", "over1", "over2", "truth", "under1", "under2"]


@pytest.mark.usefixtures("folder")
def test_natural_photos_are_judged_by_their_wishes() -> None:
    found = judged(wishes(), {"no change": no_change, "to right": lambda _: right()}, jobs=1)
    granted = {(judgement.photo, judgement.way): judgement.granted for judgement in found}
    assert granted == {
        ("right.png", "no change"): True,
        ("right.png", "to right"): True,
        ("dark.png", "no change"): False,
        ("dark.png", "to right"): True,
    }


def test_ends_with_a_line_where_there_are_no_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMG_ENHANCE_TEST_DATA", str(tmp_path))
    assert light_run.main([]) == 1
    assert capsys.readouterr().out.startswith("[ERROR] no brackets/sequences.csv")
