"""A selection in MLflow: a parent with the decision, a child per candidate with the artifacts of the contract."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.artifacts import download_artifacts

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.tracking.selection.runs import log_candidate
from mlflow_evalplus.tracking.selection.select import Selected, select
from recipes.selection import CANDIDATES, QUESTIONS, REQUIREMENTS

OF_PARENT = (names.SUMMARY, names.LEADERBOARD_PAGE, names.LEADERBOARD_FIGURE, names.SELECTION_REPORT, names.SELECTION,
             names.LEADERBOARD_TABLE, names.PAIRS_TABLE, names.COST_LATENCY_FIGURE)  # fmt: skip
OF_CHILD = (names.SUMMARY, names.DIMENSIONS_PAGE, names.DIMENSIONS_FIGURE, names.SLICES_PAGE, names.ATTRIBUTION_PAGE,
            names.COST_LATENCY_PAGE, names.REPORT, names.DIMENSIONS_TABLE, names.TAGS_TABLE, names.FAILURES_TABLE,
            names.FAILED_TABLE, names.ANSWERS)  # fmt: skip
COLUMNS = {
    names.LEADERBOARD_TABLE: names.LEADERBOARD_COLUMNS, names.PAIRS_TABLE: names.PAIR_COLUMNS,
    names.DIMENSIONS_TABLE: names.DIMENSION_COLUMNS, names.TAGS_TABLE: names.TAG_COLUMNS,
    names.FAILURES_TABLE: names.FAILURE_COLUMNS, names.FAILED_TABLE: names.FAILED_COLUMNS,
}  # fmt: skip


@pytest.fixture(scope="module")
def shipped() -> Selected:
    """Return the selection of the recipe."""
    return select(QUESTIONS, CANDIDATES, REQUIREMENTS)


def test_parent_and_children_carry_the_contract(store: str, shipped: Selected) -> None:
    selection = shipped.selection
    logged = ep.log_selection(selection, shipped.questions, run_name="which <b>", traces=3)
    client = mlflow.MlflowClient()
    parent = client.get_run(logged.run_id)
    assert parent.info.status == "FINISHED"
    assert parent.data.tags[names.TAG_KIND] == "selection"
    assert parent.data.tags[names.TAG_DECISION] == selection.decision.outcome
    assert parent.data.tags[names.TAG_CHOSEN] == selection.decision.chosen
    assert parent.data.tags["mlflow.note.content"]
    assert [data.dataset.digest for data in parent.inputs.dataset_inputs] == [shipped.questions.digest]
    folder = Path(download_artifacts(run_id=logged.run_id))
    assert {path for path in OF_PARENT if not (folder / path).is_file()} == set()
    whole = json.loads((folder / names.SELECTION).read_text(encoding="utf-8"))
    assert whole["schema_version"] == names.SCHEMA_VERSION
    assert whole["decision"]["chosen"] == selection.decision.chosen

    assert list(logged.candidates) == [candidate.name for candidate in selection.candidates]
    for name, run_id in logged.candidates.items():
        child, candidate = client.get_run(run_id), selection[name]
        assert child.data.tags["mlflow.parentRunId"] == logged.run_id
        assert child.data.tags[names.TAG_KIND] == "candidate"
        assert child.data.tags[names.TAG_VERDICT] == candidate.verdict.outcome.value
        assert child.data.tags[names.TAG_QUESTIONS_DIGEST] == shipped.questions.digest
        assert child.data.metrics["selection/score"] == candidate.score.value
        assert child.data.metrics["selection/score_lower"] == candidate.score.lower
        assert child.data.metrics["cost/per_1000"] == candidate.spending.per_1000
        lost = [value for key, value in child.data.metrics.items() if key.startswith(f"{names.LOST_BY_CAUSE}/")]
        assert sum(lost) == pytest.approx(1)
        assert [data.dataset.name for data in child.inputs.dataset_inputs] == ["questions"]
        assert f"%22{run_id}%22" in logged.side_by_side
        own = Path(download_artifacts(run_id=run_id))
        assert {path for path in OF_CHILD if not (own / path).is_file()} == set()
        for path, columns in COLUMNS.items():
            place = (folder if path in OF_PARENT else own) / path
            assert json.loads(place.read_text(encoding="utf-8"))["columns"] == list(columns), path


def test_the_answers_alone_give_the_score_back(store: str, shipped: Selected) -> None:
    """Every figure can be recomputed from answers.parquet: here the score, by pandas."""
    name = shipped.selection.candidates[0].name
    with mlflow.start_run() as run:
        values = log_candidate(shipped.selection, name, shipped.questions)
    path = download_artifacts(run_id=run.info.run_id, artifact_path=names.ANSWERS)
    rows = pd.read_parquet(path)
    asked = rows[rows["variant"] == ""]
    weight = {question.id: question.weight for question in shipped.questions}
    by_question = asked.groupby(["dimension", "question"])["value"].mean().dropna().reset_index()
    by_question["weight"] = by_question["question"].map(weight)
    by_question["part"] = by_question["value"] * by_question["weight"]
    sums = by_question.groupby("dimension")[["part", "weight"]].sum()
    means = sums["part"] / sums["weight"]
    weights = pd.Series(shipped.selection.dimension_weights)
    assert (means * weights).sum() == pytest.approx(values["selection/score"])
    assert len(rows) > len(asked)  # what was asked again is in it as well


@pytest.mark.slow
def test_failures_become_traces_of_their_run_and_successes_do_not(store: str, shipped: Selected) -> None:
    logged = ep.log_selection(shipped.selection, shipped.questions, traces=2)
    experiment = mlflow.get_experiment_by_name("tests")
    assert experiment
    traces = mlflow.MlflowClient().search_traces(locations=[experiment.experiment_id])
    failing = {cause.question for candidate in shipped.selection.candidates for cause in candidate.causes.items}
    assert len(traces) == 2 * len(logged.candidates)
    assert {trace.info.tags[names.TAG_QUESTION] for trace in traces} <= failing
    assert {trace.info.trace_metadata["mlflow.sourceRun"] for trace in traces} == set(logged.candidates.values())


@pytest.mark.slow
def test_a_trace_of_an_answer_that_never_came_is_an_error(store: str, shipped: Selected) -> None:
    """So that MLflow's filter by state finds them, and its rate of errors is theirs."""
    ep.log_selection(shipped.selection, shipped.questions, traces=1000)
    experiment = mlflow.get_experiment_by_name("tests")
    assert experiment
    traces = mlflow.MlflowClient().search_traces(locations=[experiment.experiment_id], max_results=500)
    causes = {
        state: {t.info.tags[names.TAG_CAUSE] for t in traces if t.info.state == state} for state in ("OK", "ERROR")
    }
    assert causes["ERROR"] == {"call_error"}
    assert "call_error" not in causes["OK"]


def test_a_run_of_another_kind_is_not_overwritten(store: str, shipped: Selected) -> None:
    with mlflow.start_run(tags={names.TAG_KIND: "evaluation"}) as run:
        pass
    with pytest.raises(TrackingError, match="is of kind 'evaluation'; log a candidate into a run of its own"):
        log_candidate(shipped.selection, shipped.selection.candidates[0].name, shipped.questions, run.info.run_id)


def test_a_run_of_a_selection_is_no_evaluation_and_names_its_page(store: str, shipped: Selected) -> None:
    logged = ep.log_selection(shipped.selection, shipped.questions, traces=0)
    with pytest.raises(TrackingError) as whole:
        ep.load(logged.run_id)
    assert str(whole.value) == f"run {logged.run_id} is a selection, not an evaluation; its page is selection.html"
    child = next(iter(logged.candidates.values()))
    with pytest.raises(TrackingError) as one:
        ep.compare(child, logged.run_id)
    assert str(one.value) == (
        f"run {child} is a candidate of a selection, not an evaluation; the selection's page is selection.html of run "
        f"{logged.run_id}, its own evalplus_report.html"
    )
    with mlflow.start_run(tags={names.TAG_KIND: names.KIND_CANDIDATE}) as alone:  # as of mlflow.models.evaluate
        pass
    with pytest.raises(TrackingError, match=r"the selection's page is selection\.html, its own evalplus_report\.html"):
        ep.load(alone.info.run_id)
