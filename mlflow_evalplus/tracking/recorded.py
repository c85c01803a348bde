"""What a comparison leaves on the runs that were compared, under the keys that MLflow uses for traces."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from mlflow_evalplus import names
from mlflow_evalplus.results import Comparison, Difference
from mlflow_evalplus.tracking.delivery import Delivery
from mlflow_evalplus.tracking.destination import known
from mlflow_evalplus.tracking.items import Page
from mlflow_evalplus.tracking.record import strict
from mlflow_evalplus.tracking.series import Series
from mlflow_evalplus.tracking.writer import gathering, send


def record_baseline(series: Series) -> None:
    """Write on each run its paired difference against the baseline, and the verdict with it.

    Metrics ``compare/<baseline>/<metric>/diff``, ``ci_low``, ``ci_high``, ``p_value``, ``effect_size``, ``n_paired``
    of accuracy, macro F1 and cost of errors, where `baseline` is the first eight characters of its id, so that several
    baselines do not overwrite each other; all metrics, classes and slices in the artifact ``compare/<baseline>.json``.
    The difference once more as ``delta/<metric>``: MLflow's charts cut a title after some 23 characters.
    """
    baseline = series.runs[series.baseline].info.run_id
    with gathering():
        for name, comparison in series.comparisons.items():
            run_id = series.runs[name].info.run_id
            tags = {
                names.TAG_BASELINE: f"{series.baseline}: accuracy {comparison.metrics['accuracy']}",
                names.TAG_BASELINE_RUN: baseline,
            }
            evaluation = series.evaluations[name]
            if evaluation.requirements == series.requirements:  # else the verdict is not by what the run was asked
                tags[names.TAG_VERDICT] = evaluation.verdict.outcome.value
            p_holm = series.family.p_holm.get(name, math.nan) if series.family else math.nan
            content = {"baseline_run_id": baseline, "candidate_run_id": run_id, "p_holm": p_holm, **asdict(comparison)}
            text = json.dumps(strict(content), ensure_ascii=False, separators=(",", ":"))
            page = Page(names.comparison_key(baseline) + ".json", text)
            run = series.runs[name]
            found = _metrics(comparison, baseline).items()
            new = {key: value for key, value in found if run.data.metrics.get(key) != value}  # compared before
            send(known(run), Delivery([page], metrics=new, tags=tags))


def _metrics(comparison: Comparison, baseline: str) -> dict[str, float]:
    found = {}
    for metric in names.COMPARED_METRICS:
        if metric in comparison.metrics:
            found[f"delta/{metric}"] = comparison.metrics[metric].value
            for stat, value in _stats(comparison.metrics[metric]).items():
                found[names.comparison_key(baseline, metric, stat)] = value
    return {key: value for key, value in found.items() if math.isfinite(value)}


def _stats(found: Difference) -> dict[str, Any]:
    """Return a difference under the names that ``mlflow.genai.compare_evaluations`` logs."""
    return {
        "diff": found.value, "ci_low": found.lower, "ci_high": found.upper, "p_value": found.p_value,
        "effect_size": found.effect_size, "n_paired": float(found.n),
    }  # fmt: skip
