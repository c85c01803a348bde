"""The only caller of MLflow's log functions: one upload of artifacts, one batch of metrics and tags."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.entities import Dataset as LoggedDataset
from mlflow.entities import DatasetInput, InputTag, Param, Run, RunTag
from mlflow.entities import Metric as LoggedMetric
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, Schema
from mlflow.utils.time import get_current_time_millis

from mlflow_evalplus import names
from mlflow_evalplus.core.attribution.attribute import attribute
from mlflow_evalplus.render import figures, summary
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import record, store
from mlflow_evalplus.tracking.items import Figure, File, Page, Rows, Table, describe

NOTE = "mlflow.note.content"
TABLES = "mlflow.loggedArtifacts"  # the tag by which MLflow's artifact view finds tables
INSERTED_BY_ANOTHER = re.compile(
    "unique|duplicate", re.IGNORECASE
)  # as SQLite, PostgreSQL, MySQL and SQL Server say it
MAX_BATCH = 1000  # metrics in one call of MLflow's
IMAGES = "mlflow.loggedImages"  # the tag by which its chart view finds images
# The names that MlflowClient.log_image gives its picture and its thumbnail. Ours stay the same when a run is logged
# again, travel in the one upload, and the thumbnail is no smaller: figures of 7 points do not survive 256 pixels.
IMAGE = f"images/{names.CONFUSION_IMAGE}+step+0+timestamp+0+evalplus"
IMAGE_FILES = (f"{IMAGE}.png", f"{IMAGE}+compressed.png")


def log(
    evaluation: Evaluation, run_id: str | None = None, *, metrics: bool = True, data: bool = True
) -> dict[str, float]:
    """Log an evaluation into an MLflow run.

    Parameters
    ----------
    evaluation : Evaluation
        Where its rows are at hand and nobody has asked ``attribute`` yet, its errors are attributed first.
    run_id : str, optional
        The active run by default; one is started where none is active.
    metrics : bool
        False where the caller logs the returned metrics itself.
    data : bool
        False where the run carries its data set already; else it is logged as an input, with our digest and schema.

    Returns
    -------
    dict of str to float
        The metrics, finite ones only, at most 200.

    Raises
    ------
    TrackingError
        MLflow does not answer or refuses.
    """
    if evaluation.attribution is None and evaluation.predictions is not None:
        evaluation = attribute(evaluation)
    with store.reaching():
        client = store.client()
        run = client.get_run(run_id or _active_run())
        values, files = describe(evaluation, run.info.run_name or "")
        _upload(client, run.info.run_id, files, evaluation)
        tags = {**_tags(evaluation), TABLES: tables_of(run, files), IMAGES: "True"}
        if data:
            log_data(client, run.info.run_id, _data(evaluation))
        log_batch(client, run.info.run_id, values if metrics else {}, tags=tags)
    return values


def log_page(run_id: str, page: Page, tags: Mapping[str, str], files: Sequence[File] = ()) -> None:
    """Log one page, which also becomes the run's description, with other files and tags."""
    with store.reaching():
        client = store.client()
        known = tables_of(client.get_run(run_id), files)
        _upload(client, run_id, [page, *files])
        log_batch(client, run_id, tags={**tags, NOTE: page.text, TABLES: known})


def log_files(client: MlflowClient, run_id: str, files: Sequence[File]) -> None:
    """Log files in one upload."""
    _upload(client, run_id, files)


def log_batch(
    client: MlflowClient,
    run_id: str,
    metrics: Mapping[str, float] | None = None,
    *,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    step: int = 0,
) -> None:
    """Log metrics (of one `step`), params and tags in one call."""
    now = get_current_time_millis()
    client.log_batch(
        run_id,
        metrics=[LoggedMetric(key, value, now, step) for key, value in (metrics or {}).items()],
        params=[Param(key, value) for key, value in (params or {}).items()],
        tags=[RunTag(key, value) for key, value in (tags or {}).items()],
    )


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


def log_steps(client: MlflowClient, run_id: str, steps: Mapping[int, Mapping[str, float]]) -> None:
    """Log the metrics of several steps, in as few calls as MLflow allows."""
    now = get_current_time_millis()
    metrics = [LoggedMetric(key, value, now, step) for step, values in steps.items() for key, value in values.items()]
    for start in range(0, len(metrics), MAX_BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + MAX_BATCH])


def _active_run() -> str:
    run = mlflow.active_run() or mlflow.start_run()
    return str(run.info.run_id)


def _upload(client: MlflowClient, run_id: str, files: Sequence[File], evaluation: Evaluation | None = None) -> None:
    with TemporaryDirectory(prefix="evalplus-") as folder:
        _write_files(files, evaluation, Path(folder))
        client.log_artifacts(run_id, folder)


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
        _write_rows(evaluation.predictions.with_ids().table, folder / names.PREDICTIONS)


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


def _write_rows(table: pa.Table, path: Path) -> None:
    repeating = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    pq.write_table(table, path, compression="zstd", use_dictionary=repeating, write_statistics=False)


def _data(evaluation: Evaluation) -> DatasetInput:
    slices = {column for row in evaluation.slices.rows for column in row.columns}
    name = evaluation.requirements.task.name if evaluation.requirements else "evaluation"
    return data_input(name, evaluation.data_digest, ("label", "prediction", *sorted(slices)), evaluation.n)


def data_input(name: str, digest: str, columns: Sequence[str], n: int) -> DatasetInput:
    """Return a data set of `n` rows as MLflow lists it; its own digest and schema would read every row for seconds."""
    schema = Schema([ColSpec("string", column) for column in columns])
    source = CodeDatasetSource(mlflow.tracking.context.registry.resolve_tags())
    entity = LoggedDataset(
        name=name,
        digest=digest,
        source_type=source._get_source_type(),
        source=source.to_json(),
        schema=json.dumps({"mlflow_colspec": schema.to_dict()}),
        profile=json.dumps({"num_rows": n}),
    )
    return DatasetInput(entity, [InputTag("mlflow.data.context", "evaluation")])


def _tags(evaluation: Evaluation) -> dict[str, str]:
    tags = {
        names.TAG_KIND: names.KIND_EVALUATION,
        names.TAG_SCHEMA_VERSION: str(names.SCHEMA_VERSION),
        names.TAG_DATA_DIGEST: evaluation.data_digest,
        names.TAG_VERDICT: evaluation.verdict.outcome.value,
        NOTE: summary.description(evaluation),
    }
    if evaluation.requirements is not None:
        tags[names.TAG_REQUIREMENTS_DIGEST] = evaluation.requirements.digest
    return tags


def tables_of(run: Run, files: Sequence[File]) -> str:
    """Return the tag that lists the tables of a run, with those among `files`."""
    known = json.loads(run.data.tags.get(TABLES, "[]"))
    ours = [{"path": item.path, "type": "table"} for item in files if isinstance(item, Table)]
    return json.dumps(known + [entry for entry in ours if entry not in known])
