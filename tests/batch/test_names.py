"""Names of results: by a template, each once."""

import pytest

from img_enhance.batch.names import Names, NameTemplate, scale_text
from img_enhance.errors import OptionError


def test_names_and_endings_stay() -> None:
    names = Names(NameTemplate())
    assert names.name_for("a/B.JPG", "jpeg") == "a/B.JPG"
    assert names.name_for("a/c.jpeg", "jpeg") == "a/c.jpeg"
    assert names.name_for("d.heic", "jpeg") == "d.jpg"
    assert names.name_for("v1.2 final", "png") == "v1.2 final.png"


def test_no_two_results_share_a_name() -> None:
    names = Names(NameTemplate())
    given = [names.name_for(source, "jpeg") for source in ("a.jpg", "a.png", "A.JPG", "a.webp", "e\u0301.jpg", "\u00e9.jpg", "a_png.jpg")]
    assert given == ["a.jpg", "a_png.jpg", "A_JPG.JPG", "a_webp.jpg", "e\u0301.jpg", "\u00e9_jpg.jpg", "a_png_jpg.jpg"]


def test_name_that_a_photo_had_stays_its_own() -> None:
    names = Names(NameTemplate())
    names.keep("a.jpg", "a.png")
    assert names.name_for("a.jpg", "jpeg") == "a_jpg.jpg"
    assert names.name_for("a.png", "jpeg") == "a.jpg"


def test_scale_is_put_in_when_it_is_known() -> None:
    names = Names(NameTemplate("{stem}_{scale}x{ext}"))
    first, second = (names.name_for(source, "jpeg") for source in ("a.jpg", "a.png"))
    assert names.scaled(first, "a.jpg", "4") == "a_4x.jpg"
    assert names.scaled(second, "a.png", "2") == "a_png_2x.jpg"


def test_scales_do_not_bring_two_names_together() -> None:
    names = Names(NameTemplate("{stem}{scale}{ext}"))
    first, second = (names.name_for(source, "jpeg") for source in ("a.jpg", "a1.jpg"))
    assert names.scaled(first, "a.jpg", "12") == "a12.jpg"
    assert names.scaled(second, "a1.jpg", "2") == "a12_2.jpg"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{name}{ext}", "name has {name}"),
        ("{stem", "a brace"),
        ("{stem}/{ext}", "cannot have"),
        ("..\\{stem}{ext}", "cannot have"),
        ("photo{ext}", "tell results apart"),
        ("{stem}.jpg", "tell results apart"),
        ("", "tell results apart"),
    ],
)
def test_template_is_checked_before_anything_runs(template: str, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        NameTemplate(template)


@pytest.mark.parametrize(
    ("size", "result", "text"), [((100, 50), (400, 200), "4"), ((100, 50), (150, 75), "1.5"), ((300, 1), (100, 1), "0.33")]
)
def test_scale_is_short(size: tuple[int, int], result: tuple[int, int], text: str) -> None:
    assert scale_text(size, result) == text
