"""An A/B test or human ratings, logged on a run that was evaluated; its verdict is renewed where it rests on them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlflow.entities import Run

from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.render import evidence as pages
from mlflow_evalplus.render import summary
from mlflow_evalplus.results import Evaluation, Outcome
from mlflow_evalplus.results.ab_test import ABTest
from mlflow_evalplus.results.evidence import Evidence
from mlflow_evalplus.results.ratings import Ratings
from mlflow_evalplus.tracking import record, store
from mlflow_evalplus.tracking.delivery import Delivery
from mlflow_evalplus.tracking.destination import known
from mlflow_evalplus.tracking.evidence_record import dump, merged, read_evidence
from mlflow_evalplus.tracking.items import File, Page, Report, Table, headed
from mlflow_evalplus.tracking.series import load_decided
from mlflow_evalplus.tracking.writer import NOTE, send

TABLE = {"ab": names.AB_TABLE, "ratings": names.RATINGS_TABLE}
SECTION = {"ab": "online", "ratings": "human"}


@dataclass(frozen=True)
class LoggedEvidence:
    """What became of the run.

    Attributes
    ----------
    run_id : str
    verdict : Outcome or None
        The renewed verdict; None where no requirement names such a metric.
    sentence : str
        The same in a sentence.
    """

    run_id: str
    verdict: Outcome | None
    sentence: str = ""


def log_evidence(evidence: Evidence | ABTest | Ratings, run_id: str) -> LoggedEvidence:
    """Log an A/B test or human ratings on a run that was evaluated; an earlier one of the same kind is replaced.

    Where a requirement of the run names a metric of it, its verdict is renewed: the tag, the summary, the description,
    the report and ``evaluation.json``.

    Raises
    ------
    TrackingError
        There is no such run, it carries no evaluation, or MLflow refuses.
    """
    found = evidence if isinstance(evidence, Evidence) else evidence.evidence
    client = store.client()
    with store.reaching():
        run = client.get_run(run_id)
        logged = {file.path for file in client.list_artifacts(run_id, "evalplus")}
        if names.EVALUATION not in logged:
            raise TrackingError(f"run {run_id} carries no {names.EVALUATION}; evaluate the model first, then log this")
        every = merged(read_evidence(client, run_id, logged), [found])
    files: list[File] = [
        headed(Page(names.EVIDENCE_PAGE, pages.page(every)), run.info.run_name or ""),
        Page(names.EVIDENCE, dump(every)),
        Table(TABLE[found.source], found.frame()),
    ]
    renewed, tags = _renewed(run, every), dict[str, str]()
    if renewed:
        files += _with_verdict(renewed, run.info.run_name or "")
        tags = {names.TAG_VERDICT: renewed.verdict.outcome.value, NOTE: summary.description(renewed)}
    send(known(run), Delivery(files, metrics=dict(_metrics(found)), tags=tags))
    if not renewed:
        return LoggedEvidence(run_id, None)
    return LoggedEvidence(run_id, renewed.verdict.outcome, renewed.verdict.sentence)


def _metrics(evidence: Evidence) -> Iterator[tuple[str, float]]:
    for name, estimate in evidence.metrics.items():
        key = f"{SECTION[evidence.source]}/{name}"
        for suffix, value in (("", estimate.value), ("_lower", estimate.lower), ("_upper", estimate.upper)):
            if math.isfinite(value):
                yield key + suffix, value


def _renewed(run: Run, every: Sequence[Evidence]) -> Evaluation | None:
    """Return the evaluation with its verdict by all evidence; None where no requirement names such a metric."""
    evaluation = load_decided(run, evidence=every)
    thresholds = evaluation.requirements.thresholds if evaluation.requirements else ()
    return evaluation if any(threshold.metric in names.EVIDENCE_METRICS for threshold in thresholds) else None


def _with_verdict(evaluation: Evaluation, run_name: str) -> list[File]:
    shown: list[File] = [Page(names.SUMMARY, summary.page(evaluation)), Report(names.REPORT, evaluation)]
    return [*(headed(item, run_name) for item in shown), Page(names.EVALUATION, record.dump(evaluation))]
