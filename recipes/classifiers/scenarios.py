"""Whether one model for each scenario beats one model for all, and in which scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.intervals import false_discovery
from mlflow_evalplus.errors import ComparisonError
from mlflow_evalplus.results import Comparison, Evaluation
from mlflow_evalplus.results.comparison import Difference, SliceDifference
from recipes.classifiers.candidate import Candidate

MAX_Q = 0.05


def against_one_for_all(candidates: Sequence[Candidate], evaluations: Mapping[str, Evaluation]) -> dict[str, str]:
    """Return a sentence for each candidate that has a model for each value of a column, by its name.

    It is compared with the same candidate as one model for all; a value counts as better or worse where the
    paired difference of accuracy has q < 0.05 over all values of the column.
    """
    return {
        candidate.name: _told_of(candidate, candidates, evaluations)
        for candidate in candidates
        if candidate.by and candidate.name in evaluations
    }


def _told_of(candidate: Candidate, candidates: Sequence[Candidate], evaluations: Mapping[str, Evaluation]) -> str:
    whole = candidate.for_all
    rival = next((other.name for other in candidates if whole and whole.same_as(other)), None)
    if rival is None or rival not in evaluations:
        return (
            f"{candidate.name}: add the candidate '{_written(whole)}', the same as one model for all, to see whether "
            f"a model for each {candidate.by} is worth it."
        )
    pair = evaluations[candidate.name], evaluations[rival]
    try:
        return _sentence(candidate, rival, compare_evaluations(*pair, names=(candidate.name, rival)))
    except ComparisonError as error:
        return f"{candidate.name}: not compared with {rival}: {error}"


def _written(candidate: Candidate | None) -> str:
    if candidate is None:
        return ""
    parts = [part for part in ("consensus", "temperature", "rules") if getattr(candidate, part)]
    return "+".join([candidate.base + (f":{candidate.checkpoint}" if candidate.checkpoint else ""), *parts])


def _sentence(candidate: Candidate, rival: str, compared: Comparison) -> str:
    """Return who is better over all, and for which values the difference is shown."""
    column = str(candidate.by)
    rows = [row for row in compared.slices if row.columns == (column,)]
    p_values = np.array([row.metrics["accuracy"].p_value for row in rows])
    shown = [row for row, q in zip(rows, false_discovery(p_values), strict=True) if q < MAX_Q]
    better = [_told(row) for row in shown if row.metrics["accuracy"].value > 0]
    worse = [_told(row) for row in shown if row.metrics["accuracy"].value < 0]
    whole = compared.metrics["accuracy"]
    verdict = "beats" if whole.lower > 0 else "is worse than" if whole.upper < 0 else "is not told apart from"
    return (
        f"A model for each {column} ({candidate.name}) {verdict} one model for all ({rival}): accuracy "
        f"{_points(whole)}. Of {len(rows)} values it is better in {_listed(better)} and worse in {_listed(worse)}"
        f"{'' if shown else '; differences of single values are within chance'}."
    )


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values) if values else "none"


def _told(row: SliceDifference) -> str:
    return f"{row.values[0]} ({_points(row.metrics['accuracy'])})"


def _points(difference: Difference) -> str:
    value, lower, upper = (100 * part for part in (difference.value, difference.lower, difference.upper))
    return f"{value:+.1f} points [{lower:+.1f}, {upper:+.1f}]"
