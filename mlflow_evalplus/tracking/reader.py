"""A run's artifacts → the same dataclasses again; runs found by what a user types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import cast

import mlflow
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from mlflow_evalplus import names
from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.errors import TrackingError, did_you_mean, shorten
from mlflow_evalplus.results import Comparison, Evaluation
from mlflow_evalplus.tracking import evidence_record, record, store


def load(run_id: str, *, predictions: bool = True) -> Evaluation:
    """Return the evaluation that a run carries.

    Parameters
    ----------
    run_id : str
    predictions : bool
        Also load the rows, which a comparison needs.

    Returns
    -------
    Evaluation
        Equal to the one that was logged, with the evidence that was added since.

    Raises
    ------
    TrackingError
        There is no such run, or it carries no evaluation; of a run of a selection its page is named.
    """
    client = store.client()
    with store.reaching(), TemporaryDirectory(prefix="evalplus-") as folder:
        logged = {file.path for file in client.list_artifacts(run_id, "evalplus")}
        if names.EVALUATION not in logged:
            raise TrackingError(_without_evaluation(client.get_run(run_id)))
        path = client.download_artifacts(run_id, names.EVALUATION, folder)
        origin = f"{names.EVALUATION} of run {run_id}"
        evaluation = record.parse(record.read_text(path, origin), origin)
        added = evidence_record.read_evidence(client, run_id, logged)
        evaluation = replace(evaluation, evidence=evidence_record.merged(evaluation.evidence, added))
        if not predictions or names.PREDICTIONS not in logged:
            return evaluation
        path = client.download_artifacts(run_id, names.PREDICTIONS, folder)
        rows = record.read_rows(path, f"{names.PREDICTIONS} of run {run_id}")
        return replace(evaluation, predictions=Predictions(rows, evaluation.labels))


def _without_evaluation(run: Run) -> str:
    """Return why a run cannot be loaded, in words."""
    run_id, kind = run.info.run_id, run.data.tags.get(names.TAG_KIND)
    if kind == names.KIND_SELECTION:
        return f"run {run_id} is a selection, not an evaluation; its page is {names.SELECTION_REPORT}"
    if kind == names.KIND_CANDIDATE:
        parent = run.data.tags.get(MLFLOW_PARENT_RUN_ID)
        of = f" of run {parent}" if parent else ""
        return (f"run {run_id} is a candidate of a selection, not an evaluation; the selection's page is "
                f"{names.SELECTION_REPORT}{of}, its own {names.REPORT}")  # fmt: skip
    return f"run {run_id} carries no {names.EVALUATION}; was it evaluated with evalplus?"


def compare(
    a: Evaluation | str, b: Evaluation | str, *, shared_only: bool = False, intersections: int | None = None
) -> Comparison:
    """Compare two evaluations, or runs by id, row by row; differences are A less B.

    Parameters
    ----------
    a, b : Evaluation or str
        Evaluations, or ids of runs that carry one; B is the baseline.
    shared_only : bool
        Compare on the examples that both have, where the test sets differ.
    intersections : int, optional
        Depth of the slices compared; by default single columns, and as deep as a requirement of A names a slice.

    Returns
    -------
    Comparison

    Raises
    ------
    ComparisonError
        The test sets differ, and `shared_only` was not asked.
    TrackingError
        A run is not there or carries no evaluation.
    """
    labels = tuple(x if isinstance(x, str) else name for x, name in ((a, "A"), (b, "B")))
    first, second = (load(x) if isinstance(x, str) else x for x in (a, b))
    return compare_evaluations(
        first,
        second,
        names=cast("tuple[str, str]", labels),
        shared_only=shared_only,
        intersections=intersections,
    )


def find_runs(given: Sequence[str] = (), experiment: str | None = None) -> list[Run]:
    """Return evaluated runs: those given by id or name, else the newest series, oldest first, else the newest run.

    A series is what one command logged together (tag ``evalplus.series``). Without `experiment` all
    experiments are searched.

    Raises
    ------
    TrackingError
        Nothing was found; the message says what exists.
    """
    client = store.client()
    with store.reaching():
        experiments = [e for e in client.search_experiments() if experiment in (None, e.name, e.experiment_id)]
        if not experiments:
            known = [e.name for e in client.search_experiments()]
            raise TrackingError(f"there is no experiment {experiment!r}; experiments are {shorten(known)}."
                                + did_you_mean(str(experiment), known))  # fmt: skip
        runs = client.search_runs(
            [e.experiment_id for e in experiments],
            f"tags.`{names.TAG_KIND}` = '{names.KIND_EVALUATION}'",
            order_by=["attributes.start_time DESC"],
        )
    if given:
        return [_pick(name, runs) for name in given]
    if not runs:
        where = f"experiment {experiment!r}" if experiment else without_runs()
        raise TrackingError(f"no evaluated run in {where}; run: mlflow run . --env-manager local")
    series = [run.data.tags.get(names.TAG_SERIES) for run in runs]
    newest = next((name for name in series if name), None)
    return [run for run, name in zip(runs, series, strict=True) if name == newest][::-1] if newest else runs[:1]


def described(run: Run) -> str:
    """Return which run it is: ``run words (57f4d122…) of experiment sentiment``."""
    experiment = store.client().get_experiment(run.info.experiment_id).name
    return f"run {run.info.run_name} ({run.info.run_id[:8]}…) of experiment {experiment}"


def without_runs() -> str:
    """Return where was looked, without a password."""
    return f"MLflow at {store.without_password(mlflow.get_tracking_uri())}"


def _pick(name: str, runs: Sequence[Run]) -> Run:
    """Return the run of this id, of a unique beginning of an id, or the newest of this name."""
    for run in runs:
        if name in (run.info.run_id, run.info.run_name):
            return run
    begins = [run for run in runs if run.info.run_id.startswith(name)]
    if len(begins) == 1 and len(name) >= 6:
        return begins[0]
    try:
        return store.client().get_run(name)
    except MlflowException:
        known = list(dict.fromkeys(run.info.run_name for run in runs))
        raise TrackingError(
            f"no evaluated run has the id or name {name!r}; runs are {shorten(known)}." + did_you_mean(name, known)
        ) from None
