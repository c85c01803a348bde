"""The HTML page of a monitored log: what it says is right, nothing of the data is markup, and it stays small."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest

from mlflow_evalplus.render import monitoring_report
from mlflow_evalplus.results import Alert, Monitoring, Outcome
from tests.render import monitored
from tests.render.test_comparison_report import Parsed
from tests.render.test_markdown import HOSTILE

SECTIONS = {"next", "time", "alerts", "cause", "shifts", "terms", "windows", "notes"}


def parsed(found: Monitoring, run_name: str = "") -> Parsed:
    return Parsed(monitoring_report.page(found, run_name))


def test_every_section_is_there_where_it_has_something_to_say() -> None:
    whole, least = parsed(monitored.monitoring()), parsed(monitored.nothing_known())
    assert whole.ids >= SECTIONS
    assert least.ids & SECTIONS == {"next", "time", "windows"}
    for page in (whole, least):
        linked = {str(given["href"]).removeprefix("#") for tag, given in page.elements if tag == "a"}
        assert linked - {"windows"} == page.ids & SECTIONS - {"windows"}


def test_the_windows_and_the_gates_are_tables() -> None:
    page = parsed(monitored.monitoring())
    rows = page.table("All windows")
    assert [row[0] for row in rows[1:]] == ["reference", *monitored.MONTHS]
    assert rows[-1][1:] == [
        "1,800", "1,020", "0.794 [0.769, 0.819]", "0.826 [0.808, 0.844]", "−6.7 [−9.3, −4.1]",
        "✘ accuracy, mix of channel",
    ]  # fmt: skip
    gates = {row[0]: row[1:] for row in page.table("Every gate by window")}
    assert gates["psi of channel at most 0.2"] == ["✔fine"] * 5 + ["✘alert"]
    assert gates["new words and phrases"] == ["✔fine"] * 4 + ["✘alert", "✔fine"]
    raised = page.table("What 2025-12 raises")
    assert [row[1] for row in raised[1:]] == ["✘ alert", "✘ alert", "? undecided"]
    assert raised[2][2] == "0.256, and the shares differ (p < 0.001)"


def test_mix_rate_shifts_and_terms_are_tables() -> None:
    page = parsed(monitored.monitoring())
    assert page.table("Change of accuracy since reference")[2][:2] == ["other customers (mix)", "−1.2 [−2.0, −0.4]"]
    assert page.table("By channel")[1] == ["channel=web", "30.0 % → 49.0 %", "0.790 → 0.700", "−1.2", "−3.8"]
    heat = {row[0]: row[1:] for row in page.table("PSI by column")}
    assert heat["channel"] == ["0.002", "0.002", "0.003", "0.010", "0.241*", "0.256*"]
    assert page.table("What changed most")[1][:3] == ["channel", "web", "30.0 % → 49.0 %"]
    terms = page.table("3 of 3 new words")
    assert terms[2] == ["退款 unseen before", "61", "0.0 % → 3.4 %", "< 0.001", "2025-11", "0.610 [0.451, 0.769]"]


def test_numbers_have_one_minus_sign_and_times_are_written_for_people() -> None:
    found = monitored.monitoring()
    reference = replace(found.reference, start="2025-01-01T01:00:00", end="2025-06-30T23:00:00")
    text = monitoring_report.page(replace(found, reference=reference))
    assert "−6.7 [−9.3, −4.1] points from the reference" in text
    assert not re.search(r"(?<![\w.])-\d+\.\d", re.sub(r"<(style|script|svg).*?</\1>", "", text, flags=re.S))
    assert "2025-01-01 to 2025-06-30" in text
    assert "T01:00" not in text
    day = replace(reference, end="2025-01-01T05:30:00")
    assert "2025-01-01 01:00 to 2025-01-01 05:30" in monitoring_report.page(replace(found, reference=day))


def test_an_accuracy_that_was_not_tested_is_not_called_fine() -> None:
    found = monitored.monitoring(3)
    untested = Alert("accuracy not below the reference's", Outcome.PASS, "not tested", "accuracy", asked=False)
    last = replace(found.last, alerts=(untested,))
    page = parsed(replace(found, windows=(*found.windows[:-1], last)))
    assert page.table("Every gate by window")[1][-1] == "–not tested"
    assert page.table("All windows")[-1][-1] == "– not tested"
    text = monitoring_report.page(replace(found, windows=(last,)))
    assert "2025-09</bdi> raises no alert" in text
    assert "is fine" not in text
    assert "Nothing to do" not in text


def test_the_shade_of_a_shift_grows_with_it_and_ends_where_much_has_changed() -> None:
    given = monitored.shifts(0)[0]
    shades = [monitoring_report._shade(replace(given, psi=psi)) for psi in (0.0, 0.1, 0.25, 3.0, float("nan"))]
    assert shades == [0.0, 0.3, 0.75, 0.75, 0.0]


def test_a_window_that_lacks_a_gate_or_a_column_has_a_dash() -> None:
    found = monitored.monitoring()
    first = replace(found.windows[0], alerts=(), shifts=(), drop=None, estimated_drop=None, estimated=None)
    page = parsed(replace(found, windows=(first, *found.windows[1:])))
    assert page.table("Every gate by window")[1][1] == "–"
    assert page.table("PSI by column")[1][1] == "–"
    assert page.table("All windows")[2][4:6] == ["–", "–"]


@cache
def shape_of_plain_names() -> list[str]:
    return [tag for tag, _ in parsed(monitored.spoilt("plain"), "plain").elements if tag != "wbr"]


@pytest.mark.parametrize("text", [text for text in HOSTILE if text][::2])
def test_nothing_of_the_data_is_markup(text: str) -> None:
    page = parsed(monitored.spoilt(text), text)
    assert [tag for tag, _ in page.elements if tag != "wbr"] == shape_of_plain_names()
    assert "http" not in {str(value)[:4] for _, given in page.elements for value in given.values()}


@pytest.mark.parametrize("name", ["2025-W{:03}", "x" * 100_000 + "{}"])
def test_ten_years_of_weeks_stay_one_small_page(name: str) -> None:
    windows = tuple(replace(monitored.window(place % 6), name=name.format(place)) for place in range(520))
    text = monitoring_report.page(replace(monitored.monitoring(), windows=windows))
    assert len(text.encode()) < 200_000
    assert "24 newest of 520 windows" in text
    assert "the 12 newest windows" in text


def test_a_term_is_new_since_the_first_window_that_had_it_without_a_gap() -> None:
    term = monitored.terms()[0]
    holds = (True, False, True, True)
    windows = tuple(
        monitored.bare(f"w{place}", terms=(term,) if held else ()) for place, held in enumerate(holds)
    )  # fmt: skip
    found = Monitoring(monitored.bare("reference"), windows)
    assert [row.since for row in monitoring_report._terms(found)] == ["w2"]
