"""The words and the page of a monitored log: the answer first, what to do, nothing of the data is markup."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from io import StringIO
from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from mlflow_evalplus import names
from mlflow_evalplus.render import monitoring as pages
from mlflow_evalplus.render import monitoring_words as words
from mlflow_evalplus.render.monitoring_steps import AUDIT, COLLECT, steps
from mlflow_evalplus.requirements import load
from mlflow_evalplus.results import Alert, Difference, MixRate, Monitoring, Outcome
from tests.render import monitored
from tests.render.test_markdown import HOSTILE, PARSER

SHORT = [text[:300] for text in HOSTILE]


def with_last(found: Monitoring, **changes: object) -> Monitoring:
    return replace(found, windows=(*found.windows[:-1], replace(found.last, **changes)))  # type: ignore[arg-type]


def gate(metric: str, outcome: Outcome = Outcome.FAIL, column: str = "") -> Alert:
    return Alert(f"{metric} as asked", outcome, "so it was found", metric, column)


UNTESTED = Alert("accuracy not below the reference's", Outcome.PASS, "not tested: 3 labelled rows, 5 are needed",
                 "accuracy", asked=False)  # fmt: skip


def uncalibrated() -> Monitoring:
    return replace(monitored.nothing_known(), scored=True)


def printed_by(found: Monitoring) -> str:
    console = Console(width=200, file=StringIO(), record=True)
    for part in pages.terminal(found):
        console.print(part)
    return console.export_text()


def cells(page: str, beginning: str) -> list[list[str]]:
    """Return the rows of the page's table whose first header is this one, as Markdown shows them."""
    tables: list[list[list[str]]] = []
    for token in PARSER.parse(page):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type == "inline" and tables and token.level > 3:
            tables[-1][-1].append("".join(child.content for child in token.children or ()))
    return next(table for table in tables if table[0][0] == beginning)


@pytest.mark.parametrize(
    ("found", "mark", "sentence"),
    [
        (monitored.monitoring(), "## ✘ alert", "2025-12 raises 2 alerts: accuracy, mix of channel. Accuracy 0.794"),
        (monitored.monitoring(3), "## ✔ fine", "2025-09 is fine: no alert. Accuracy 0.862 [0.828, 0.896] on 405"),
        (with_last(monitored.monitoring(3), alerts=(gate("accuracy", Outcome.UNDECIDED),)), "## ? undecided",
         "2025-09 raises no alert, but is undecided on accuracy."),
        (monitored.nothing_known(), "## – not tested",
         "rows 501 to 1,000 raises no alert. How good the model is cannot be told: there are neither labels nor"),
        (uncalibrated(), "## – not tested", "there are scores, but not calibrated, and no labels. Give a reference"),
        (with_last(monitored.monitoring(3), alerts=(UNTESTED,)), "## – not tested",
         "2025-09 raises no alert. Accuracy 0.862 [0.828, 0.896] on 405 labelled rows; +0.1 [-4.4, +4.6] points from "
         "the reference; not tested: 3 labelled rows, 5 are needed."),
        (with_last(monitored.monitoring(3), metrics={}, n_labelled=0), "## ✔ fine",
         "Accuracy is estimated at 0.858 [0.842, 0.874], as no row has a label; -0.3 [-2.3, +1.7] points from"),
    ],
)  # fmt: skip
def test_the_page_opens_with_the_answer(found: Monitoring, mark: str, sentence: str) -> None:
    first, second, *_ = pages.page(found).replace("\\", "").split("\n\n")
    assert first == mark
    assert sentence in second


@settings(max_examples=60, deadline=None)
@given(st.floats(-0.2, 0.2), st.floats(0.001, 0.1), st.floats(-0.2, 0.2), st.floats(0.001, 0.1))
def test_it_is_the_model_or_the_customers_by_the_bounds_of_rate_and_mix(
    mix: float, mix_half: float, rate: float, rate_half: float
) -> None:
    total = monitored.difference(mix + rate, max(mix_half, rate_half))
    parts = (monitored.difference(mix, mix_half), monitored.difference(rate, rate_half))
    said = words.cause(replace(monitored.bare(), mix_rate=MixRate("now", "before", "channel", total, *parts, ())))
    sign = -1 if mix + rate < 0 else 1
    if abs(mix + rate) <= max(mix_half, rate_half):
        assert said.startswith("Accuracy is not shown to have changed")
        return
    by_mix, by_rate = sign * mix > mix_half, sign * rate > rate_half
    assert said.startswith("Accuracy fell by" if sign < 0 else "Accuracy rose by")
    assert ("it is both" in said) == (by_mix and by_rate)
    assert ("the customers changed;" in said) == (by_mix and not by_rate)
    assert ("it is the model, not the customers" in said) == (by_rate and not by_mix)
    assert ("cannot be told" in said) == (not by_rate and not by_mix)
    assert words.points(parts[0]) in said
    assert words.points(parts[1]) in said


def test_without_a_split_nothing_is_said_of_model_and_customers() -> None:
    assert words.cause(monitored.bare()) == ""
    unknown = Difference(nan, nan, nan, nan, 0)
    split = MixRate("a", "b", "channel", unknown, unknown, unknown, ())
    assert words.cause(replace(monitored.bare(), mix_rate=split)) == ""


@pytest.mark.parametrize(
    ("drop", "estimated", "told"),
    [((-0.09, 0.03), (-0.01, 0.02), True), ((-0.09, 0.03), (-0.05, 0.02), False), ((-0.01, 0.02), (0.05, 0.01), False),
     ((-0.09, 0.03), (0.05, 0.01), True), ((0.02, 0.01), (0.06, 0.01), False), ((nan, nan), (0.05, 0.01), False),
     ((-0.09, 0.03), None, False)],
)  # fmt: skip
def test_a_drop_that_only_labels_show_is_said_to_be_overlooked(
    drop: tuple[float, float], estimated: tuple[float, float] | None, told: bool
) -> None:
    changes = {"drop": monitored.difference(*drop), "estimated_drop": estimated and monitored.difference(*estimated)}
    found = with_last(monitored.monitoring(), **changes)
    assert ("The estimate does not see it" in words.overlooked(found.last)) == told
    assert ("The estimate does not see it" in pages.page(found)) == told
    assert ("The estimate does not see it" in printed_by(found)) == told


@pytest.mark.parametrize(
    ("alerts", "said", "commands"),
    [
        ([gate("accuracy", Outcome.PASS)], ["Nothing to do"], [""]),
        ([], ["No gate watches the accuracy"], [""]),
        ([UNTESTED], ["Label rows of this window"], [AUDIT]),
        ([gate("accuracy")], ["Collect the cases"], [COLLECT]),
        ([gate("recall[negative]"), gate("estimated_accuracy")], ["Collect the cases"], [COLLECT]),
        ([gate("estimated_accuracy")], ["only estimated"], [AUDIT]),
        ([gate("psi", column="channel")], ["See why channel changed: web 30.0 % → 49.0 %."], [""]),
        ([gate("js", column="channel"), gate("psi", column="channel")], ["See why channel changed"], [""]),
        ([gate("psi", column="a"), gate("new_terms")], ["See why a changed.", "new words"], ["", COLLECT]),
        ([gate("accuracy"), gate("new_terms")], ["Collect the cases"], [COLLECT]),
        ([gate("n_labelled", Outcome.UNDECIDED)], ["Label more rows"], [AUDIT]),
        ([gate("psi", Outcome.UNDECIDED, "label")], ["Label more rows"], [AUDIT]),
        ([gate("psi", Outcome.UNDECIDED, "a"), gate("accuracy", Outcome.PASS)],
         ["See why mix of a is undecided: so it was found."], [""]),
        ([gate("accuracy", Outcome.UNDECIDED), gate("psi", column="channel")], ["See why channel"], [""]),
    ],
)  # fmt: skip
def test_each_alert_has_its_next_step(alerts: list[Alert], said: list[str], commands: list[str]) -> None:
    found = steps(with_last(monitored.monitoring(), alerts=tuple(alerts)))
    assert [step.command for step in found] == commands
    assert all(text in step.text for text, step in zip(said, found, strict=True))


def test_a_mix_that_changed_needs_no_retraining_only_where_no_drop_is_shown() -> None:
    mix = gate("psi", column="channel")
    holds, fell = (
        " ".join(step.text for step in steps(with_last(monitored.monitoring(), alerts=(mix, *more))))
        for more in ((), (gate("accuracy"),))
    )
    assert "Where the accuracy holds there is nothing to retrain" in holds
    assert "nothing to retrain" not in fell


def test_where_nothing_tells_how_good_the_answers_are_there_is_something_to_do() -> None:
    few = monitored.monitoring(3)
    few = with_last(replace(few, reference=replace(few.reference, n_labelled=3)), alerts=(UNTESTED,))
    for found, said in (
        (monitored.nothing_known(), ["Label rows of this window"]),
        (uncalibrated(), ["Label rows of this window", "Give a reference with scores and 100 labels"]),
        (few, ["Give a reference with more labelled rows"]),
        (with_last(few, alerts=(), drop=None), ["The accuracy is held against nothing"]),
    ):
        assert [step.text[: len(text)] for step, text in zip(steps(found), said, strict=True)] == said
        for shown in (pages.page(found), printed_by(found)):
            assert "is fine" not in shown
            assert "Nothing to do" not in shown
        assert words.flagged(found.last) == "– not tested"
        assert words.marked(found.last) == "– not tested"


def test_the_windows_are_listed_beneath_the_reference_and_the_older_ones_counted() -> None:
    found = monitored.monitoring()
    table = cells(pages.page(found, limit=4), "window")
    assert [row[0] for row in table[1:]] == ["reference", "2025-09", "2025-10", "2025-11", "2025-12"]
    assert table[-1][1:] == [
        "1,800 (1,020)", "0.794 [0.769, 0.819]", "0.826 [0.808, 0.844]", "-6.7 [-9.3, -4.1]", "channel 0.256", "3",
        "✘ accuracy, mix of channel",
    ]  # fmt: skip
    assert "The 2 older windows are in `evalplus/monitor.json`" in pages.page(found, limit=4)
    assert "older window" not in pages.page(found)
    unlabelled = with_last(found, drop=None, metrics={})
    assert cells(pages.page(unlabelled), "window")[-1][4] == "≈ -3.5 [-5.5, -1.5]"


def test_alerts_shifts_and_terms_of_the_newest_window_are_on_the_page() -> None:
    page = pages.page(monitored.monitoring())
    assert [row[0] for row in cells(page, "alert")[1:]] == [
        "accuracy at most 0.03 below the reference's", "psi of channel at most 0.2", "accuracy at least 0.8",
    ]  # fmt: skip
    assert cells(page, "column")[1] == ["channel", "0.256", "0.040", "< 0.001", "web 30.0 % → 49.0 %"]
    assert cells(page, "term")[2][0] == "退款 (unseen before)"
    assert cells(page, "term")[3][4] == "–"
    assert "language=ja has no labelled rows." in page


@cache
def shape_of_plain_names() -> tuple[str, ...]:
    return tuple(token.type for token in PARSER.parse(pages.page(monitored.spoilt("plain"))))


@pytest.mark.parametrize("text", SHORT)
def test_nothing_of_the_data_is_markup(text: str) -> None:
    tokens = PARSER.parse(pages.page(monitored.spoilt(text or "plain")))
    assert tuple(token.type for token in tokens) == shape_of_plain_names()
    kinds = {child.type for token in tokens for child in token.children or ()}
    assert kinds <= {"text", "code_inline", "strong_open", "strong_close", "softbreak"}


@pytest.mark.parametrize("found", [monitored.monitoring(), monitored.spoilt("x" * 100_000)])
def test_a_runs_description_is_whole_paragraphs_within_what_mlflow_keeps(found: Monitoring) -> None:
    described = pages.description(found)
    assert len(described) < 8_000
    blocks = pages.page(found, pages.MAX_DESCRIBED).split("\n\n")
    kept = described.split("\n\n")
    whole = kept if kept == blocks else kept[:-1]
    assert whole == blocks[: len(whole)]
    assert len(whole) > 3
    many = with_last(found, alerts=tuple(replace(gate("accuracy"), reason="y" * 900) for _ in range(20)))
    assert pages.description(many).endswith(f"… the rest is in `{names.MONITOR_PAGE}`.")


def test_the_terminal_shows_every_window_and_the_answer() -> None:
    printed = printed_by(monitored.monitoring())
    assert all(month in printed for month in ("reference", *monitored.MONTHS))
    assert "2025-12 raises 2 alerts" in printed
    assert COLLECT in printed
    for text in SHORT[:20]:
        assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", printed_by(monitored.spoilt(text)))


def test_the_level_that_is_asked_for_is_read_from_the_words_of_the_requirements() -> None:
    asked = [
        {"metric": "accuracy", "min": 0.8}, {"metric": "accuracy", "min": 0.825},
        {"metric": "f1_macro", "min": 0.9}, {"metric": "accuracy", "max_drop": 0.03},
    ]  # fmt: skip
    gates = load({"monitor": {"alerts": asked}}).monitor.alerts
    alerts = tuple(Alert(str(gate), Outcome.PASS, "", gate.key) for gate in gates)
    assert words.asked_level(with_last(monitored.monitoring(), alerts=alerts)) == 0.825
    assert words.asked_level(with_last(monitored.monitoring(), alerts=alerts[2:])) is None
    defaults = tuple(replace(alert, asked=False) for alert in alerts)
    assert words.asked_level(with_last(monitored.monitoring(), alerts=defaults)) is None


def test_the_largest_shift_passes_over_undefined_ones() -> None:
    shifts = monitored.shifts(5)
    undefined = replace(shifts[0], psi=nan)
    assert words.largest_shift(replace(monitored.bare(), shifts=(undefined, *shifts[1:]))) == shifts[1]
    assert words.largest_shift(monitored.bare()) is None
