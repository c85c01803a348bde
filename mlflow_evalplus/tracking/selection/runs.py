"""A selection as MLflow runs: one for the whole, and a child for every candidate."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mlflow.entities import DatasetInput
from mlflow.exceptions import MlflowException

from mlflow_evalplus import names
from mlflow_evalplus.core.privacy.selection import stored_selection
from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.render import selection as pages
from mlflow_evalplus.render import selection_candidate, selection_figure, selection_report, selection_tables
from mlflow_evalplus.requirements import StoreText
from mlflow_evalplus.results import CandidateResult, Selection, bounds_columns
from mlflow_evalplus.tracking import links, store, writer
from mlflow_evalplus.tracking.delivery import Delivery, OfModel
from mlflow_evalplus.tracking.destination import Destination, destination
from mlflow_evalplus.tracking.items import Figure, File, Page, Table, headed
from mlflow_evalplus.tracking.record import strict
from mlflow_evalplus.tracking.selection.answers import answers_file
from mlflow_evalplus.tracking.selection.confusing import confusion_files
from mlflow_evalplus.tracking.selection.traces import log_failures
from mlflow_evalplus.tracking.writer import NOTE

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
    traces: int = 20, store_text: StoreText = "full",
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
    store_text : str
        What is stored of the texts: ``full``, ``masked``, ``hash`` or ``none``.

    Raises
    ------
    TrackingError
        MLflow does not answer or refuses.
    """
    selection, questions = stored_selection(selection, questions, store_text)
    children = {}
    with writer.gathering(), writer.run(run_name or NAME, experiment=experiment) as run:
        for candidate in reversed(selection.candidates):  # MLflow lists the newest first: the best comes last
            with writer.run(candidate.name) as child:
                what = _of_candidate(child, selection, candidate, questions)
                if writer.send(child, replace(what, data=_data(selection))):
                    with suppress(MlflowException, OSError), store.briefly():  # the tables say the same
                        log_failures(candidate, questions, limit=traces)
                children[candidate.name] = child.run_id
        writer.send(run, _whole(run, selection, questions))
    by_utility = {candidate.name: children[candidate.name] for candidate in selection.candidates}
    return LoggedSelection(
        run.run_id, by_utility, links.artifact_page(run.made, names.SELECTION_REPORT),
        links.compare_page(links.server(), list(by_utility.values()), [run.made.info.experiment_id]),
    )  # fmt: skip


def _data(selection: Selection) -> DatasetInput:
    return writer.data_input(Path(selection.source).stem or "questions", selection.digest, COLUMNS, selection.n)


def log_candidate(
    selection: Selection,
    name: str,
    questions: QuestionSet,
    run_id: str | None = None,
    *,
    with_confusion: bool = False,
    by_mlflow: OfModel | None = None,
    store_text: StoreText = "full",
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
    with_confusion : bool
        Also log the confusion matrix of label questions, or of choices.
    by_mlflow : OfModel, optional
        MLflow logs the returned metrics itself, as figures of this model.
    store_text : str
        What is stored of the texts: ``full``, ``masked``, ``hash`` or ``none``.

    Raises
    ------
    TrackingError
        MLflow does not answer or refuses; the run carries another kind of result of ours.
    """
    selection, questions = stored_selection(selection, questions, store_text)
    run = destination(run_id)
    what = replace(_of_candidate(run, selection, selection[name], questions), by_mlflow=by_mlflow)
    if with_confusion:
        what = replace(what, files=[*what.files, *confusion_files(selection[name], questions, run.name)])
    writer.send(run, what)
    return dict(what.metrics)


def _of_candidate(
    run: Destination, selection: Selection, candidate: CandidateResult, questions: QuestionSet
) -> Delivery:
    run.refuse_others(names.KIND_CANDIDATE)
    about = {f"candidate.{key}": str(value)[:MAX_PARAM] for key, value in candidate.about.items()}
    params = {**about, "questions": selection.source[:MAX_PARAM], "n_questions": str(selection.n),
              "repeats": str(selection.repeats)}  # fmt: skip
    tags = {
        **_tags(selection, names.KIND_CANDIDATE), names.TAG_VERDICT: candidate.verdict.outcome.value,
        NOTE: selection_candidate.description(selection, candidate.name),
    }  # fmt: skip
    new = {key: value for key, value in params.items() if key not in run.params}
    files = _files(selection, candidate, questions, run.name)
    return Delivery(files, metrics=metrics(candidate), params=new, tags=tags)


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


def _whole(run: Destination, selection: Selection, questions: QuestionSet) -> Delivery:
    files: list[File] = [
        Page(names.SUMMARY, pages.page(selection)),
        Page(names.LEADERBOARD_PAGE, pages.leaderboard(selection)),
        Figure(names.LEADERBOARD_FIGURE, selection.figure()),
        Figure(names.DIMENSIONS_FIGURE, selection_figure.dimensions(selection)),
        Figure(names.COST_LATENCY_FIGURE, selection_figure.pareto(selection)),
        Page(names.SELECTION_REPORT, selection_report.page(selection, questions, run.name)),
        Page(names.SELECTION, dump(selection)),
        Table(names.LEADERBOARD_TABLE, selection_tables.leaderboard(selection)),
    ]
    if selection.pairs:
        files.append(Table(names.PAIRS_TABLE, selection_tables.pairs(selection)))
    decision = selection.decision
    tags = {
        **_tags(selection, names.KIND_SELECTION), names.TAG_DECISION: decision.outcome,
        names.TAG_CHOSEN: decision.chosen, NOTE: pages.description(selection),
    }  # fmt: skip
    whole = {"n_questions": selection.n, "n_candidates": len(selection.candidates), "repeats": selection.repeats}
    values = {f"{SECTION}/{key}": float(value) for key, value in whole.items()}
    return Delivery(files, metrics=values, tags=tags, data=_data(selection))


def dump(selection: Selection) -> str:
    """Return the whole as strict JSON; a number that is not finite becomes the string ``"NaN"`` or the like."""
    content = {"schema_version": names.SCHEMA_VERSION, **asdict(selection)}
    return json.dumps(strict(content), ensure_ascii=False, separators=(",", ":"), default=str)
