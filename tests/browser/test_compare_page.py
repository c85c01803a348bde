"""MLflow's own pages show our runs side by side, in a real browser over a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mlflow
import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.tracking.series import Series, compare_runs
from tests.browser import ui

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(ui.CHROMIUM is None, reason="no chromium on this machine"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def series(store: str, frame: pd.DataFrame) -> Series:
    """Return four runs, each answering a little better than the one before."""
    runs = []
    for number, share in enumerate((0.0, 0.3, 0.6, 0.9)):
        better = frame.sample(frac=share, random_state=number).index
        answers = frame.assign(prediction=frame["prediction"].mask(frame.index.isin(better), frame["label"]))
        with mlflow.start_run(run_name=f"iteration-{number + 1}") as run:
            ep.log(ep.evaluate(answers, text="text", slices=["channel", "language"]))
        runs.append(mlflow.get_run(run.info.run_id))
    return compare_runs(runs)


@pytest.fixture
def address(store: str, series: Series) -> Iterator[str]:
    with ui.server(Path(store.removeprefix("sqlite:///")).parent) as server:
        yield server


def test_compare_page_shows_matrices_and_slice_tables_in_columns(address: str, series: Series) -> None:
    with ui.browser_page() as page:
        ui.open_compare_page(page, series.compare_link(address))
        ui.open_compared_artifact(page, names.CONFUSION_FIGURE)
        pictures = [image.bounding_box() for image in page.get_by_role("img", name=names.CONFUSION_FIGURE).all()]
        assert len({round(box["x"]) for box in pictures if box and box["width"] > 150}) == 4
        ui.open_compared_artifact(page, names.SLICES_PAGE)
        tables = [title.bounding_box() for title in page.get_by_text("channel (n)").all()]
        assert len({round(box["x"]) for box in tables if box}) == 4
        ui.open_compared_artifact(page, names.ATTRIBUTION_PAGE)
        causes = [title.bounding_box() for title in page.get_by_text("cause (errors)").all()]
        assert len({round(box["x"]) for box in causes if box}) == 4


def test_run_page_opens_with_the_verdict(address: str, series: Series) -> None:
    run = next(iter(series.runs.values()))
    with ui.browser_page() as page:
        page.goto(
            f"{address}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}?workflowType=machine_learning"
        )
        page.get_by_role("heading", name="undecided").first.wait_for(timeout=30_000)
        assert page.get_by_text("what to do next").first.is_visible()
