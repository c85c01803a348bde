"""The simulated year from end to end: all that its turns leave behind, and a page that says what they brought."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
import pytest
from click.testing import CliRunner

from mlflow_evalplus import names
from mlflow_evalplus.core.training_data.training_data import TrainingData
from mlflow_evalplus.errors import DataError
from recipes.flywheel.__main__ import main
from recipes.flywheel.stream import simulated_year
from recipes.flywheel.year import run_year

MONTHS = ("2025-07", "2025-08", "2025-09")


@pytest.mark.slow
def test_three_turns_leave_a_trail_and_a_page(store: str) -> None:
    done = CliRunner().invoke(main, ["--folder", "year", "--budget", "40"])
    assert done.exit_code == 0, done.output
    assert "Three turns of 40 labels brought back" in done.output
    folder = Path("year")
    data = TrainingData.open(folder / "training")
    assert data.verify() == ()
    assert [version.number for version in data.versions] == [1, 2, 3, 4]
    for month in MONTHS:
        left = {path.name for path in (folder / month).iterdir()}
        assert left >= {"log.csv", "queue.jsonl", "queue_annotator_1.csv", "queue_annotator_2.csv"}
        assert "label" not in pd.read_csv(folder / month / "log.csv").columns
    reference = pd.read_csv(folder / "reference.csv")
    assert reference["text"].tolist() == pd.read_csv(folder / "test.csv")["text"].tolist()
    assert {"label", "prediction", "score.negative"} <= {*reference}
    assert "old_wording" not in reference
    runs = mlflow.search_runs(search_all_experiments=True)
    kinds = runs[f"tags.{names.TAG_KIND}"].value_counts().to_dict()
    assert kinds == {
        names.KIND_EVALUATION: 4, names.KIND_COMPARISON: 4, names.KIND_QUEUE: 3, names.KIND_ADJUDICATION: 3,
        names.KIND_MONITOR: 1, names.KIND_FLYWHEEL: 1,
    }  # fmt: skip
    assert set(runs["status"]) == {"FINISHED"}
    queued = set(runs.loc[runs[f"tags.{names.TAG_KIND}"] == names.KIND_QUEUE, "run_id"])
    assert set(runs[f"tags.{names.TAG_QUEUE_RUN}"].dropna()) == queued
    assert str(mlflow.MlflowClient().get_model_version_by_alias("flywheel", "champion").version) == "4"
    # what was collected is of its month, its label is the message's own, and no test row is among it
    year = simulated_year(0)
    collected = data.rows(part="all").query("`evalplus.version` > 1")
    truth = year.rows.set_index("text")["label"]
    assert (collected["label"] == collected["text"].map(truth)).all()
    assert set(collected["month"]) == set(MONTHS)
    assert not set(collected["text"]) & set(year.held_out["text"])
    page = (folder / names.FLYWHEEL_REPORT).read_text(encoding="utf-8")
    assert "with the wheel" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_folder_that_holds_something_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty; name a new folder for the year"):
        run_year(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]
