"""A queue as a run, and back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from mlflow_evalplus import names
from mlflow_evalplus.core.collecting.queue_files import labels_of, read_queue
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.render import queue as pages
from mlflow_evalplus.tracking.collecting.rows import Log
from mlflow_evalplus.tracking.collecting.runs import download_queue, load_queue, log_queue
from tests.core.collecting.queues import HOSTILE, queue_of, small
from tests.core.collecting.test_queue_files import same

LOG = Log(pd.DataFrame({"text": ["a"] * 3}), "logs/july.csv", "file", "0123456789abcdef")


def test_a_queue_is_logged_and_loaded_again(store: str, tmp_path: Path) -> None:
    queue = queue_of(HOSTILE)
    found = log_queue(queue, labels=["bad", "good"], annotators=3, params={"n": 50, "audit": 0.2}, log=LOG)
    run = mlflow.get_run(found.run_id)
    assert (run.info.run_name, run.info.status, run.data.tags[names.TAG_KIND]) == ("queue", "FINISHED", "queue")
    assert run.data.params == {
        "n": "50", "audit": "0.2", "seed": "7", "log": "logs/july.csv", "log_digest": "0123456789abcdef",
    }  # fmt: skip
    assert run.data.metrics == {
        "queue/n_cases": len(HOSTILE), "queue/n_audit": 3, "queue/n_rows": 1000, "queue/n_texts": 900,
        **{f"queue/by_reason/{reason}": 4 for reason in names.REASONS},
    }  # fmt: skip
    page = pages.page(queue, ["bad", "good"])
    assert mlflow.artifacts.load_text(f"runs:/{found.run_id}/{names.QUEUE_PAGE}") == page
    assert run.data.tags["mlflow.note.content"] == page
    assert names.QUEUE_PAGE in found.link
    (given,) = run.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("july.csv", LOG.digest)
    assert json.loads(given.dataset.profile) == {"num_rows": 3}
    sheet = Path(mlflow.artifacts.download_artifacts(f"runs:/{found.run_id}/{names.QUEUE_CSV}")).read_bytes()
    assert sheet.startswith(b'\xef\xbb\xbf"case_id","text","annotator_1","annotator_2","annotator_3","adjudicated"')
    assert same(load_queue(found.run_id), replace(queue, labels=("bad", "good")))
    assert same(load_queue(found.run_id[:8], "tests"), replace(queue, labels=("bad", "good")))
    assert read_queue(download_queue("queue", str(tmp_path))).labels == ("bad", "good")


@pytest.mark.slow
def test_the_newest_of_a_name_is_loaded_and_what_is_there_is_said(store: str) -> None:
    log_queue(small(2))
    newest = log_queue(small(4), experiment="elsewhere")
    assert len(load_queue("queue").cases) == 4
    assert len(load_queue("queue", "tests").cases) == 2
    assert mlflow.get_experiment(newest.experiment_id).name == "elsewhere"
    with pytest.raises(TrackingError, match=r"no run of a queue has the id or name 'quene'; .*Did you mean 'queue'\?"):
        load_queue("quene")
    with pytest.raises(TrackingError, match=r"has the id or name 'queue'; there are \[\]"):
        load_queue("queue", "nowhere")


@pytest.mark.slow
def test_an_active_run_gets_a_child_and_a_given_run_is_taken(store: str) -> None:
    with mlflow.start_run() as parent:
        child = log_queue(small())
        assert mlflow.active_run().info.run_id == parent.info.run_id
    assert mlflow.get_run(child.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert log_queue(replace(small(), notes=()), parent.info.run_id).run_id == parent.info.run_id
    mlflow.MlflowClient().set_tag(child.run_id, "evalplus.kind", "other")
    assert same(load_queue(parent.info.run_id), replace(small(), notes=(), labels=labels_of(small())))
