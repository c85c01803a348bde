"""A comparison as an MLflow run of its own, and the links by which to look at it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.tracking import links, saved_view, store
from mlflow_evalplus.tracking.items import Page, Table
from mlflow_evalplus.tracking.series import Series
from mlflow_evalplus.tracking.writer import NOTE, log_page

NAME = "comparison"


@dataclass(frozen=True)
class LoggedComparison:
    """Where a comparison can be looked at.

    Attributes
    ----------
    run_id : str
        The run that carries it.
    report : str
        Address of its page in MLflow.
    view : str or None
        Address of the saved view of the compared runs; None where it could not be written.
    """

    run_id: str
    report: str
    view: str | None = None


def log_comparison(
    series: Series, run_id: str | None = None, *, tags: Mapping[str, str] | None = None
) -> LoggedComparison:
    """Log a comparison as a run, beside the compared ones, and write the saved view of these.

    Where the baseline is of another experiment than the runs that are held against it, it is logged in theirs.

    Parameters
    ----------
    series : Series
    run_id : str, optional
        The run to take. By default the one that ``mlflow run`` began for us, where nothing else is in it, else that of
        an earlier comparison of the same runs with the same baseline, which is refreshed, else a new one.
    tags : mapping of str to str, optional
        Further tags of the run.

    Raises
    ------
    TrackingError
        MLflow does not answer or refuses.
    """
    files: list[Page | Table] = [Page(names.COMPARISON_REPORT, series.report)]
    if series.difference:
        files.append(Table(names.DIFFERENCE_TABLE, series.difference.frame()))
    page, same = Page(names.COMPARISON_PAGE, series.page), compared_digest(series)
    own = {names.TAG_KIND: names.KIND_COMPARISON, names.TAG_COMPARED: same, **(tags or {})}
    with store.reaching():
        client = store.client()
        given = client.get_run(run_id) if run_id else _begun(client)
        earlier = None if given else _earlier(client, series, same)
        if given:
            own["mlflow.runName"] = NAME
        run = given or earlier or client.create_run(_experiment(series), run_name=NAME)
        try:
            log_page(run.info.run_id, page, own, files)
        except BaseException:
            if not earlier:
                client.set_terminated(run.info.run_id, "FAILED")
            raise
        if run.info.status != "FINISHED":  # a run that is refreshed keeps its times
            client.set_terminated(run.info.run_id)
    view = saved_view.write_view(series)
    return LoggedComparison(
        run_id=run.info.run_id, report=links.artifact_page(run, names.COMPARISON_REPORT),
        view=f"{links.server()}{view}" if view else None,
    )  # fmt: skip


def compared_digest(series: Series) -> str:
    """Return what tells whether the same runs were compared with the same baseline, in whatever order."""
    baseline = series.runs[series.baseline].info.run_id
    ids = sorted(run.info.run_id for run in series.runs.values())
    return hashlib.sha256("\n".join([baseline, *ids]).encode()).hexdigest()[:16]


def where_to_look(series: Series, logged: LoggedComparison | None) -> dict[str, str]:
    """Return what there is to look at in MLflow, in words → its address."""
    found = {"side by side": series.compare_link(links.server())}
    if logged:
        found |= {"charts": logged.view} if logged.view else {}
        found["report"] = logged.report
    return found


def words(series: Series, logged: LoggedComparison | None) -> list[str]:
    """Return the lines that a command prints: where to look, and how to serve these pages."""
    places = where_to_look(series, logged)
    width = max(map(len, places))
    serve = links.serve_command()
    title = f"Look, after `{serve}`:" if serve else "Look:"
    kept = [f"The comparison is run {logged.run_id}."] if logged else []
    return [*kept, title, *(f"  {name:<{width}}  {address}" for name, address in places.items())]


def _experiment(series: Series) -> str:
    """Return the experiment of the first run that is held against the baseline: the baseline may be an old champion."""
    challenger = next(iter(series.comparisons), series.baseline)
    return str(series.runs[challenger].info.experiment_id)


def _begun(client: MlflowClient) -> Run | None:
    """Return the run that ``mlflow run`` began for us; one that holds anything of somebody else is not overwritten."""
    run_id = os.environ.get("MLFLOW_RUN_ID")
    if not run_id:
        return None
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        raise TrackingError(f"MLFLOW_RUN_ID names no run that MLflow knows ({error}); unset it") from None
    kind, tags = run.data.tags.get(names.TAG_KIND), run.data.tags
    untouched = run.info.status == "RUNNING" and not run.data.metrics and NOTE not in tags and kind is None
    return run if untouched or kind == names.KIND_COMPARISON else None


def _earlier(client: MlflowClient, series: Series, same: str) -> Run | None:
    found = client.search_runs(
        [_experiment(series)], f"tags.`{names.TAG_COMPARED}` = '{same}'",
        order_by=["attributes.start_time DESC"], max_results=1,
    )  # fmt: skip
    return found[0] if found else None
