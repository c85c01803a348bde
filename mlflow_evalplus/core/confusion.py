"""The confusion matrix and the classes, from counts."""

from __future__ import annotations

from mlflow_evalplus import names
from mlflow_evalplus.core.counts import Counts
from mlflow_evalplus.results import Classes, ClassResult, Confusion, Estimate


def confusion(counts: Counts) -> Confusion:
    """Return the confusion matrix of all examples (weights, where rows are weighted)."""
    matrix = counts.matrices(counts.overall.weights)[0]
    return Confusion(counts.labels, counts.predictions, tuple(tuple(map(float, row)) for row in matrix))


def classes(counts: Counts, estimates: dict[str, Estimate]) -> Classes:
    """Return every class's support and metrics; `estimates` holds ``recall[…]`` and the like."""
    matrix = counts.matrices(counts.overall.rows)[0]
    return Classes(
        tuple(
            ClassResult(
                label,
                int(matrix[index].sum()),
                int(matrix[:, index].sum()),
                {
                    metric: estimates[names.class_metric(metric, label)]
                    for metric in names.OF_ONE_CLASS
                    if names.class_metric(metric, label) in estimates
                },
            )
            for index, label in enumerate(counts.labels)
        )
    )
