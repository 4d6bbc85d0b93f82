"""The tables of the quality bench say who is best and what auto mode chose."""

from quality.degradations import CAST, EXPOSURE, UNDEGRADED
from quality.findings import Choice, Measurement, Scores
from quality.report import choice_table, family_table, wrong_choices


def measured(method: str, ciede2000: float, family: str = EXPOSURE) -> Measurement:
    return Measurement("cat", "-1 EV", family, method, Scores(psnr=30 - ciede2000, ssim=0.9, ciede2000=ciede2000, angle=None))


def chose(family: str, *steps: str) -> Choice:
    return Choice("cat", family, family, steps)


def test_rows_are_means_over_photos() -> None:
    table = family_table(EXPOSURE, [measured("no change", 4), measured("no change", 6)])
    assert table.rows == (("no change", 25.0, 0.9, 5.0, None),)


def test_ours_is_judged_against_the_best_of_the_others() -> None:
    peers = [measured("no change", 9), measured("grey world", 3)]
    assert family_table(EXPOSURE, [*peers, measured("ours", 2)]).rows[-1][-1] == "[OK] best of all"
    assert family_table(EXPOSURE, [*peers, measured("ours", 5)]).rows[-1][-1] == "[MISSED] not best in PSNR, CIEDE2000"


def test_auto_mode_is_judged_by_the_harm_it_does_to_good_photos() -> None:
    def goal(ciede2000: float) -> object:
        return family_table(UNDEGRADED, [measured("no change", 0, UNDEGRADED), measured("ours, auto", ciede2000, UNDEGRADED)]).rows[-1][-1]

    assert goal(1.4) == "[OK] CIEDE2000 under 1.5"
    assert goal(1.6) == "[MISSED] CIEDE2000 under 1.5"


def test_choices_are_counted_by_family_and_step() -> None:
    choices = [chose(EXPOSURE, "exposure_correction"), chose(EXPOSURE, "clahe"), chose(CAST, "white_balance", "clahe"), chose(UNDEGRADED)]
    table = choice_table(choices)
    assert [column.name for column in table.columns] == [
        "family", "photos", "exposure_correction", "white_balance", "clahe", "nothing", "right %",
    ]  # fmt: skip
    assert table.rows == (("exposure", 2, 1, 0, 1, 0, 50.0), ("cast", 1, 0, 1, 1, 0, 100.0), ("undegraded", 1, 0, 0, 0, 1, 100.0))
    assert [note.split()[0] for note in table.notes] == ["[MISSED]", "[OK]"]
    assert wrong_choices(choices).rows == (("cat", "exposure", "clahe"),)
