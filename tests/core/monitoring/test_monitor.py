"""The whole of `monitor`, on logs whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus.core.monitoring.drop import p_worse
from mlflow_evalplus.errors import ColumnNotFound, DataError, RequirementsError
from mlflow_evalplus.results import Alert, Monitoring, Outcome
from tests.core.monitoring.streams import SCORES, SLICES, at_most, judged, stream

MONTHS = [f"2025-{month:02}" for month in range(1, 7)]


@pytest.fixture(scope="module")
def year() -> pd.DataFrame:
    """Return six months, half of whose rows are labelled; in May 15 points are lost, in June the app is all."""
    rng = np.random.default_rng(5)
    parts = [stream(600, rng, labelled=0.5, drop=0.15 * (month == "2025-05")).assign(month=month) for month in MONTHS]
    parts[5]["channel"] = np.where(rng.random(600) < 0.7, "app", parts[5]["channel"])
    parts[5]["text"] = np.where(rng.random(600) < 0.1, parts[5]["text"] + " flash", parts[5]["text"])
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=1)


@pytest.fixture(scope="module")
def found(year: pd.DataFrame) -> Monitoring:
    return ep.monitor(year, time="month", scores=SCORES, slices=SLICES, cluster="customer")


def raised(alerts: tuple[Alert, ...]) -> list[str]:
    return [alert.column or alert.metric for alert in alerts if alert.outcome is Outcome.FAIL]


def test_each_month_after_the_reference_is_a_window_with_the_figures_of_evaluate(
    year: pd.DataFrame, found: Monitoring
) -> None:
    assert [window.name for window in found.windows] == MONTHS[3:]
    assert (found.reference.start, found.reference.end) == ("2025-01-01", "2025-03-01")
    assert found.reference.n == 1800
    for window in (found.reference, *found.windows):
        months = MONTHS[:3] if window.name == "reference" else [window.name]
        rows = year[year["month"].isin(months) & year["label"].notna()]
        expected = ep.evaluate(rows, cluster="customer")
        assert window.n_labelled == expected.n
        assert {k: v for k, v in window.metrics.items() if "[" not in k} == expected.metrics
        negative = next(row for row in expected.classes.rows if row.name == "negative")
        assert window.metrics["recall[negative]"] == negative.metrics["recall"]
    assert found.notes == ()
    assert found.last is found.windows[-1]


def test_what_was_planted_in_each_month_raises_an_alert_and_nothing_else(found: Monitoring) -> None:
    april, may, june = found.windows
    assert (raised(april.alerts), april.outcome) == ([], Outcome.PASS)
    assert (raised(may.alerts), may.outcome) == (["accuracy"], Outcome.FAIL)
    assert may.drop is not None
    assert -0.25 < may.drop.value < -0.08
    assert raised(june.alerts) == ["channel", "new_terms"]
    assert [term.term for term in june.terms] == ["flash"]
    assert june.terms[0].accuracy is not None
    assert june.shifts[0].column == "channel"
    assert june.shifts[0].value == "app"
    assert june.mix_rate is not None
    assert june.mix_rate.column in SLICES
    assert june.mix_rate.total.value == pytest.approx(june.drop.value)  # type: ignore[union-attr]


def test_the_estimate_without_labels_is_blind_where_labels_change_and_texts_do_not(found: Monitoring) -> None:
    may = found.windows[1]
    assert may.estimated is not None
    assert may.estimated.value > may.metrics["accuracy"].upper
    assert may.estimated.n == 600


def test_other_data_or_an_evaluation_of_them_are_the_same_reference(year: pd.DataFrame) -> None:
    old, new = year[year["month"] < "2025-04"], year[year["month"] >= "2025-04"]
    old = old[old["label"].notna()]
    kept: dict[str, Any] = {"scores": SCORES, "slices": SLICES, "text": "text"}
    frame = ep.monitor(new, reference=old, time="month", **kept)
    evaluated = ep.monitor(new, reference=ep.evaluate(old, **kept), time="month", **kept)
    assert repr(frame) == repr(evaluated)
    assert frame.reference.n == frame.reference.n_labelled == len(old)
    assert (frame.reference.start, frame.reference.end) == ("", "")


def test_the_gates_of_requirements_yaml_are_held_against_every_window(year: pd.DataFrame) -> None:
    wanted = {
        "slices": list(SLICES),
        "monitor": {
            "window": "month", "time": "month", "reference": 4, "alpha": 0,
            "alerts": [
                {"metric": "accuracy", "max_drop": 0.05}, {"metric": "recall", "class": "negative", "min": 0.99},
                {"metric": "psi", "column": "channel", "max": 0.2}, {"metric": "new_terms", "max": 5},
                {"metric": "n_labelled", "min": 1000}, {"metric": "estimated_accuracy", "min": 0.5},
            ],
        },
    }  # fmt: skip
    may, june = ep.monitor(year, requirements=wanted, scores=SCORES).windows
    assert [a.outcome.value for a in may.alerts] == ["fail", "fail", "pass", "pass", "undecided", "pass"]
    assert raised(june.alerts)[-1] == "channel"
    assert all(alert.asked for alert in may.alerts)


def test_a_gate_on_a_mix_names_its_column_and_one_that_is_not_there_is_refused_at_the_start(
    year: pd.DataFrame,
) -> None:
    def watched(column: str, **named: Any) -> Monitoring:
        gates = [{"metric": "psi", "column": column, "max": 0.2}]
        return ep.monitor(year, time="month", requirements={"monitor": {"alpha": 0, "alerts": gates}}, **named)

    found = watched("channel", slices=["language"])
    assert [alert.outcome.value for window in found.windows for alert in window.alerts] == ["pass", "pass", "fail"]
    assert {shift.column for shift in found.last.shifts} == {"channel", "language", "prediction", "label"}
    with pytest.raises(ColumnNotFound, match=r"the gate 'psi of chanel at most 0.2' .* Did you mean 'channel'"):
        watched("chanel")
    year = year.rename(columns={"label": "truth"})
    with pytest.raises(DataError, match="about the column 'truth'; name it 'label' there"):
        watched("truth", label="truth")
    assert watched("label", label="truth").last.alerts[0].outcome.value == "pass"


def test_a_window_of_five_wrong_answers_raises_an_alert_and_one_of_four_says_that_it_was_not_tested() -> None:
    log = pd.DataFrame({"month": ["2025-01"] * 400, "label": ["yes", "no"] * 200, "prediction": ["yes", "no"] * 200})
    for n, outcome in ((5, Outcome.FAIL), (4, Outcome.PASS)):
        wrong = pd.DataFrame({"month": ["2025-02"] * n, "label": "yes", "prediction": "no"})
        last = ep.monitor(pd.concat([log, wrong]), time="month").last
        accuracy = next(alert for alert in last.alerts if alert.metric == "accuracy")
        assert accuracy.outcome is outcome
        assert ("not tested: 4 labelled rows, 5 are needed" in accuracy.reason) == (n == 4)


def test_scores_that_nothing_calibrates_are_known_to_be_there(frame: pd.DataFrame) -> None:
    log = frame.assign(p=0.9).drop(columns="label")
    for reference in (None, frame):
        found = ep.monitor(log, window=300, reference=reference, scores={"positive": "p"})
        assert (found.scored, found.reference.estimated) == (True, None)
        assert not [note for note in found.notes if "name the columns" in note]
    assert not ep.monitor(log, window=300).scored


def test_labels_of_cases_that_were_chosen_for_looking_wrong_do_not_count() -> None:
    rng = np.random.default_rng(2)
    log = stream(3000, rng)
    wrong = log["label"] != log["prediction"]
    audit = rng.random(3000) < 0.2
    log["audit"], log["weight"] = audit, np.where(audit, 5.0, np.nan)
    log.loc[~audit & ~wrong, "label"] = None  # all errors are labelled, too
    found = ep.monitor(log, window=1500, audit="audit", weight="weight")
    assert found.last.n_labelled == audit[1500:].sum()
    estimate = found.last.metrics["accuracy"]
    assert estimate.lower < 1 - wrong[1500:].mean() < estimate.upper
    assert ep.monitor(log, window=1500).last.metrics["accuracy"].value < 0.75


def test_a_log_of_answers_alone_is_watched_by_their_mix_and_notes_say_what_is_missing() -> None:
    log = pd.DataFrame({"prediction": ["a", "b"] * 100 + ["a"] * 200})
    found = ep.monitor(log, window=200)
    assert [window.name for window in found.windows] == ["rows 201 to 400"]
    assert raised(found.last.alerts) == ["prediction"]
    assert (found.last.metrics, found.last.estimated, found.last.drop, found.last.mix_rate) == ({}, None, None, None)
    assert [note.split(":")[0] for note in found.notes] == [
        "No row has a label in 'label'",
        "Accuracy is not estimated without labels",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "windows of a month need the column of the time"),
        ({"window": "moth"}, "a window is one of .* Did you mean 'month'"),
        ({"window": 5}, "a number of rows from 10 on"),
        ({"window": 600}, "the log holds one window, rows 1 to 600"),
        ({"window": 100, "reference": 6}, "the first 6 windows are the reference, but the log holds 6"),
        ({"window": 100, "slices": "channel"}, "slices is one text"),
        ({"window": 100, "label": "truth"}, "'truth' is not in the data"),
        ({"window": 100, "confidence": 2}, "less than 1"),
    ],
)
def test_what_cannot_be_watched_is_refused_in_one_sentence(
    frame: pd.DataFrame, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises((DataError, RequirementsError), match=says):
        ep.monitor(frame, **arguments)


def test_text_from_data_may_be_anything(frame: pd.DataFrame) -> None:
    odd = ["<script>", "\x00'\"", "\u202eabc", "x" * 5000, "😀", "打不开"]
    log = frame.assign(text=np.resize(odd, 600), channel=np.resize(odd, 600), label=np.resize(odd[:3], 600),
                       prediction=np.resize(odd[:3], 600))  # fmt: skip
    found = ep.monitor(log, window=300, slices=["channel"])
    assert {shift.column for shift in found.last.shifts} == {"channel", "prediction", "label"}
    assert found.last.outcome is Outcome.PASS


@pytest.mark.parametrize("customers", [0, 60])
def test_few_windows_without_drift_raise_an_alert(customers: int) -> None:
    """Eight windows, each against a reference of its own; tests/benchmarks/test_monitoring.py has 400 of six kinds."""
    rng, n_alarms, n = np.random.default_rng(8), 0, 8
    for _ in range(n):
        log = stream(900, rng, labelled=0.5, customers=customers)
        watched = ep.monitor(log, window=300, reference=2, scores=SCORES, slices=SLICES,
                             cluster="customer" if customers else None)  # fmt: skip
        n_alarms += watched.last.outcome is Outcome.FAIL
    assert n_alarms <= at_most(0.05, n, 0.995)


def test_a_drop_of_five_points_on_a_thousand_labelled_rows_is_seen_nine_times_in_ten() -> None:
    """The test alone, by the thousand; the whole monitor is in tests/benchmarks/test_monitoring.py."""
    rng, n = np.random.default_rng(3), 200
    reference, window = rng.binomial(4000, 0.82, n), rng.binomial(1000, 0.77, n)
    seen = sum(
        p_worse(judged(np.arange(1000) < b), judged(np.arange(4000) < a)) < 0.025
        for a, b in zip(reference, window, strict=True)
    )
    assert seen >= n - at_most(0.1, n, 0.99)


def two_months(n: int = 400, **columns: Any) -> pd.DataFrame:
    month = np.repeat(["2025-01", "2025-02"], n)
    return pd.DataFrame({"month": month, "label": "yes", "prediction": "yes"} | columns)


def test_one_customer_raises_no_alert_and_it_is_said_why() -> None:
    log = two_months(40, prediction=["yes"] * 38 + ["no"] * 2 + ["yes", "no"] * 20,
                     who=[f"c{i}" for i in range(40)] + ["c"] * 40)  # fmt: skip
    found = ep.monitor(log, time="month", cluster="who").last
    assert found.outcome is Outcome.PASS
    assert "not tested: the window's labelled rows come down to 1 cluster (customer)" in found.alerts[0].reason


def test_a_model_that_is_always_equally_sure_is_watched_by_its_labels_and_a_note_says_so() -> None:
    log = two_months(sure=0.9, other=0.9, prediction=(["yes"] * 9 + ["no"]) * 80)
    found = ep.monitor(log, time="month", scores={"yes": "sure", "no": "other"})
    assert found.last.estimated is not None
    assert found.last.estimated.value == pytest.approx(0.9)
    assert found.last.estimated_drop is None
    assert "equally sure of all the reference's labelled answers" in found.notes[0]
    asked = {"monitor": {"alerts": [{"metric": "estimated_accuracy", "max_drop": 0.1}]}}
    gated = ep.monitor(log, time="month", scores={"yes": "sure", "no": "other"}, requirements=asked)
    assert gated.last.outcome is Outcome.UNDECIDED


def test_near_copies_that_one_label_stands_for_do_not_change_the_mix_of_labels() -> None:
    rng = np.random.default_rng(0)
    label = np.append(rng.choice(["a", "b"], 500), np.append(["a"] * 20, ["b"] * 180))
    month = np.repeat(["2025-01", "2025-02"], [500, 200])
    weight = np.where((month == "2025-02") & (label == "a"), 9, 1)
    log = pd.DataFrame({"label": label, "prediction": "a", "audit": True, "month": month, "weight": weight})
    (shift,) = (s for s in ep.monitor(log, time="month", audit="audit").last.shifts if s.column == "label")
    assert (shift.n, shift.psi < 0.01, shift.p_value > 0.05) == (200, True, True)
    unweighted = ep.monitor(log.drop(columns="weight"), time="month", audit="audit").last
    assert "label" in raised(unweighted.alerts)


def test_the_split_is_by_the_column_whose_mix_explains_the_change_not_by_one_whose_mix_opposes_it() -> None:
    rng = np.random.default_rng(1)

    def rows(hard: float, good: float, rate: float) -> pd.DataFrame:
        a, b = rng.random(6000) < hard, rng.random(6000) < good
        right = rng.random(6000) < np.where(a, 0.7, 0.95) * np.where(b, 1, 0.8) * rate
        return pd.DataFrame({"label": "yes", "prediction": np.where(right, "yes", "no"), "a": a, "b": b})

    found = ep.monitor(rows(0.42, 0.75, 0.85), reference=rows(0.3, 0.4, 1), window=10_000, slices=["a", "b"]).last
    assert found.mix_rate is not None
    assert found.mix_rate.column == "a"
    assert found.mix_rate.mix.value < 0


def test_a_number_of_windows_may_be_numpys_but_no_truth_value() -> None:
    log = two_months()
    assert repr(ep.monitor(log, time="month", reference=np.int64(1))) == repr(
        ep.monitor(log, time="month", reference=1)
    )
    with pytest.raises(DataError, match="reference is True; give data, an evaluation, or how many"):
        ep.monitor(log, time="month", reference=True)


def test_a_mistyped_year_does_not_hide_the_alert_of_the_newest_window() -> None:
    log = two_months(prediction=["yes"] * 500 + ["no"] * 300)
    log.loc[len(log)] = ["2205-02", "yes", "yes"]
    found = ep.monitor(log, time="month")
    assert (found.last.name, found.last.outcome) == ("2025-02", Outcome.FAIL)
    assert "1 of 801 rows" in found.notes[0]
