"""The table of causes: the largest first, and no way out of a cell."""

from __future__ import annotations

from mlflow_evalplus.render.attribution import page
from mlflow_evalplus.render.causes import page_part
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.attribution import Attribution, Source
from mlflow_evalplus.results.causes import CAUSES, Cause, Causes
from tests.render.test_markdown import tables

NAN = float("nan")
FIXED, UNKNOWN = Estimate(0.85, 0.81, 0.88, 400), Estimate(NAN, NAN, NAN, 400)


def cause(name: str, share: float, errors: int = 14, fixed: Estimate = FIXED) -> Cause:
    return Cause(name, errors, share, fixed, "read them", ("r1",))


def test_the_largest_cause_comes_first_and_is_named_with_what_to_do() -> None:
    shown = page_part(Causes((cause("ambiguous", 0.25, 5, UNKNOWN), cause("weak_slice", 0.75, 1234))))
    assert "Most errors (75%): **weak slice**. To do: read them." in shown
    (table,) = tables(shown)
    assert [row[0] for row in table[1:]] == ["weak slice (1,234, 75%)", "ambiguous (5, 25%)"]
    assert table[1][1].startswith("0.850 [0.810, 0.880]")
    assert table[2][1] == "–"


def test_no_causes_no_part() -> None:
    assert page_part(Causes()) == ""
    pair = Source("class_pair", "class_pair", "a → b", 9, 3, 1.0, 1.0, 0.3, NAN, NAN, NAN, NAN, NAN, ())
    without = page(Attribution(9, 3, (pair,)))
    assert "#### Causes" not in without
    assert "#### Causes" in page(Attribution(9, 3, (pair,), Causes((cause("weak_slice", 1.0),))))


def test_every_cause_has_a_title_that_shows_as_it_is() -> None:
    rows = tuple(cause(name, 1 / len(CAUSES)) for name in CAUSES)
    (table,) = tables(page_part(Causes(rows)))
    assert [row[0] for row in table[1:]] == [f"{title} (14, 14%)" for title in CAUSES.values()]


def test_ids_of_the_data_are_no_part_of_the_page() -> None:
    """They may hold anything; whoever wants them finds them in the table of the contract."""
    shown = page_part(Causes((Cause("weak_slice", 3, 1.0, FIXED, "read them", ("| r1 |\n# head",)),)))
    assert "r1" not in shown
    assert [[len(row) for row in table] for table in tables(shown)] == [[2, 2]]
