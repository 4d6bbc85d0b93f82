"""Many photos at once: what is offered for all of them, and what a person does while they are on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from test_page import smooth_photo

if TYPE_CHECKING:
    from visits import Visit

PHASES = "([phase, count]) => document.querySelectorAll(`#film [data-phase=${phase}]`).length === count"


def several(visit: Visit, count: int) -> None:
    """Photos of different sizes that are looked at and need no network, the first one selected."""
    visit.open().choose(*[(f"{number}.png", smooth_photo(60 + number)) for number in range(count)])
    visit.page.wait_for_function(PHASES, arg=["ready", count])
    visit.wait_ready()
    visit.only("exposure_correction")
    visit.page.click("#same")


def test_all_are_offered_together_while_the_first_is_looked_at(visit: Visit) -> None:
    several(visit, 3)
    assert visit.text("#run-all") == "Enhance all 3"
    visit.page.click("#run-all")
    visit.page.wait_for_function(PHASES, arg=["done", 3])
    visit.wait_done()
    assert visit.text("#all") == "Download all 3 as ZIP"
