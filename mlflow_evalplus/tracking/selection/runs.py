"""A selection as MLflow runs: one for the whole, and a child for every candidate."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import mlflow
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from mlflow_evalplus import names
from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.render import selection as pages
from mlflow_evalplus.render import selection_candidate, selection_figure, selection_report, selection_tables
from mlflow_evalplus.results import CandidateResult, Selection, bounds_columns
from mlflow_evalplus.tracking import links, store
from mlflow_evalplus.tracking.items import Figure, File, Page, Table, headed
from mlflow_evalplus.tracking.record import strict
from mlflow_evalplus.tracking.selection.answers import answers_file
from mlflow_evalplus.tracking.selection.traces import log_failures
from mlflow_evalplus.tracking.writer import NOTE, TABLES, data_input, log_batch, log_data, log_files, tables_of

SECTION = "selection"
NAME = "selection"
COLUMNS = ("id", "input", "gold", "type", "dimension")  # of a question set, as MLflow lists it
MAX_PARAM = 500


@dataclass(frozen=True)
class LoggedSelection:
    """Where a selection is: its run, those of the candidates by name, the address of its page, and of theirs."""

    run_id: str
    candidates: dict[str, str]
    report: str
    side_by_side: str


def log_selection(
    selection: Selection, questions: QuestionSet, *, run_name: str | None = None, experiment: str | None = None,
    traces: int = 20,
) -> LoggedSelection:  # fmt: skip
    """Log a selection as a run, and every candidate as a child of it.

    Inside ``mlflow run`` the run that it began carries the selection.

    Parameters
    ----------
    selection : Selection
    questions : QuestionSet
        On which it was made.
    run_name, experiment : str, optional
        Of the run; ``selection`` and MLflow's present one by default. Inside ``mlflow run`` the experiment is its.
    traces : int
        How many failed questions of each candidate become traces, those that cost most first.

    Raises
    ------
    TrackingError
        MLflow does not answer or refuses.
    """
    with store.reaching():
        client = store.client()
        if experiment and "MLFLOW_RUN_ID" not in os.environ:
            mlflow.set_experiment(experiment)
        data = data_input(Path(selection.source).stem or "questions", selection.digest, COLUMNS, selection.n)
        children = {}
        with mlflow.start_run(run_name=run_name or NAME) as run:
            for candidate in reversed(selection.candidates):  # MLflow lists the newest first: the best comes last
                with mlflow.start_run(run_name=candidate.name, nested=True) as child:
                    log_candidate(selection, candidate.name, questions, child.info.run_id)
                    log_data(client, child.info.run_id, data)
                    log_failures(candidate, questions, limit=traces)
                    children[candidate.name] = str(child.info.run_id)
            _log_whole(client, client.get_run(run.info.run_id), selection, questions)
            log_data(client, run.info.run_id, data)
    by_utility = {candidate.name: children[candidate.name] for candidate in selection.candidates}
    return LoggedSelection(
        str(run.info.run_id), by_utility, links.artifact_page(run, names.SELECTION_REPORT),
        links.compare_page(links.server(), list(by_utility.values()), [run.info.experiment_id]),
    )  # fmt: skip


def log_candidate(
    selection: Selection, name: str, questions: QuestionSet, run_id: str | None = None, *, with_metrics: bool = True
) -> dict[str, float]:
    """Log one candidate of a selection into a run; return its metrics.

    Parameters
    ----------
    selection : Selection
    name : str
        The candidate's.
    questions : QuestionSet
    run_id : str, optional
        The active run by default.
    with_metrics : bool
        False where the caller logs the returned metrics itself.

    Raises
    ------
    TrackingError
        MLflow does not answer or refuses; the run carries another kind of result of ours.
    """
    candidate = selection[name]
    with store.reaching():
        client = store.client()
        run = client.get_run(run_id or mlflow.active_run().info.run_id)
        _refuse_others(run, names.KIND_CANDIDATE)
        files = _files(selection, candidate, questions, run.info.run_name or "")
        log_files(client, run.info.run_id, files)
        values = metrics(candidate)
        about = {f"candidate.{key}": str(value)[:MAX_PARAM] for key, value in candidate.about.items()}
        params = {**about, "questions": selection.source[:MAX_PARAM], "n_questions": str(selection.n),
                  "repeats": str(selection.repeats)}  # fmt: skip
        tags = {
            **_tags(selection, names.KIND_CANDIDATE), names.TAG_VERDICT: candidate.verdict.outcome.value,
            NOTE: selection_candidate.description(selection, name), TABLES: tables_of(run, files),
        }  # fmt: skip
        new = {key: value for key, value in params.items() if key not in run.data.params}
        log_batch(client, run.info.run_id, values if with_metrics else {}, params=new, tags=tags)
    return values


def metrics(candidate: CandidateResult) -> dict[str, float]:
    """Return the metrics of a candidate's run: finite ones only, at most 200.

    ``selection/…`` with bounds, ``score_by_dimension/…``, ``lost_by_cause/…``, latency, tokens and money as of a
    classifier.
    """
    values = {f"{SECTION}/utility": candidate.utility}
    known = {"score": candidate.score, **candidate.measures}
    for name, estimate in known.items():
        values |= {f"{SECTION}/{key}": value for key, value in bounds_columns({name: estimate}).items()}
    values |= dict(_spending(candidate))
    for dimension, estimate in candidate.dimensions.items():
        values.setdefault(names.metric_value_key(names.SCORE_BY_DIMENSION, dimension), estimate.value)
    for row in candidate.causes.overall:
        values[names.metric_value_key(names.LOST_BY_CAUSE, row.cause)] = row.share
    finite = [(key, float(value)) for key, value in values.items() if math.isfinite(value)]
    return dict(finite[: names.MAX_METRICS])


def _spending(candidate: CandidateResult) -> Iterator[tuple[str, float]]:
    spent = candidate.spending
    for section, found in (("latency_ms", spent.latency_ms), ("first_token_ms", spent.first_token_ms)):
        yield from ((f"{section}/{key}", estimate.value) for key, estimate in found.items())
    yield "cost/per_1000", spent.per_1000
    yield "cost/total", spent.money
    yield "tokens/prompt", spent.prompt_tokens
    yield "tokens/completion", spent.completion_tokens
    if spent.tokens_per_s:
        yield "tokens/per_s", spent.tokens_per_s.value
    yield "calls/n", spent.n_calls
    yield "calls/errors", spent.n_errors
    yield "calls/retries", spent.n_retries


def _refuse_others(run: Run, kind: str) -> None:
    found = run.data.tags.get(names.TAG_KIND, kind)
    if found != kind:
        raise TrackingError(f"run {run.info.run_id} is of kind {found!r}; log a {kind} into a run of its own")


def _tags(selection: Selection, kind: str) -> dict[str, str]:
    return {
        names.TAG_KIND: kind, names.TAG_SCHEMA_VERSION: str(names.SCHEMA_VERSION),
        names.TAG_QUESTIONS_DIGEST: selection.digest,
    }  # fmt: skip


def _files(selection: Selection, candidate: CandidateResult, questions: QuestionSet, run_name: str) -> list[File]:
    name = candidate.name
    files: list[File] = [
        Page(names.SUMMARY, selection_candidate.summary(selection, name)),
        Page(names.DIMENSIONS_PAGE, selection_candidate.dimensions(selection, name)),
        Page(names.SLICES_PAGE, selection_candidate.slices(selection, name)),
        Page(names.ATTRIBUTION_PAGE, selection_candidate.attribution(selection, name, questions)),
        Page(names.COST_LATENCY_PAGE, selection_candidate.cost_latency(selection, name)),
        Figure(names.DIMENSIONS_FIGURE, candidate.figure()),
        Table(names.DIMENSIONS_TABLE, selection_tables.dimensions(selection, candidate)),
        Table(names.TAGS_TABLE, selection_tables.tags(candidate)),
        Table(names.FAILURES_TABLE, selection_tables.failures(candidate)),
        Table(names.FAILED_TABLE, selection_tables.failed(candidate, questions)),
    ]
    filled = [item for item in files if not (isinstance(item, Table) and item.frame.empty)]
    return [
        *(headed(item, run_name) for item in filled),
        Page(names.REPORT, selection_report.candidate_page(selection, name, questions, run_name)),
        answers_file(candidate, questions),
    ]


def _log_whole(client: MlflowClient, run: Run, selection: Selection, questions: QuestionSet) -> None:
    files: list[File] = [
        Page(names.SUMMARY, pages.page(selection)),
        Page(names.LEADERBOARD_PAGE, pages.leaderboard(selection)),
        Figure(names.LEADERBOARD_FIGURE, selection.figure()),
        Figure(names.DIMENSIONS_FIGURE, selection_figure.dimensions(selection)),
        Figure(names.COST_LATENCY_FIGURE, selection_figure.pareto(selection)),
        Page(names.SELECTION_REPORT, selection_report.page(selection, questions, run.info.run_name or "")),
        Page(names.SELECTION, dump(selection)),
        Table(names.LEADERBOARD_TABLE, selection_tables.leaderboard(selection)),
    ]
    if selection.pairs:
        files.append(Table(names.PAIRS_TABLE, selection_tables.pairs(selection)))
    log_files(client, run.info.run_id, files)
    decision = selection.decision
    tags = {
        **_tags(selection, names.KIND_SELECTION), names.TAG_DECISION: decision.outcome,
        names.TAG_CHOSEN: decision.chosen, NOTE: pages.description(selection), TABLES: tables_of(run, files),
    }  # fmt: skip
    whole = {"n_questions": selection.n, "n_candidates": len(selection.candidates), "repeats": selection.repeats}
    log_batch(client, run.info.run_id, {f"{SECTION}/{key}": float(value) for key, value in whole.items()}, tags=tags)


def dump(selection: Selection) -> str:
    """Return the whole as strict JSON; a number that is not finite becomes the string ``"NaN"`` or the like."""
    content = {"schema_version": names.SCHEMA_VERSION, **asdict(selection)}
    return json.dumps(strict(content), ensure_ascii=False, separators=(",", ":"), default=str)
