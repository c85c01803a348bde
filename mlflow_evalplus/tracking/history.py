"""The last runs of an experiment on one test set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timezone

from mlflow.entities import Run

from mlflow_evalplus import names
from mlflow_evalplus.results import Estimate, Evaluation, Outcome
from mlflow_evalplus.results.side_by_side import Iteration
from mlflow_evalplus.tracking import store

MAX_RUNS = 20


def history(runs: Mapping[str, Run], evaluations: Mapping[str, Evaluation], baseline: str) -> tuple[Iteration, ...]:
    """Return the newest evaluated runs of the baseline's experiment on the baseline's test set, oldest first.

    Figures are those that were logged, at most 20 runs; the verdict of a compared run is that of `evaluations`. Nothing
    where the baseline's test set has no digest: its rows have neither ids nor texts.
    """
    base = runs[baseline]
    digest = base.data.tags.get(names.TAG_DATA_DIGEST)
    if not digest:
        return ()
    with store.reaching():
        found = store.client().search_runs(
            [base.info.experiment_id],
            f"tags.`{names.TAG_KIND}` = '{names.KIND_EVALUATION}' AND tags.`{names.TAG_DATA_DIGEST}` = '{digest}'",
            order_by=["attributes.start_time DESC"],
            max_results=MAX_RUNS,
        )
    compared = {run.info.run_id: name for name, run in runs.items()}
    return tuple(_iteration(run, compared.get(run.info.run_id, ""), evaluations) for run in reversed(found))


def _iteration(run: Run, compared: str, evaluations: Mapping[str, Evaluation]) -> Iteration:
    metrics, tags = run.data.metrics, run.data.tags
    value, lower, upper = (metrics.get(f"quality/accuracy{bound}", math.nan) for bound in ("", "_lower", "_upper"))
    logged = tags.get(names.TAG_VERDICT, "")
    known = logged in {outcome.value for outcome in Outcome}
    return Iteration(
        name=compared or run.info.run_name or run.info.run_id,
        time=datetime.fromtimestamp(run.info.start_time / 1000, tz=timezone.utc),
        accuracy=Estimate(value, lower, upper, int(metrics.get("quality/n_examples", 0))),
        verdict=evaluations[compared].verdict.outcome if compared else Outcome(logged if known else "undecided"),
        compared=bool(compared),
    )
