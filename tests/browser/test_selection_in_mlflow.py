"""`mlflow run . -e select` as a user runs it, and what MLflow's own pages then show of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest
from playwright.sync_api import Page, expect

from mlflow_evalplus import names
from tests.browser import ui

pytestmark = ui.MARKS
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Shown:
    address: str
    experiment: str
    run_id: str
    children: dict[str, str]
    printed: str


@pytest.fixture(scope="module")
def shown(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("selected")
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    uri = f"sqlite:///{folder}/mlflow.db"
    environment = {
        **{key: value for key, value in os.environ.items() if key not in ("MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID")},
        "MLFLOW_TRACKING_URI": uri, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # fmt: skip
    command = ["mlflow", "run", str(ROOT), "-e", "select", "--env-manager", "local"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    client = mlflow.MlflowClient(uri)
    runs = client.search_runs(["0"])
    (parent,) = [run for run in runs if run.data.tags.get(names.TAG_KIND) == names.KIND_SELECTION]
    children = {run.info.run_name: run.info.run_id for run in runs if run.data.tags.get("mlflow.parentRunId")}
    with ui.server(folder) as address:
        yield Shown(address, "0", parent.info.run_id, children, done.stdout)


@pytest.fixture
def page() -> Iterator[Page]:
    with ui.browser_page(width=1500, height=1000) as opened:
        yield opened


def test_it_prints_the_decision_and_where_to_look(shown: Shown) -> None:
    assert re.search("Take (tuned|large)", shown.printed)
    assert f"Logged as run {shown.run_id}" in shown.printed
    assert set(shown.children) == {"large", "small", "tuned"}


def test_the_page_of_the_selection_says_whom_to_take(shown: Shown, page: Page) -> None:
    path = f"experiments/{shown.experiment}/runs/{shown.run_id}/artifacts/{names.SELECTION_REPORT}"
    page.goto(f"{shown.address}/#/{path}?workflowType=machine_learning")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", level=1)).to_contain_text("Take", timeout=60_000)
    expect(frame.get_by_role("heading", name="Why questions fail")).to_have_count(1)


def test_candidates_stand_side_by_side_on_the_compare_page(shown: Shown, page: Page) -> None:
    ids = ",".join(f'"{run_id}"' for run_id in shown.children.values())
    link = f"{shown.address}/#/compare-runs?runs=[{ids}]&experiments=[%22{shown.experiment}%22]"
    ui.open_compare_page(page, f"{link}&workflowType=machine_learning")
    for name in (names.SUMMARY, names.ATTRIBUTION_PAGE):
        ui.open_compared_artifact(page, name)
        for candidate in shown.children:
            expect(page.get_by_role("heading", name=candidate).last).to_be_visible(timeout=30_000)
