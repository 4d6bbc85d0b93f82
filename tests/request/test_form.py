"""Options as data: one check of types and bounds, one reading of what a person types."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img_enhance.errors import OptionError
from img_enhance.request.form import Field, check, fields, from_mapping, from_text, option, to_mapping


@dataclass(frozen=True)
class Trial:
    """One option of every kind."""

    whole: int = option(5, help="a count", minimum=1, maximum=10)
    number: float = option(0.5, help="a share", minimum=0, maximum=1)
    word: str = option("red", help="a colour", choices=("red", "blue"), aliases={"crimson": "red"})
    room: int | None = option(None, help="room", minimum=1_000, unit="bytes", exclusive="size")
    free: float | None = option(None, help="any", exclusive="size")
    text: str | None = option(None, help="any text")

    def __post_init__(self) -> None:
        check(self)


FIELD = {field.name: field for field in fields(Trial)}


def test_fields_say_all_that_a_door_needs() -> None:
    assert FIELD["whole"] == Field("whole", int, 5, "a count", minimum=1, maximum=10)
    assert FIELD["room"] == Field("room", int, None, "room", minimum=1_000, unit="bytes", exclusive="size")
    assert [field.type for field in fields(Trial)] == [int, float, str, int, float, str]
    assert [field.optional for field in fields(Trial)] == [False, False, False, True, True, True]


@pytest.mark.parametrize(
    "values", [{"whole": 1}, {"whole": 10}, {"number": 0}, {"number": 1}, {"word": "blue"}, {"room": 1_000}, {"free": -3}, {"text": ""}]
)
def test_accepts_values_up_to_the_bounds(values: dict[str, Any]) -> None:
    assert to_mapping(Trial(**values)).items() >= values.items()


@pytest.mark.parametrize(
    "values",
    [
        {"whole": 0},
        {"whole": 11},
        {"number": -0.01},
        {"number": 1.01},
        {"word": "green"},
        {"room": 999},
        {"free": float("nan")},
        {"free": float("inf")},
        {"free": float("-inf")},
        {"number": float("nan")},
    ],
)
def test_refuses_values_out_of_bounds(values: dict[str, Any]) -> None:
    (name,) = values
    with pytest.raises(OptionError, match=f"^{name} must be "):
        Trial(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"whole": True},
        {"whole": 5.0},
        {"whole": "5"},
        {"whole": None},
        {"number": False},
        {"number": "0.5"},
        {"number": 1j},
        {"word": 3},
        {"word": None},
        {"word": ["red"]},
        {"room": True},
        {"room": 2000.0},
        {"free": True},
        {"text": 5},
        {"text": b"red"},
    ],
)
def test_refuses_values_of_another_type(values: dict[str, Any]) -> None:
    (name,) = values
    with pytest.raises(OptionError, match=f"^{name} must be "):
        Trial(**values)


@pytest.mark.parametrize("name", ["room", "free", "whole"])
def test_refuses_a_number_beyond_any_float(name: str) -> None:
    values: dict[str, Any] = {name: 10**400}
    with pytest.raises(OptionError):
        Trial(**values)


def test_refuses_two_of_a_group_of_which_one_may_be_given() -> None:
    with pytest.raises(OptionError, match="give room or free, not both"):
        Trial(room=1_000, free=1.0)


def test_error_names_option_value_and_bounds() -> None:
    with pytest.raises(OptionError) as failure:
        Trial(whole=12)
    assert str(failure.value) == "whole must be a whole number from 1 to 10, not 12"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("room", "2G", 2_000_000_000),
        ("room", "1.5M", 1_500_000),
        ("room", "1.5m", 1_500_000),
        ("room", "500MB", 500_000_000),
        ("room", "2GiB", 2_000_000_000),
        ("room", " 12345 ", 12_345),
        ("room", "1T", 10**12),
        ("room", "1e9", 10**9),
        ("whole", "7", 7),
        ("whole", "+7", 7),
        ("whole", "-7", -7),
        ("number", "0.25", 0.25),
        ("number", "1e-3", 0.001),
        ("word", "anything", "anything"),
        ("word", "RED", "red"),
        ("word", "Crimson", "red"),
        ("text", "2G", "2G"),
        ("text", "RED", "RED"),
    ],
)
def test_reads_what_a_person_types(name: str, text: str, value: object) -> None:
    read = from_text(FIELD[name], text)
    assert read == value
    assert type(read) is FIELD[name].type


@given(st.integers(1, 99_999), st.integers(0, 2), st.sampled_from("MGT"))
def test_reads_every_decimal_with_a_suffix_exactly(digits: int, places: int, suffix: str) -> None:
    text = f"{digits / 10**places:.{places}f}{suffix}"
    exact = digits * {"M": 10**6, "G": 10**9, "T": 10**12}[suffix] // 10**places
    assert from_text(FIELD["room"], text) == exact


@pytest.mark.parametrize("name", ["whole", "number", "room"])
@pytest.mark.parametrize("text", ["", " ", "abc", ".", "1.2.3", "1,5", "--2", "0x10", "1e", "nan", "inf", "1 2", "G", "2GG", "\u0663"])
def test_refuses_junk_for_a_number(name: str, text: str) -> None:
    with pytest.raises(OptionError, match=f"^{name} must be "):
        from_text(FIELD[name], text)


@pytest.mark.parametrize("text", ["1.5", "2K", "7M"])
def test_refuses_parts_and_suffixes_for_a_count(text: str) -> None:
    with pytest.raises(OptionError):
        from_text(FIELD["whole"], text)


@pytest.mark.parametrize("name", ["room", "whole"])
@pytest.mark.parametrize("text", ["1e999", "9" * 400, "1e999G"])
def test_refuses_a_text_beyond_any_float(name: str, text: str) -> None:
    with pytest.raises(OptionError):
        from_text(FIELD[name], text)


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    for field in FIELD.values():
        try:
            value = from_text(field, text)
        except OptionError:
            continue
        assert type(value) is field.type


def test_mapping_leaves_out_what_was_left_out() -> None:
    assert to_mapping(Trial(free=2.0)) == {"whole": 5, "number": 0.5, "word": "red", "free": 2.0}


def test_mapping_round_trip_is_exact() -> None:
    trial = Trial(whole=3, number=0.1, room=4_000, text="\u00e9")
    assert from_mapping(Trial, to_mapping(trial)) == trial


@pytest.mark.parametrize("word", ["red", "RED", "Crimson"])
def test_a_choice_in_a_mapping_may_be_called_as_a_person_types_it(word: str) -> None:
    assert from_mapping(Trial, {"word": word, "text": "RED", "whole": 3}) == Trial(word="red", text="RED", whole=3)


def test_refuses_an_unknown_option_and_lists_the_known() -> None:
    with pytest.raises(OptionError, match="unknown option 'hole'; known are whole, number, word, room, free, text"):
        from_mapping(Trial, {"hole": 3})
