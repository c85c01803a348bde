"""A comparison as an MLflow run of its own, and the links by which to look at it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from mlflow_evalplus import names
from mlflow_evalplus.asking.secrets import hidden
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.tracking import links, saved_view, store, writer
from mlflow_evalplus.tracking.delivery import Delivery
from mlflow_evalplus.tracking.destination import Destination, is_missing, known
from mlflow_evalplus.tracking.items import Page, Table
from mlflow_evalplus.tracking.series import Series
from mlflow_evalplus.tracking.writer import NOTE, page_with_note, send

NAME = "comparison"


class NoSuchRun(TrackingError):
    """MLflow does not know the run that the environment names."""


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
    with _run(series, run_id, same) as run:
        send(run, page_with_note(page, Delivery(files, tags=own)))
    view = saved_view.write_view(series)
    return LoggedComparison(
        run_id=run.run_id, report=links.artifact_page(run.made, names.COMPARISON_REPORT),
        view=f"{links.server()}{view}" if view else None,
    )  # fmt: skip


@contextmanager
def _run(series: Series, run_id: str | None, same: str) -> Iterator[Destination]:
    """Take the run given, else the one that was begun for us, else an earlier one of the same runs, else a new one."""
    found, away = None, list[TrackingError]()
    try:
        with store.reaching(), store.briefly():
            client = store.client()
            given = client.get_run(run_id) if run_id else _begun(client)
            if given:
                client.update_run(given.info.run_id, name=NAME)
            found = given or _earlier(client, series, same)
    except TrackingError as error:
        if run_id or isinstance(error, NoSuchRun):
            raise
        away = [error]
    if found and found.info.status == "FINISHED":
        yield known(found)  # a run that is refreshed keeps its times
        return
    with writer.run(
        NAME, run_id=found.info.run_id if found else None, experiment_id=_experiment(series), apart=True,
        same=(names.TAG_COMPARED, same), untried=away,
    ) as run:  # fmt: skip
        yield run


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
        if not is_missing(error):
            raise
        raise NoSuchRun(f"MLFLOW_RUN_ID names no run that MLflow knows ({hidden(str(error))}); unset it") from None
    kind, tags = run.data.tags.get(names.TAG_KIND), run.data.tags
    untouched = run.info.status == "RUNNING" and not run.data.metrics and NOTE not in tags and kind is None
    return run if untouched or kind == names.KIND_COMPARISON else None


def _earlier(client: MlflowClient, series: Series, same: str) -> Run | None:
    found = client.search_runs(
        [_experiment(series)], f"tags.`{names.TAG_COMPARED}` = '{same}'",
        order_by=["attributes.start_time DESC"], max_results=1,
    )  # fmt: skip
    return found[0] if found else None
