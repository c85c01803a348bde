"""The pages of a run: short tables, the right numbers, and no way out of a cell for what the data hold."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from mlflow_evalplus import evaluate
from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.evaluation import evaluate_predictions
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.render import classes, comparison, confusion, cost_latency, slices, summary
from mlflow_evalplus.requirements import load
from mlflow_evalplus.results import Confusion, Estimate, Evaluation, Latency, Slices
from mlflow_evalplus.results.side_by_side import SideBySide
from mlflow_evalplus.tracking.items import Page, describe
from tests.render.test_markdown import HOSTILE, PARSER, collapsed, shown, tables

LATENCY = Latency({"latency_ms_p95": Estimate(12.0, 10.0, 15.0, 200)}, 600, 0.5, "4 × <b>chip|set</b>")
RUN = "run|<script>alert(1)</script>\n# `name` \u202e\x00"


def hostile_evaluation(n_labels: int) -> Evaluation:
    """Evaluate rows whose labels, predictions, slice columns and slice values are hostile strings."""
    rng = np.random.default_rng(0)
    texts = [text for text in HOSTILE if text]
    label = np.resize(np.array(texts[:n_labels], dtype=object), 900)
    column = "col|<i>umn\n`x`"
    frame = pd.DataFrame(
        {
            "label": label,
            "prediction": np.where(rng.random(900) < 0.7, label, rng.permutation(label)),
            column: rng.permutation(np.resize(np.array(texts, dtype=object), 900)),
            "plain": rng.choice(["a", "b"], 900),
        }
    )
    wrong = frame[column].eq("a|b") | frame["plain"].eq("b") & (rng.random(900) < 0.5)
    frame.loc[wrong, "prediction"] = "<nothing|known>"
    wanted = load(
        {
            "task": {"labels": texts[:n_labels]},
            "slices": [column, "plain"],
            "thresholds": [
                {"metric": "accuracy", "every": column, "min": 0.9},
                {"metric": "recall", "class": "<script>alert(1)</script>", "min": 0.9},
            ],
            "prices": {"currency": "<u>S|D</u>", "machine_per_hour": 1},
        }
    )
    rows = read(frame, labels=wanted.task.labels, slices=wanted.slices)
    return evaluate_predictions(rows, wanted, latency=LATENCY, notes=("a <b>note</b> | with\nlines",))


def pages(evaluation: Evaluation) -> dict[str, str]:
    return {item.path: item.text for item in describe(evaluation, RUN)[1] if isinstance(item, Page)}


def assert_holds_no_markup_of_theirs(page: str) -> None:
    assert "<" not in page.replace("q < 0.05", "")
    for token in PARSER.parse(page):
        assert token.type not in ("html_block", "fence", "code_block", "hr")
        for child in token.children or ():
            # ours: bold, and the names of artifacts
            ours = child.type in ("text", "strong_open", "strong_close")
            assert ours or (child.type == "code_inline" and re.fullmatch(r"evalplus/\w+\.json", child.content)), child


def test_hostile_strings_stay_in_their_cells_on_every_page() -> None:
    found = pages(hostile_evaluation(n_labels=len(HOSTILE)))
    assert len(found) == 5
    for page in found.values():
        assert_holds_no_markup_of_theirs(page)
        for table in tables(page):
            assert len({len(row) for row in table}) == 1
            assert len(table) - 1 <= 20


def test_hostile_names_of_runs_and_slices_stay_in_their_cells_of_a_comparison() -> None:
    hostile = hostile_evaluation(n_labels=10)
    rows = hostile.predictions.table.to_pandas().astype(str).rename(columns=lambda name: name.removeprefix("slice."))
    rows.loc[rows["plain"].eq("a"), "prediction"] = "none of them"
    columns = hostile.predictions.slice_columns
    worse = evaluate_predictions(read(rows, labels=hostile.labels, slices=columns), load({"slices": columns}))
    compared = compare_evaluations(hostile, worse, names=(RUN, "<base>"))
    page = comparison.page(
        SideBySide({"<base>": worse, RUN: hostile}, {RUN: compared}, "<base>", RUN, f"{RUN} is best | <b>")
    )
    assert_holds_no_markup_of_theirs(page)
    runs, moved = tables(page)
    assert [row[0] for row in runs[1:]] == ["<base>", f"★ {collapsed(RUN)}"]
    assert "plain=a" in [row[0] for row in moved[1:]]
    assert {len(row) for row in moved} == {3}
    assert len(moved) - 1 <= 20
    assert {len(row) for row in runs} == {len(comparison.HEADERS)}


def test_many_labels_and_slice_values_are_cut_to_twenty_rows_and_it_is_said() -> None:
    rng = np.random.default_rng(1)
    names = np.array([f"label {i:03}" for i in range(60)])
    label = np.resize(names, 3_000)
    frame = pd.DataFrame(
        {"label": label, "prediction": np.where(rng.random(3_000) < 0.6, label, rng.choice(names, 3_000))}
    )
    frame["group"] = rng.choice([f"group {i:02}" for i in range(60)], 3_000)
    frame.loc[frame["group"].str.endswith(("1", "2", "3", "4", "5")), "prediction"] = "label 000"
    gates = [{"metric": "accuracy", "every": "group", "min": 0.5}]
    evaluation = evaluate(frame, requirements={"slices": ["group"], "thresholds": gates})
    assert sum(row.weak for row in evaluation.slices.rows) > 20
    for page in pages(evaluation).values():
        for table in tables(page):
            assert len(table) - 1 <= 20
            assert len(table[0]) <= 21
    assert "40 more classes are in `evalplus/classes.json`" in classes.page(evaluation.classes)
    assert "40 more labels are in `evalplus/confusion.json`" in confusion.page(evaluation.confusion)
    assert "… 40 more." in slices.page(evaluation.slices)
    assert "… 48 more in `evalplus/evaluation.json`" in summary.page(evaluation)


@pytest.mark.parametrize("k", [20, 21, 60])
def test_predictions_that_are_no_label_stay_a_column_of_the_confusion_page(k: int) -> None:
    labels = tuple(f"label {i:02}" for i in range(k))
    found = Confusion(labels, (*labels, "(other)"), tuple((*[1] * k, 100 + i) for i in range(k)))
    page = confusion.page(found)
    counts, shares, _ = tables(page)
    for table in (counts, shares):
        assert table[0][1:] == [*labels[:20], "(other)"]
        assert len(table) == 21
    assert [row[-1] for row in counts[1:]] == [str(100 + i) for i in range(20)]
    s, verb = ("s", "are") if k > 21 else ("", "is")
    left = f"{k - 20} more label{s} {verb} in `evalplus/confusion.json`; {k - 20} row{s} and {k - 20} column{s} are not"
    assert (left in page) == (k > 20)
    assert ("more label" in page) == (k > 20)


def test_the_confusion_page_holds_every_count_and_share(frame: pd.DataFrame) -> None:
    found = evaluate(frame).confusion
    counts, shares, errors = tables(confusion.page(found))
    crossed = pd.crosstab(frame["label"], frame["prediction"])
    assert counts[0][1:] == crossed.columns.tolist()
    assert [row[0] for row in counts[1:]] == crossed.index.tolist()
    assert [[int(cell) for cell in row[1:]] for row in counts[1:]] == crossed.to_numpy().tolist()
    by_label = pd.crosstab(frame["label"], frame["prediction"], normalize="index")
    assert [row[1:] for row in shares[1:]] == [[f"{share:.0%}" for share in row] for row in by_label.to_numpy()]
    wrong = frame[frame["label"] != frame["prediction"]]
    most = wrong.groupby(["label", "prediction"]).size().sort_values(ascending=False)
    assert errors[1][1] == f"{most.iloc[0]} ({most.iloc[0] / len(wrong):.0%})"
    assert "No errors." in confusion.page(Confusion(("a", "b"), ("a", "b"), ((2, 0), (0, 3))))


def test_the_classes_page_holds_every_interval_and_says_what_is_undefined(frame: pd.DataFrame) -> None:
    never = frame.assign(prediction=frame["prediction"].replace("positive", "neutral"))
    evaluation = evaluate(never)
    recall, precision, f1 = tables(classes.page(evaluation.classes))
    for place, row in enumerate(evaluation.classes.rows, 1):
        assert recall[place] == [f"{row.name} ({row.n})", str(row.metrics["recall"]).rsplit(" n=")[0]]
        assert f1[place][1] == str(row.metrics["f1"]).rsplit(" n=")[0]
    assert precision[3] == ["positive (0)", "undefined"]


def test_an_interval_that_rests_on_few_examples_is_marked() -> None:
    assert classes.interval(Estimate(0.5, 0.1, 0.9, 4, small_support=True)) == "0.500° [0.100, 0.900]"
    assert classes.interval(Estimate(float("nan"), float("nan"), float("nan"), 0)) == "undefined"


def test_the_slices_page_names_weak_slices_first_and_lines_up_across_runs(frame: pd.DataFrame) -> None:
    evaluation = evaluate(frame, slices=["channel", "language"])
    weak, channel, language = tables(slices.page(evaluation.slices))
    web = frame[frame["channel"] == "web"]
    rest = frame[frame["channel"] != "web"]
    share, other = (float(part["label"].eq(part["prediction"]).mean()) for part in (web, rest))
    assert weak[1][0] == f"channel=web ({len(web)})"
    assert weak[1][1].startswith(f"{share:.3f} [")
    assert weak[1][1].endswith(f"{100 * (share - other):+.1f} points")
    # the same order in every run, whatever the figures: by name
    assert [row[0].split(" ")[0] for row in channel[1:]] == ["app", "email", "web"]
    assert [row[0].split(" ")[0] for row in language[1:]] == ["en", "zh"]
    assert ["◆" in row[1] for row in channel[1:]] == [False, False, True]
    assert "None of 0 slices is weak" in slices.page(Slices((), evaluation.metrics["accuracy"]))


def test_the_summary_opens_with_the_verdict_and_says_what_to_do_next(frame: pd.DataFrame) -> None:
    wanted = {
        "slices": ["channel"],
        "thresholds": [{"metric": "accuracy", "min": 0.8}, {"metric": "recall", "class": "positive", "min": 0.99}],
    }
    evaluation = evaluate(frame, requirements=wanted)
    text = summary.page(evaluation)
    assert text.startswith("## ✘ fail")
    figures, gates = tables(text)
    assert figures[1] == ["accuracy", str(evaluation.metrics["accuracy"]).rsplit(" n=")[0]]
    # failures first
    assert [row[0] for row in gates[1:]] == ["recall of positive at least 0.99", "accuracy at least 0.8"]
    assert [row[1][0] for row in gates[1:]] == ["✘", "✔"]
    actions = [shown(token) for token in PARSER.parse(text) if token.type == "inline" and token.level == 3]
    assert actions[0].startswith("look at the slice channel=web: -")
    wrong = frame[frame["label"] != frame["prediction"]]
    (pair, n), *_ = wrong.groupby(["label", "prediction"]).size().sort_values(ascending=False).items()
    assert any(action.startswith(f"read the {n} examples of ") for action in actions), pair


def test_the_summary_says_how_many_more_examples_would_decide(frame: pd.DataFrame) -> None:
    accuracy = float(frame["label"].eq(frame["prediction"]).mean())
    threshold = round(accuracy - 0.01, 4)
    evaluation = evaluate(frame, requirements={"thresholds": [{"metric": "accuracy", "min": threshold}]})
    (gate,) = evaluation.verdict.gates
    assert gate.n_needed is not None
    assert f"label about {gate.n_needed - len(frame):,} more examples as they come, to decide" in summary.page(
        evaluation
    )
    # the promise held: with that many examples in the same shares, it is decided
    more = pd.concat([frame] * (gate.n_needed // len(frame) + 1))
    again = evaluate(more, requirements={"thresholds": [{"metric": "accuracy", "min": threshold}]})
    assert again.verdict.outcome.value == "pass"


def test_cost_and_latency_are_shown_where_they_were_measured(frame: pd.DataFrame) -> None:
    wanted = load(
        {"error_costs": {"negative": {"positive": 20}}, "prices": {"currency": "EUR", "machine_per_hour": 3.6}}
    )
    evaluation = evaluate_predictions(read(frame), wanted, latency=LATENCY)
    (table,) = tables(cost_latency.page(evaluation))
    cells = dict(table[1:])
    assert cells["latency p95, one request"] == "12.0 [10.0, 15.0] ms"
    assert cells["throughput, all rows at once"] == "1,200 per s"
    missed = float((frame["label"].eq("negative") & frame["prediction"].eq("positive")).mean())
    assert cells["cost of errors, per example"].startswith(f"{20 * missed:.3f} [")
    # 1,000 examples at 1,200 a second on a machine of 0.001 a second
    assert cells["cost of 1,000 predictions"] == f"{0.001 / 1.2:.2g} EUR, batches of 600"
    assert "No model was asked" in cost_latency.page(evaluate(frame))


def test_the_reason_of_a_comparison_is_not_cut_short(frame: pd.DataFrame) -> None:
    """The reason is what a reader decides by; a cell's limit of 160 characters is too short for it."""
    evaluation = evaluate(frame)
    reason = "words_chars_rules is not cleared for launch: " + "it cannot be told apart from others, " * 8
    page = comparison.page(SideBySide({"a": evaluation}, {}, "a", "a", reason))
    paragraph = next(
        token for token in PARSER.parse(page) if token.type == "inline" and token.level == 1 and token.map == [2, 3]
    )
    assert collapsed(shown(paragraph)) == collapsed(reason)
