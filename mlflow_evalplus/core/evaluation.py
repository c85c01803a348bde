"""`evaluate`: any data frame in, numbers out. No MLflow needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import narwhals as nw

from mlflow_evalplus import names
from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core import confusion, cost, custom, engines
from mlflow_evalplus.core.abstention import abstention, launch_accuracy
from mlflow_evalplus.core.calibration import calibration
from mlflow_evalplus.core.columns import column_names, native
from mlflow_evalplus.core.counts import Counts, count, crossings
from mlflow_evalplus.core.custom import CustomMetric
from mlflow_evalplus.core.decision import decide
from mlflow_evalplus.core.discovery import discover as search
from mlflow_evalplus.core.intervals import estimate_all
from mlflow_evalplus.core.labels import label_quality_of
from mlflow_evalplus.core.metrics import COVERAGE, OVERALL, error_cost, of_classes
from mlflow_evalplus.core.predictions import Predictions, check_scores, contract_columns, read
from mlflow_evalplus.core.privacy.answers import only_labels
from mlflow_evalplus.core.score_metrics import score_rows
from mlflow_evalplus.core.scores import ScoredRows, of_predictions, of_source
from mlflow_evalplus.core.slices import slices as find_slices
from mlflow_evalplus.core.text import derived_slices
from mlflow_evalplus.errors import ComparisonError, DataError
from mlflow_evalplus.requirements import Requirements, StoreText
from mlflow_evalplus.results import Evaluation, Latency

NOT_SEARCHED = (
    "Weak slices that nobody declared were not searched: the rows stayed in their engine. Collect the frame for that."
)

NOT_TIMED = (
    "Latency was timed with intervals of {:.0%}, less than the {:.0%} asked now: no requirement on it is decided."
)


def evaluate(
    frame: Any,
    label: str | None = None,
    prediction: str = "prediction",
    *,
    scores: Mapping[str, str] | None = None,
    slices: Sequence[str] | None = None,
    intersections: int | None = None,
    text: str | None = None,
    cluster: str | None = None,
    weight: str | None = None,
    example_id: str | None = None,
    annotators: Sequence[str] = (),
    discover: int | None = None,
    metrics: Sequence[CustomMetric] = (),
    requirements: str | Path | Mapping[str, Any] | Requirements | None = None,
    confidence: float | None = None,
    store_text: StoreText | None = None,
) -> Evaluation:
    """Evaluate a classifier's predictions.

    Parameters
    ----------
    frame : pandas, Polars, PyArrow, DuckDB, PySpark … data frame
        One row per example. A lazy one (Polars lazy, DuckDB, Spark) is counted in its engine: only groups of alike
        rows come back, so its ``predictions`` are None, and it cannot be compared row by row.
    label, prediction : str
        Columns of the gold answers and of the model's. A missing prediction is counted as wrong.
    scores : mapping of str to str, optional
        Label → column of its probability.
    slices : sequence of str, optional
        Columns whose values name slices; numbers are cut at their quartiles. Texts yield more: ``text_length``,
        ``text_question``, ``text_exclamation``, ``text_negation``, ``text_emoji``, ``text_capitals``, ``text_url``,
        ``text_script``.
    intersections : int, optional
        Depth of the crossings of slice columns; 2 by default.
    text, cluster, weight, example_id, annotators : optional
        Further columns. Rows of one `cluster` (a customer) are not taken as independent. Rows of two runs are
        paired by `example_id`, else by `text` (a column ``text`` is taken without asking), else by their order.
    discover : int, optional
        Search for weak slices that nobody declared, conjunctions of up to so many columns, slices that the texts yield
        and words; 0 by default. Found in one half of the rows and confirmed in the other.
    metrics : sequence of CustomMetric, optional
        Of your own: functions of the count cells.
    requirements : path, mapping or Requirements, optional
        Its thresholds give the verdict; what is not named above is taken from it.
    confidence : float, optional
        Of every interval; 0.95 by default.
    store_text : str, optional
        What ``log`` keeps of the texts: ``full`` (the default), ``masked``, ``hash`` or ``none``.

    Returns
    -------
    Evaluation

    Raises
    ------
    EvalPlusError
        Bad rows, columns or requirements; the message says what was given and what to do.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"label": ["yes", "no"] * 50, "prediction": ["yes", "no"] * 45 + ["no"] * 10})
    >>> result = evaluate(frame, requirements={"thresholds": [{"metric": "accuracy", "min": 0.8}]})
    >>> print(result.metrics["accuracy"])
    0.950 [0.888, 0.978] n=100
    >>> result.verdict.outcome.value
    'pass'
    """
    if isinstance(slices, str):
        raise DataError(f"slices is one text, {slices!r}; give a list of columns: slices=[{slices!r}]")
    custom.check(metrics)
    known = [metric.name for metric in metrics]
    wanted = asked.changed(
        asked.load(requirements, known), known, intersections=intersections, confidence=confidence,
        cluster=cluster, discover=discover, store_text=store_text,
    )  # fmt: skip
    rows = native(frame)
    if text is None and isinstance(rows, nw.DataFrame) and wanted.task.text_column in column_names(frame):
        text = wanted.task.text_column
    columns: dict[str, Any] = {
        "label": label or wanted.task.label, "prediction": prediction, "scores": scores, "text": text,
        "slices": wanted.slices if slices is None else slices, "cluster": wanted.cluster, "weight": weight,
        "example_id": example_id, "annotators": annotators,
    }  # fmt: skip
    if isinstance(rows, nw.LazyFrame):
        return _evaluate_lazy(rows, columns, wanted, metrics)
    predictions = only_labels(read(frame, labels=wanted.task.labels, **columns), wanted)
    return evaluate_predictions(predictions, wanted, metrics=metrics)


def _evaluate_lazy(
    frame: nw.LazyFrame[Any], columns: dict[str, Any], wanted: Requirements, own: Sequence[CustomMetric]
) -> Evaluation:
    check_scores(columns["scores"] or {}, wanted.task.labels)
    derived = derived_slices(columns["slices"], column_names(frame))
    if derived:
        raise DataError(f"slice {derived[0]!r} comes from the texts, row by row; collect the lazy frame first")
    source = engines.survey(frame, contract_columns(**columns))
    margins = crossings(columns["slices"], wanted.intersections)
    counts = engines.count_source(source, wanted.task.labels, margins)
    notes = (NOT_SEARCHED,) if wanted.discover else ()
    return _evaluated(counts, of_source(source, counts.labels), wanted, own, notes=notes, data_digest=counts.digest())


def evaluate_again(evaluation: Evaluation, requirements: Requirements | None = None) -> Evaluation:
    """Evaluate the same rows again, against other requirements where they are given.

    Raises
    ------
    ColumnNotFound
        The requirements name a slice column that the rows do not have.
    ComparisonError
        The rows are not at hand.
    """
    if evaluation.predictions is None:
        raise ComparisonError("the rows of this evaluation are not at hand; load it with its predictions")
    wanted = requirements or evaluation.requirements or Requirements()
    columns = (requirements.slices if requirements else None) or None
    latency, notes = evaluation.latency, evaluation.notes
    if latency and wanted.confidence > evaluation.confidence:  # its times are not at hand, so its bounds are not known
        latency = latency.without_bounds()
        notes += (NOT_TIMED.format(evaluation.confidence, wanted.confidence),)
    again = evaluate_predictions(
        evaluation.predictions, wanted, latency=latency, notes=notes, slices=columns, metrics=evaluation.custom_metrics,
    )  # fmt: skip
    if len(evaluation.predictions) == evaluation.n:  # the digest may be of texts that nobody kept
        again = replace(again, data_digest=evaluation.data_digest)
    again = replace(again, evidence=evaluation.evidence, data_checks=evaluation.data_checks)
    return replace(again, verdict=decide(again)) if evaluation.evidence else again


def evaluate_predictions(
    predictions: Predictions,
    requirements: Requirements,
    *,
    latency: Latency | None = None,
    notes: tuple[str, ...] = (),
    slices: Sequence[str] | None = None,
    metrics: Sequence[CustomMetric] = (),
) -> Evaluation:
    """Evaluate validated rows; `latency` comes from whoever asked the model, `slices` are all columns by default."""
    counts = count(predictions, slices, intersections=requirements.intersections)
    depth = requirements.discover
    return _evaluated(
        counts, of_predictions(predictions), requirements, metrics, latency=latency, notes=notes,
        data_digest=predictions.digest() or counts.digest(), predictions=predictions,
        discovery=search(predictions, depth=depth, confidence=requirements.confidence) if depth else None,
    )  # fmt: skip


def _evaluated(
    counts: Counts,
    scored: ScoredRows | None,
    requirements: Requirements,
    own: Sequence[CustomMetric],
    *,
    notes: tuple[str, ...] = (),
    latency: Latency | None = None,
    **rest: Any,
) -> Evaluation:
    """Estimate and decide; from here on nothing depends on where the rows are, or how many."""
    chosen = {**OVERALL, **of_classes(counts.labels)}
    asked_for = {*(threshold.metric for threshold in requirements.thresholds), *requirements.weights}
    if names.COVERAGE in asked_for or len(counts.predictions) > len(counts.labels):
        chosen[names.COVERAGE] = COVERAGE
    if requirements.error_costs:
        costs = cost.cost_matrix(requirements.error_costs, counts.labels, counts.predictions)
        chosen["error_cost"] = error_cost(costs)
    chosen |= {metric.name: metric.bound(counts.labels) for metric in own}
    confidence = requirements.confidence
    (overall,) = estimate_all(chosen, counts, counts.overall, confidence)
    bins = curve = None
    if scored:
        bins = calibration(scored, counts.overall, confidence)
        curve = abstention(scored, counts.overall, launch_accuracy(requirements), confidence)
        overall |= score_rows(scored, counts.overall, confidence)[0]
        notes += _notes(scored)
    if asked_for & set(names.LABEL_METRICS) and rest.get("predictions") is not None:
        rest["label_quality"] = label_quality_of(rest["predictions"], confidence=confidence)
    evaluation = Evaluation(
        n=int(counts.overall.rows.sum()),
        labels=counts.labels,
        metrics={name: estimate for name, estimate in overall.items() if "[" not in name},
        classes=confusion.classes(counts, overall),
        confusion=confusion.confusion(counts),
        slices=find_slices(counts, chosen, overall["accuracy"], confidence, scored),
        confidence=confidence,
        calibration=bins,
        abstention=curve,
        latency=latency,
        cost_per_1000=cost.cost_per_1000(latency, requirements.prices),
        requirements=requirements,
        notes=notes,
        custom_metrics=tuple(own),
        **rest,
    )
    return replace(evaluation, verdict=decide(evaluation))


def _notes(scored: ScoredRows) -> tuple[str, ...]:
    if not scored.covered or not scored.rows_off:
        return ()
    return (
        f"The scores of {scored.rows_off:,} rows do not sum to 1: log-loss, Brier score, top-2 accuracy and "
        "calibration error are left out.",
    )
