"""`evaluate`: any data frame in, numbers out. No MLflow needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core import confusion, cost, metrics
from mlflow_evalplus.core.counts import count
from mlflow_evalplus.core.decision import decide
from mlflow_evalplus.core.intervals import estimate_all
from mlflow_evalplus.core.predictions import Predictions, column_names, read
from mlflow_evalplus.core.slices import slices as find_slices
from mlflow_evalplus.errors import ComparisonError, DataError
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results import Evaluation, Latency


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
    requirements: str | Path | Mapping[str, Any] | Requirements | None = None,
    confidence: float | None = None,
) -> Evaluation:
    """Evaluate a classifier's predictions.

    Parameters
    ----------
    frame : pandas, Polars, PyArrow, DuckDB, PySpark … data frame
        One row per example.
    label, prediction : str
        Columns of the gold answers and of the model's. A missing prediction is counted as wrong.
    scores : mapping of str to str, optional
        Label → column of its probability.
    slices : sequence of str, optional
        Columns whose values name slices.
    intersections : int, optional
        Depth of the crossings of slice columns; 2 by default.
    text, cluster, weight, example_id, annotators : optional
        Further columns. Rows of one `cluster` (a customer) are not taken as independent. Rows of two runs are
        paired by `example_id`, else by `text` (a column ``text`` is taken without asking), else by their order.
    requirements : path, mapping or Requirements, optional
        Its thresholds give the verdict; what is not named above is taken from it.
    confidence : float, optional
        Of every interval; 0.95 by default.

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
    wanted = asked.load(requirements)
    overrides = {"intersections": intersections, "confidence": confidence, "cluster": cluster}
    given = {key: value for key, value in overrides.items() if value is not None}
    if given:
        wanted = asked.load({**wanted.model_dump(by_alias=True, exclude_unset=True), **given})
    if text is None and wanted.task.text_column in column_names(frame):
        text = wanted.task.text_column
    predictions = read(
        frame,
        label=label or wanted.task.label,
        prediction=prediction,
        labels=wanted.task.labels,
        scores=scores,
        text=text,
        slices=wanted.slices if slices is None else slices,
        cluster=wanted.cluster,
        weight=weight,
        example_id=example_id,
        annotators=annotators,
    )
    return evaluate_predictions(predictions, wanted)


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
    return evaluate_predictions(
        evaluation.predictions, wanted, latency=evaluation.latency, notes=evaluation.notes, slices=columns
    )


def evaluate_predictions(
    predictions: Predictions,
    requirements: Requirements,
    *,
    latency: Latency | None = None,
    notes: tuple[str, ...] = (),
    slices: Sequence[str] | None = None,
) -> Evaluation:
    """Evaluate validated rows; `latency` comes from whoever asked the model, `slices` are all columns by default."""
    counts = count(predictions, slices, intersections=requirements.intersections)
    chosen = {**metrics.OVERALL, **metrics.of_classes(counts.labels)}
    if requirements.error_costs:
        costs = cost.cost_matrix(requirements.error_costs, counts.labels, counts.predictions)
        chosen["error_cost"] = metrics.error_cost(costs)
    confidence = requirements.confidence
    (overall,) = estimate_all(chosen, counts, counts.overall, confidence)
    evaluation = Evaluation(
        n=len(predictions),
        labels=counts.labels,
        metrics={name: overall[name] for name in chosen if "[" not in name},
        classes=confusion.classes(counts, overall),
        confusion=confusion.confusion(counts),
        slices=find_slices(counts, chosen, overall["accuracy"], confidence),
        confidence=confidence,
        data_digest=predictions.digest(),
        latency=latency,
        cost_per_1000=cost.cost_per_1000(latency, requirements.prices),
        requirements=requirements,
        notes=notes,
        predictions=predictions,
    )
    return replace(evaluation, verdict=decide(evaluation))
