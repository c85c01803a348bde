from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Run

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import ComparisonError, TrackingError
from mlflow_evalplus.render import comparison
from mlflow_evalplus.requirements import load
from mlflow_evalplus.tracking.recorded import record_baseline
from mlflow_evalplus.tracking.series import compare_runs, load_decided

NOT_WORSE = {"thresholds": [{"metric": "accuracy", "not_worse_than": "baseline", "margin": 0.02}]}


def logged(name: str, frame: pd.DataFrame, repaired: float = 0.0, **options: Any) -> Run:
    """Log a run whose first errors, of the given share, are repaired."""
    wrong = np.flatnonzero(frame["label"] != frame["prediction"])
    prediction = frame["prediction"].to_numpy(dtype=object).copy()
    mended = wrong[: round(repaired * len(wrong))]
    prediction[mended] = frame["label"].to_numpy(dtype=object)[mended]
    evaluation = ep.evaluate(frame.assign(prediction=prediction), text="text", **options)
    with mlflow.start_run(run_name=name) as run:
        ep.log(evaluation)
    return mlflow.get_run(run.info.run_id)


def test_runs_are_compared_with_the_first_row_by_row(store: str, frame: pd.DataFrame) -> None:
    old, new = logged("old", frame), logged("new", frame, 0.5)
    series = compare_runs([old, new])
    wrong = int((frame["label"] != frame["prediction"]).sum())
    assert (series.baseline, series.winner) == ("old", "new")
    assert list(series.runs) == ["old", "new"]
    assert list(series.comparisons) == ["new"]
    assert (series.comparisons["new"].fixed, series.comparisons["new"].broken) == (round(0.5 * wrong), 0)
    assert series.comparisons["new"].metrics["accuracy"].value == pytest.approx(round(0.5 * wrong) / len(frame))


def test_another_baseline_may_be_named(store: str, frame: pd.DataFrame) -> None:
    old, new = logged("old", frame), logged("new", frame, 0.5)
    series = compare_runs([old, new], baseline=new)
    assert list(series.runs) == ["new", "old"]
    assert series.comparisons["old"].metrics["accuracy"].value < 0
    outside = compare_runs([old], baseline=new)
    assert list(outside.runs) == ["new", "old"]


def test_money_in_another_currency_is_said_to_be_not_comparable(store: str, frame: pd.DataFrame) -> None:
    runs = [
        logged(currency, frame, requirements={"prices": {"currency": currency, "per_1000_requests": 2}})
        for currency in ("EUR", "CNY")
    ]
    series = compare_runs(runs)
    said = "Costs are not comparable: CNY with other error costs, or another currency, than EUR."
    assert series.notes == (said, "All runs are held against the requirements of EUR; CNY was logged with others.")
    assert said in series.page
    assert "not comparable: CNY" in series.report
    assert compare_runs([runs[0], runs[0]]).notes == ()


def test_one_run_alone_is_its_own_winner(store: str, frame: pd.DataFrame) -> None:
    series = compare_runs([logged("only", frame)])
    assert (series.winner, series.comparisons) == ("only", {})


def test_runs_of_one_name_are_told_apart_by_their_ids(store: str, frame: pd.DataFrame) -> None:
    runs = [logged("words", frame), logged("words", frame, 0.2), logged("rules", frame)]
    series = compare_runs(runs)
    assert list(series.runs) == [f"words ({run.info.run_id[:6]})" for run in runs[:2]] + ["rules"]


def test_no_run_can_be_said_better_where_the_interval_holds_zero(store: str, frame: pd.DataFrame) -> None:
    series = compare_runs([logged("old", frame), logged("new", frame, 0.04)])
    assert "cannot be told apart from old" in series.reason
    assert "not cleared for launch" in series.reason


def test_only_a_run_that_passes_is_cleared(store: str, frame: pd.DataFrame) -> None:
    wanted = {"thresholds": [{"metric": "accuracy", "min": 0.93}]}
    runs = [
        logged(name, frame, share, requirements=wanted) for name, share in (("old", 0), ("better", 0.4), ("best", 0.9))
    ]
    series = compare_runs(runs)
    outcomes = {name: evaluation.verdict.outcome.value for name, evaluation in series.evaluations.items()}
    assert outcomes["best"] == "pass"
    assert outcomes["old"] != "pass"
    assert series.winner == "best"
    assert "best is cleared for launch" in series.reason


def test_a_gate_against_the_baseline_is_decided_by_the_comparison(store: str, frame: pd.DataFrame) -> None:
    """Evaluated alone a run has nothing to be compared with; in its series it has."""
    old, new = (logged(name, frame, share, requirements=NOT_WORSE) for name, share in (("old", 0), ("new", 0.5)))
    assert new.data.tags[names.TAG_VERDICT] == "undecided"
    series = compare_runs([old, new])
    assert series.evaluations["new"].verdict.outcome.value == "pass"
    assert compare_runs([new, old]).evaluations["old"].verdict.outcome.value == "fail"


def test_the_difference_against_the_baseline_is_written_on_each_run(store: str, frame: pd.DataFrame) -> None:
    old, new = (logged(name, frame, share, requirements=NOT_WORSE) for name, share in (("old", 0), ("new", 0.5)))
    series = compare_runs([old, new])
    record_baseline(series)
    record_baseline(compare_runs([mlflow.get_run(run.info.run_id) for run in (old, new)]))
    assert len(mlflow.MlflowClient().get_metric_history(new.info.run_id, "delta/accuracy")) == 1
    first, second = (mlflow.get_run(run.info.run_id) for run in (old, new))
    assert not [key for key in first.data.metrics if key.startswith("compare/")]
    key = f"compare/{old.info.run_id[:8]}"
    gain, paired = series.comparisons["new"].metrics["accuracy"].value, series.comparisons["new"].metrics["f1_macro"]
    found = {stat: second.data.metrics[f"{key}/f1_macro/{stat}"] for stat in names.COMPARED_STATS}
    assert found == {
        "diff": paired.value, "ci_low": paired.lower, "ci_high": paired.upper, "p_value": paired.p_value,
        "effect_size": paired.effect_size, "n_paired": 600,
    }  # fmt: skip
    assert second.data.metrics[f"{key}/accuracy/diff"] == second.data.metrics["delta/accuracy"] == pytest.approx(gain)
    artifact = json.loads(mlflow.artifacts.load_text(f"runs:/{new.info.run_id}/{key}.json"))
    assert artifact["baseline_run_id"] == old.info.run_id
    assert artifact["p_holm"] == series.family.p_holm["new"]
    assert artifact["metrics"]["cohen_kappa"]["value"] == series.comparisons["new"].metrics["cohen_kappa"].value
    assert second.data.tags[names.TAG_BASELINE] == f"old: accuracy {series.comparisons['new'].metrics['accuracy']}"
    assert second.data.tags[names.TAG_VERDICT] == "pass"
    assert load_decided(second).verdict.outcome.value == "pass"
    assert load_decided(first).verdict.outcome.value == "undecided"


def test_different_test_sets_are_refused_unless_the_shared_part_is_wanted(store: str, frame: pd.DataFrame) -> None:
    whole, part = logged("whole", frame), logged("part", frame.head(400), 0.5)
    with pytest.raises(ComparisonError, match="400 examples are shared"):
        compare_runs([whole, part])
    steps: list[str] = []
    series = compare_runs([whole, part], shared_only=True, on_step=steps.append)
    assert series.comparisons["part"].n == 400
    assert steps == ["reading whole (1 of 2)", "reading part (2 of 2)", "comparing 2 runs"]
    assert series.notes == ("Compared on the 400 examples that all runs have, not on the whole of every test set.",)
    assert f"> {series.notes[0]}" in series.page
    assert series.notes[0] in series.report
    assert compare_runs([whole, whole]).notes == ()


def test_what_is_shown_side_by_side_is_what_was_compared(store: str, frame: pd.DataFrame) -> None:
    prices = {"prices": {"currency": "EUR", "machine_per_hour": 1}}
    old, new = (logged(name, frame, share, requirements=prices) for name, share in (("old", 0.0), ("new", 0.5)))
    series = compare_runs([old, new])
    shown = series.side_by_side
    assert shown is series.side_by_side
    assert (shown.baseline, shown.winner, shown.reason) == ("old", "new", series.reason)
    assert (shown.evaluations, shown.comparisons) == (series.evaluations, series.comparisons)
    assert shown.difference is series.difference
    assert {name: (x.fixed, x.broken) for name, x in shown.changes.items()} == {
        "new": (series.comparisons["new"].fixed, 0)
    }
    assert shown.front is None  # nothing was timed
    assert [row.name for row in shown.history] == ["old", "new"]


def test_a_run_without_an_evaluation_is_named(store: str, frame: pd.DataFrame) -> None:
    with mlflow.start_run() as bare:
        pass
    with pytest.raises(TrackingError, match=f"run {bare.info.run_id} carries no"):
        compare_runs([logged("old", frame), mlflow.get_run(bare.info.run_id)])


def test_the_page_marks_the_winner_and_the_slices_that_moved(store: str, frame: pd.DataFrame) -> None:
    mended = frame.assign(prediction=frame["prediction"].where(frame["channel"] != "web", frame["label"]))
    series = compare_runs(
        [logged(name, rows, slices=["channel"]) for name, rows in (("old", frame), ("new | better", mended))]
    )
    assert r"★ new \| better" in series.page
    assert "channel=web" in series.page
    assert "channel=app" not in series.page
    assert [row[0] for row in comparison.rows(series.side_by_side)] == ["old", "new | better"]
    assert comparison.rows(series.side_by_side)[0][4] == "baseline"


def test_the_page_says_where_the_winner_differs_from_the_baseline(store: str, frame: pd.DataFrame) -> None:
    mended = frame.assign(prediction=frame["prediction"].where(frame["channel"] != "web", frame["label"]))
    old, new = (logged(name, rows, slices=["channel"]) for name, rows in (("old", frame), ("new", mended)))
    series = compare_runs([old, new])
    assert series.difference is series.difference is not None
    assert (series.difference.a, series.difference.b) == ("new", "old")
    wrong = int((frame["label"] != frame["prediction"])[frame["channel"] == "web"].sum())
    assert (series.difference.fixed, series.difference.broken) == (wrong, 0)
    web = next(part for part in series.difference.parts if part.name == "channel=web")
    assert web.accuracy.value == pytest.approx(wrong / len(frame))
    assert "### Where the difference of new and old comes from" in series.page
    assert f"of 600 examples {wrong} fixed, 0 broken" in series.page
    assert "difference of" not in compare_runs([old]).page


def test_a_winning_baseline_is_held_against_the_next_best(store: str, frame: pd.DataFrame) -> None:
    runs = [logged(name, frame, share) for name, share in (("best", 0.9), ("worst", 0.0), ("next", 0.5))]
    series = compare_runs(runs)
    assert series.baseline == series.winner == "best"
    assert series.difference is not None
    assert (series.difference.a, series.difference.b) == ("best", "next")
    assert "### Where the difference of best and next comes from" in series.page


def test_the_link_opens_mlflows_compare_page(store: str, frame: pd.DataFrame) -> None:
    runs = [logged("old", frame), logged("new", frame)]
    link = compare_runs(runs).compare_link("http://127.0.0.1:5000")
    assert re.fullmatch(r"[\w:/.#?&=%,\[\]-]+", link)
    assert unquote(link) == (
        f'http://127.0.0.1:5000/#/compare-runs?runs=["{runs[0].info.run_id}","{runs[1].info.run_id}"]'
        f'&experiments=["{runs[0].info.experiment_id}"]&workflowType=machine_learning'
    )


def test_the_link_names_the_experiments_of_all_runs(store: str, frame: pd.DataFrame) -> None:
    """MLflow's compare page finds a run in the experiments of its address only, else it is an error page."""
    old = logged("champion", frame)
    mlflow.set_experiment("this month")
    runs = [old, logged("new", frame), logged("newer", frame)]
    link = unquote(compare_runs(runs).compare_link("http://127.0.0.1:5000"))
    wanted = [run.info.experiment_id for run in runs[:2]]
    assert f'&experiments=["{wanted[0]}","{wanted[1]}"]&' in link


def test_on_shared_examples_the_winner_is_the_best_of_the_shared(store: str, frame: pd.DataFrame) -> None:
    """More rows that are easy must not make a run the winner over one that is better wherever both were asked."""
    easy = frame.assign(text=[f"easy {i}" for i in range(len(frame))], prediction=frame["label"])
    good, flattered = logged("good", frame, 0.5), logged("flattered", pd.concat([frame, easy], ignore_index=True))
    with pytest.raises(ComparisonError, match="different test sets"):
        compare_runs([good, flattered])
    series = compare_runs([good, flattered], shared_only=True)
    assert series.winner == "good"
    assert {evaluation.n for evaluation in series.evaluations.values()} == {len(frame)}


def test_all_runs_are_held_against_the_same_requirements(store: str, frame: pd.DataFrame) -> None:
    """Each by its own, the one that asked little of itself would be cleared beside a better one."""
    lax, strict = ({"thresholds": [{"metric": "accuracy", "min": least}]} for least in (0.2, 0.99))
    logged("nothing asked", frame)
    worse = logged("worse", frame, 0.0, requirements=lax)
    better = logged("better", frame, 0.5, requirements=strict)
    series = compare_runs([better, worse])
    assert {e.verdict.outcome.value for e in series.evaluations.values()} == {"fail"}
    assert series.winner == "better"
    assert "All runs are held against the requirements of better; worse was logged with others." in series.notes
    assert compare_runs([worse, better]).evaluations["better"].verdict.outcome.value == "pass"
    given = compare_runs([worse, better], requirements=load({"thresholds": [{"metric": "accuracy", "min": 0.9}]}))
    assert given.notes == ()
    assert given.evaluations["better"].verdict.outcome.value == "pass"
    record_baseline(series)
    assert mlflow.get_run(worse.info.run_id).data.tags[names.TAG_VERDICT] == "pass"  # by what it was asked itself
