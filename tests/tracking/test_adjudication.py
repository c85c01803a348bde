"""A queue that came back, as a run."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.tracking.adjudication import adjudicate_run, where_to_look
from mlflow_evalplus.tracking.collecting.runs import log_queue
from tests.core.adjudicating.queues import filled, small


def test_a_run_carries_page_labels_agreement_and_open_cases(store: str) -> None:
    queue = small(80, audit=40)
    votes = filled(queue, annotator_1=["neg"] * 60 + ["?"] * 10, annotator_2=["neg"] * 50 + ["pos"] * 20)
    logged = log_queue(queue, labels=["neg", "pos", "mixed"])
    found, queue_run = adjudicate_run(
        logged.run_id, votes.assign(annotator_2=votes["annotator_2"].replace("pos", "Mixed"))
    )
    assert queue_run == logged.run_id
    assert found.labels == ("neg", "pos", "mixed")  # the header's, not what the cases name
    with mlflow.start_run() as outer:
        run_id = ep.log_adjudication(found, queue_run=queue_run)
    client = mlflow.MlflowClient()
    run = client.get_run(run_id)
    assert run.data.tags["mlflow.parentRunId"] == outer.info.run_id
    assert (run.info.status, run.info.run_name) == ("FINISHED", "adjudication")
    assert run.data.tags[names.TAG_KIND] == names.KIND_ADJUDICATION == "adjudication"
    assert run.data.tags[names.TAG_QUEUE_RUN] == logged.run_id
    assert run.data.tags["mlflow.note.content"].startswith("Labelled: 50 of 80 cases")
    metrics = run.data.metrics
    assert {key: metrics[f"adjudication/{key}"] for key in names.ADJUDICATION_METRICS} == {
        "n_cases": 80, "n_accepted": 50, "n_open": 30, "n_problems": 0,
    }  # fmt: skip
    assert metrics["labels/percent_agreement"] == pytest.approx(50 / 60)
    assert metrics["labels/percent_agreement_lower"] < 50 / 60 < metrics["labels/percent_agreement_upper"]
    assert metrics["labels/percent_agreement_audit"] == pytest.approx(1)
    assert run.data.params == {"annotators": "annotator_1, annotator_2", "labels": "neg, pos, mixed"}
    folder = Path(client.download_artifacts(run_id, "", "."))
    text = (folder / names.ADJUDICATION_PAGE).read_text(encoding="utf-8")
    assert text.startswith("### Adjudication")
    table = mlflow.load_table(names.ACCEPTED_TABLE, run_ids=[run_id])
    assert tuple(table.columns[: len(names.ACCEPTED_COLUMNS)]) == names.ACCEPTED_COLUMNS
    assert table["case_id"].tolist() == [case.case_id for case in found.accepted]
    assert len(pd.read_csv(folder / names.DISPUTED_CSV)) == 30
    assert (folder / names.LABELS_TABLE).is_file()
    tables = {table["path"] for table in json.loads(run.data.tags["mlflow.loggedArtifacts"])}
    assert tables == {names.ACCEPTED_TABLE, names.LABELS_TABLE}

    mlflow.set_experiment("elsewhere")
    beside = ep.log_adjudication(found, queue_run=queue_run)
    assert client.get_run(beside).info.experiment_id == logged.experiment_id
    assert f"/runs/{beside}/artifacts/{names.ADJUDICATION_PAGE}?" in where_to_look(beside)
    client.set_tag(beside, "mlflow.runName", "june")
    assert ep.log_adjudication(found, beside) == beside
    page = Path(client.download_artifacts(beside, names.ADJUDICATION_PAGE, "."))
    assert page.read_text(encoding="utf-8").startswith("#### june\n\n### Adjudication")

    done, _ = adjudicate_run("queue", filled(queue, annotator_1=["neg"] * 80, annotator_2=["neg"] * 80))
    again = ep.log_adjudication(done, experiment="another")
    assert client.get_experiment(client.get_run(again).info.experiment_id).name == "another"
    assert names.TAG_QUEUE_RUN not in client.get_run(again).data.tags
    assert names.DISPUTED_CSV not in {file.path for file in client.list_artifacts(again, "evalplus")}
    client.set_tag(run_id, names.TAG_KIND, names.KIND_QUEUE)
    with pytest.raises(TrackingError, match=r"carries no evalplus/queue\.jsonl"):
        adjudicate_run(run_id, votes)
