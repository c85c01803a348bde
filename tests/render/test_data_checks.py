from __future__ import annotations

from dataclasses import replace
from functools import cache
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.render import data_checks, gate_summary, junit, report, summary
from mlflow_evalplus.results.data_checks import NOT_TRUSTED, DataChecks, DataFinding, Level
from tests.core.data.frames import clean
from tests.render.test_html import Reader
from tests.render.test_markdown import HOSTILE


@cache
def leaky() -> DataChecks:
    rows = clean(500, np.random.default_rng(0)).assign(copy=lambda rows: rows["label"])
    return ep.check_data(rows[:350], rows[340:], features=["copy", "channel", "amount"])


@cache
def hostile() -> DataChecks:
    rng = np.random.default_rng(0)
    values = np.array(HOSTILE, dtype=object)
    column = "</td><script>alert(1)</script>|\u202e"

    def drawn(values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(
            {"text": rng.choice(values, 300), "label": rng.choice(["<b>", "|x|"], 300), column: rng.choice(values, 300)}
        )

    return ep.check_data(drawn(values[:20]), drawn(values), slices=[column])


def printed(checks: DataChecks) -> str:
    screen = Console(width=140, record=True, file=StringIO())
    for part in data_checks.terminal(checks):
        screen.print(part)
    return screen.export_text()


def test_the_page_opens_with_the_answer_and_what_is_wrong() -> None:
    page = data_checks.page(leaky())
    heading, answer, first = page.split("\n\n")[:3]
    assert heading == "### Data"
    assert answer.startswith("**2 errors on 350 training rows and 160 test rows. Until the errors are gone,")
    assert first.startswith("✘ **error: duplicates\\_across.** 10 of 160 (6.2 %) test texts")
    assert "Take these texts out of the training rows" in first
    assert "Rows, from 0: test:0 " in first
    assert "✘ **error: leaks\\[copy\\].**" in page
    assert page.index("leaks\\[copy\\]") < page.index("✔ class\\_support") < page.index("– cluster\\_overlap")


def test_one_part_alone_and_sound_data_are_said_to_be_well() -> None:
    rows = clean(300, np.random.default_rng(1))
    assert "Nothing is wrong with 300 training rows, as far as these checks look." in data_checks.page(
        ep.check_data(rows)
    )


def test_a_page_of_many_findings_counts_the_rest() -> None:
    many = tuple(DataFinding("drift", Level.WARNING, "It differs.", 9, f"c{i}") for i in range(50))
    page = data_checks.page(replace(leaky(), rows=many))
    assert "50 warnings on" in page
    assert page.endswith(f"… 30 more in `{names.DATA_TABLE}`.")


def test_the_same_advice_is_given_once_with_all_that_it_is_about() -> None:
    rows = [DataFinding("drift", Level.WARNING, "It differs.", 9, f"c{i}", action="Look at it.") for i in range(2)]
    shown = printed(replace(leaky(), rows=tuple(rows)))
    assert shown.count("Look at it.") == 1
    assert "What to do about drift[c0], drift[c1]: Look at it." in shown


def test_without_test_rows_the_headline_names_none() -> None:
    spelt = DataFinding("label_spelling", Level.ERROR, "Two spellings.", 9)
    answer = data_checks.headline(DataChecks(100, 0, (spelt,)))
    assert answer.startswith("1 error on 100 training rows.")
    assert "test rows" not in answer


def test_an_error_in_the_data_stands_directly_beneath_the_verdict() -> None:
    evaluation = ep.evaluate(clean(60, np.random.default_rng(2)).assign(prediction="neutral"))
    error = f"{NOT_TRUSTED} 10 of 60 test texts are training texts. See evalplus_data.md."
    told = replace(evaluation, notes=("Another.", error))
    for page in (summary.page(told), summary.description(told), gate_summary.page(told, "words")):
        assert page.split("\n\n")[1].startswith("**The data have an error, so the figures cannot be trusted: 10 of")
        assert page.count("cannot be trusted") == 1
        assert "> Another." in page
    html = report.page(told)
    assert html.index("cannot be trusted") < html.index("What to do next")
    assert html.count("cannot be trusted") == 1
    assert 'name="data_error_1" value="The data have' in junit.junit(told, "words")
    assert summary.description(evaluation).split("\n\n")[1].startswith("Accuracy ")


def test_hostile_text_is_text_on_the_page_and_in_the_terminal() -> None:
    page = data_checks.page(hostile())
    assert "<script" not in page
    assert "\u202e" not in page
    assert len({line.count(" | ") for line in page.splitlines() if line.startswith("| ")}) == 1
    shown = printed(hostile())
    assert "\x07" not in shown
    assert "\u202e" not in shown
    assert "duplicates_across" in shown


@pytest.mark.parametrize("checks", [leaky, hostile])
def test_the_report_has_a_section_of_the_data(checks: object) -> None:
    rows = clean(60, np.random.default_rng(2)).assign(prediction=lambda rows: rows["label"])
    evaluation = ep.evaluate(rows)
    assert "Training and test data" not in report.page(evaluation)
    found: DataChecks = checks()  # type: ignore[operator]
    page = report.page(replace(evaluation, data_checks=found))
    assert [data["class"] for tag, data in Reader(page).elements if tag == "td" and "class" in data].count(
        "nowrap fail"
    ) == len(found.errors)
    assert '<h2 id="data-title">Training and test data</h2>' in page
    assert "<script>alert" not in page
    assert data_checks.headline(found) in page
    assert found.errors


def test_the_terminal_tells_what_to_do() -> None:
    shown = printed(leaky())
    assert "✘ error" in shown
    assert "What to do about leaks[copy]: Take 'copy' out of what the model sees" in shown
    assert shown.rstrip().endswith("figures on the test rows cannot be trusted.")
