"""All that one run gets at once: written into a parcel of the spool, and from there to MLflow."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.entities import Dataset as LoggedDataset
from mlflow.entities import DatasetInput, InputTag, Param, Run, RunTag
from mlflow.entities import Metric as LoggedMetric
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.time import get_current_time_millis

from mlflow_evalplus import names
from mlflow_evalplus.render import figures
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import record
from mlflow_evalplus.tracking.items import Figure, File, Rows, Table
from mlflow_evalplus.tracking.spool import ARTIFACTS, Held, Parcel

TABLES = "mlflow.loggedArtifacts"  # the tag by which MLflow's artifact view finds tables
INSERTED_BY_ANOTHER = re.compile("unique|duplicate", re.IGNORECASE)  # as SQLite, PostgreSQL, MySQL, SQL Server say it
MAX_BATCH = 800  # metrics in one call of MLflow's, which takes 1000 of everything
# The names that MlflowClient.log_image gives its picture and its thumbnail. Ours stay the same when a run is logged
# again, travel in the one upload, and the thumbnail is no smaller: figures of 7 points do not survive 256 pixels.
IMAGE = f"images/{names.CONFUSION_IMAGE}+step+0+timestamp+0+evalplus"
IMAGE_FILES = (f"{IMAGE}.png", f"{IMAGE}+compressed.png")


@dataclass(frozen=True)
class OfModel:
    """The model and the data set to which MLflow attaches metrics that it logs itself."""

    model_id: str
    dataset_name: str | None = None
    dataset_digest: str | None = None


@dataclass(frozen=True)
class Delivery:
    """What one run gets.

    Attributes
    ----------
    files : sequence of File
    evaluation : Evaluation, optional
        Its record and its rows become files too.
    metrics : mapping of str to float
    steps : mapping of int to mapping of str to float
        Metrics by step.
    params, tags : mapping of str to str
    data : DatasetInput, optional
        Listed as an input of the run.
    by_mlflow : OfModel, optional
        MLflow itself logs the metrics, once ours has been delivered; so only `resume` logs them.
    answers : Held, optional
        The answers that were kept for this evaluation; the delivery takes their place.
    """

    files: Sequence[File] = ()
    evaluation: Evaluation | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    steps: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    data: DatasetInput | None = None
    by_mlflow: OfModel | None = None
    answers: Held | None = None


def write(delivery: Delivery, folder: Path) -> dict[str, Any]:
    """Write the files into the folder of a parcel; return the rest."""
    artifacts = folder / ARTIFACTS
    artifacts.mkdir()
    _write_files(delivery.files, delivery.evaluation, artifacts)
    return {
        "timestamp": get_current_time_millis(),
        "metrics": dict(delivery.metrics), "steps": {str(step): dict(of) for step, of in delivery.steps.items()},
        "params": dict(delivery.params), "tags": dict(delivery.tags),
        "tables": [item.path for item in delivery.files if isinstance(item, Table)],
        "data": _plain(delivery.data) if delivery.data else None,
        "by_mlflow": vars(delivery.by_mlflow) if delivery.by_mlflow else None,
        "answers": delivery.answers.parcel.id if delivery.answers else None,
    }  # fmt: skip


def perform(client: MlflowClient, parcel: Parcel, run_id: str, run: Run | None = None, *, again: bool = False) -> None:
    """Upload and log a parcel; what MLflow has already does not become double.

    Parameters
    ----------
    run : Run, optional
        As it was just now, where it has been read.
    again : bool
        It may have been tried before: points of metrics that are there already are left out.
    """
    content = parcel.content
    if parcel.artifacts.is_dir() and any(parcel.artifacts.iterdir()):
        client.log_artifacts(run_id, str(parcel.artifacts))
    if content["data"]:
        log_data(client, run_id, _data_of(content["data"]))
    run = run or (client.get_run(run_id) if again or content["tables"] else None)
    metrics, tags = list(_metrics(content, run_id, again)), dict(content["tags"])
    if run and again:
        metrics = _without_known(client, run, metrics, any_time=bool(content["by_mlflow"]))
    if run and content["tables"]:
        tags[TABLES] = _tables_of(run, content["tables"])
    params = [Param(key, value) for key, value in content["params"].items()]
    batches = [metrics[start : start + MAX_BATCH] for start in range(0, len(metrics), MAX_BATCH)] or [[]]
    for batch in batches[:-1]:
        client.log_batch(run_id, metrics=batch)
    if batches[-1] or params or tags:
        client.log_batch(run_id, metrics=batches[-1], params=params, tags=[RunTag(*pair) for pair in tags.items()])


def _metrics(content: Mapping[str, Any], run_id: str, again: bool) -> Iterator[LoggedMetric]:
    when, of = content["timestamp"], content["by_mlflow"]
    if again or not of:
        attached = {**of, "run_id": run_id} if of else {}
        for key, value in content["metrics"].items():
            yield LoggedMetric(key, value, when, 0, **attached)
    for step, values in content["steps"].items():
        for key, value in values.items():
            yield LoggedMetric(key, value, when, int(step))


def _without_known(
    client: MlflowClient, run: Run, metrics: Sequence[LoggedMetric], any_time: bool
) -> list[LoggedMetric]:
    """Leave out the points that a first try has logged: not every store of MLflow's recognises them."""
    known = set[tuple[Any, ...]]()
    for key in {metric.key for metric in metrics} & set(run.data.metrics):
        known |= {
            (key, point.step, None if any_time else point.timestamp)
            for point in client.get_metric_history(run.info.run_id, key)
        }
    return [m for m in metrics if (m.key, m.step, None if any_time else m.timestamp) not in known]


def _tables_of(run: Run, paths: Sequence[str]) -> str:
    """Return the tag that lists the tables of a run, with those at `paths`."""
    known = json.loads(run.data.tags.get(TABLES, "[]"))
    ours = [{"path": path, "type": "table"} for path in paths]
    return json.dumps(known + [entry for entry in ours if entry not in known])


def log_data(client: MlflowClient, run_id: str, data: DatasetInput) -> None:
    """Log a data set as an input of a run.

    MLflow looks for the data set, then inserts it: of two processes that do so at once for the first time one is
    refused. When it asks again the data set is there.
    """
    try:
        client.log_inputs(run_id, [data])
    except MlflowException as error:
        if not INSERTED_BY_ANOTHER.search(str(error)):
            raise
        client.log_inputs(run_id, [data])


def _plain(data: DatasetInput) -> dict[str, Any]:
    return {"dataset": dict(data.dataset), "tags": {tag.key: tag.value for tag in data.tags}}


def _data_of(plain: Mapping[str, Any]) -> DatasetInput:
    return DatasetInput(LoggedDataset(**plain["dataset"]), [InputTag(*pair) for pair in plain["tags"].items()])


def _write_files(files: Sequence[File], evaluation: Evaluation | None, folder: Path) -> None:
    for item in files:
        (folder / item.path).parent.mkdir(exist_ok=True)
        _write(item, folder / item.path)
        if item.path == names.CONFUSION_FIGURE:
            _copy_image(folder / item.path, folder)
    if evaluation is None:
        return
    (folder / names.EVALUATION).parent.mkdir(exist_ok=True)
    (folder / names.EVALUATION).write_text(record.dump(evaluation), encoding="utf-8")
    if evaluation.predictions is not None:
        write_rows(evaluation.predictions.with_ids().table, folder / names.PREDICTIONS)


def _write(item: File, path: Path) -> None:
    if isinstance(item, Table):
        item.frame.to_json(path, orient="split", index=False, force_ascii=False)
    elif isinstance(item, Rows):
        item.frame.to_parquet(path, index=False, compression="zstd")
    elif isinstance(item, Figure):
        figures.save(item.drawing, path)
    else:
        path.write_text(item.text, encoding="utf-8")


def _copy_image(picture: Path, folder: Path) -> None:
    for name in IMAGE_FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(picture, folder / name)


def write_rows(table: pa.Table, path: Path) -> None:
    """Write the rows of an evaluation as Parquet."""
    repeating = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    pq.write_table(table, path, compression="zstd", use_dictionary=repeating, write_statistics=False)
