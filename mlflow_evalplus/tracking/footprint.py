"""What a saved model takes: load time, size on disk and peak memory, measured in a fresh process."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PyFuncModel
from mlflow.tracking import MlflowClient
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from mlflow_evalplus.asking.secrets import hidden
from mlflow_evalplus.errors import DataError, EvalPlusError
from mlflow_evalplus.results import Footprint
from mlflow_evalplus.results.latency import MEGABYTE
from mlflow_evalplus.tracking import fresh_process
from mlflow_evalplus.tracking.fresh_process import brief

SAMPLE = 128
LIMIT_S = 120.0
SAID_AFTER_S = 15.0
MAX_DOWNLOAD = 1_000 * MEGABYTE
# No module of the working folder may shadow one of the fresh process: what this process finds there comes last.
BEGIN = (
    "import runpy, sys; sys.path = [folder for folder in sys.path if folder] + sys.argv[3:]; "
    "runpy.run_path(sys.argv[1])['main'](sys.argv[2])"
)

_logger = logging.getLogger(__name__)


class Unknown(EvalPlusError):
    """The footprint cannot be measured; the message says why."""


def check(where: object) -> None:
    """Refuse what is neither True, False nor the place of a saved model.

    Raises
    ------
    DataError
        It is something else.
    """
    if not isinstance(where, (bool, str, Path)):
        raise DataError(f"footprint is {where!r}; give True, False, or the folder or URI where the model is saved")


def measure(
    model: PyFuncModel, features: pd.DataFrame, where: bool | str | Path = True, limit_s: float = LIMIT_S
) -> tuple[Footprint | None, tuple[str, ...]]:
    """Return a model's footprint, and why it is not known, if so.

    What is not a saved model, such as a plain function, has none, and that is no reason to say anything.

    Parameters
    ----------
    model : mlflow.pyfunc.PyFuncModel
    features : pandas.DataFrame
        Its inputs; the first 128 rows are the sample that it answers.
    where : bool, str or pathlib.Path
        True: found by the model's id; or the folder or URI where it is saved.
    limit_s : float
        Seconds after which the process is ended.
    """
    if getattr(model, "metadata", None) is None:
        return None, ()
    try:
        with files(model, where) as folder:
            return in_fresh_process(folder, features.head(SAMPLE), _config(model), limit_s), ()
    except Unknown as error:
        why = str(error)
    except Exception as error:  # a store, a disk, a data frame: all fail in their own way
        why = brief(error)
    return None, (f"The footprint is not known: {hidden(why)}",)


@contextmanager
def files(model: PyFuncModel, where: bool | str | Path = True) -> Iterator[Path]:
    """Give the folder of a model's files; what lies in a remote store is downloaded, up to a gigabyte.

    Raises
    ------
    Unknown
        They are not found, or too large to download.
    """
    if hasattr(model, "pid"):
        raise Unknown("the model runs in an environment of its own")
    place = _beside_artifacts(model) or (_location(model) if isinstance(where, bool) else str(where))
    if is_local_uri(place, is_tracking_or_registry_uri=False):
        yield Path(local_file_uri_to_path(place))
        return
    size = model.metadata.model_size_bytes or 0
    if size > MAX_DOWNLOAD:
        raise Unknown(f"the model of {size // MEGABYTE:,} MB lies in a remote store and is not downloaded once more")
    with TemporaryDirectory() as folder:
        yield Path(mlflow.artifacts.download_artifacts(place, dst_path=folder))


def _beside_artifacts(model: PyFuncModel) -> str | None:
    """Return the folder of a Python model that keeps the paths of its artifacts."""
    context = getattr(model._model_impl, "context", None)
    for artifact in (getattr(context, "artifacts", None) or {}).values():
        folders = [folder for folder in Path(str(artifact)).parents if (folder / "MLmodel").is_file()]
        if folders:
            return str(folders[0])
    return None


def _location(model: PyFuncModel) -> str:
    if model.model_id:
        return str(MlflowClient().get_logged_model(model.model_id).artifact_location)
    if model.metadata.run_id and model.metadata.artifact_path:
        return f"runs:/{model.metadata.run_id}/{model.metadata.artifact_path}"
    raise Unknown("the model was not logged, so its files are not found; say where it is saved: footprint: <folder>")


def _config(model: PyFuncModel) -> Any:
    return getattr(getattr(model._model_impl, "context", None), "model_config", None) or None


def in_fresh_process(folder: Path, sample: pd.DataFrame, config: Any, limit_s: float = LIMIT_S) -> Footprint:
    """Load the model of a folder in a fresh process, answer the sample, and return what that took.

    Raises
    ------
    Unknown
        The model fails there, or takes too long.
    """
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    with TemporaryDirectory() as work:
        request, answer = Path(work) / "request.json", Path(work) / "answer.json"
        sample.reset_index(drop=True).to_parquet(Path(work) / "sample.parquet")
        content = {"model": str(folder), "config": config, "sample": f"{work}/sample.parquet", "answer": str(answer)}
        request.write_text(json.dumps(content), encoding="utf-8")
        with (Path(work) / "output").open("wb") as output:
            code = _run([sys.executable, "-c", BEGIN, fresh_process.__file__, str(request), *sys.path], output, limit_s)
        if not answer.exists():
            said = (Path(work) / "output").read_text(encoding="utf-8", errors="replace").splitlines()
            raise Unknown(f"the fresh process ended with code {code}: {said[-1][:200] if said else 'it said nothing'}")
        found = json.loads(answer.read_text(encoding="utf-8"))
    if "error" in found:
        raise Unknown(f"the model failed in a fresh process: {found['error']}")
    return Footprint(size_bytes=size, **found)


def _run(command: list[str], output: Any, limit_s: float) -> int:
    """Run a command of ours until it ends or the limit is reached; a long wait is explained."""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()}
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    start = time.monotonic()
    try:
        try:
            return process.wait(min(SAID_AFTER_S, limit_s))
        except subprocess.TimeoutExpired:
            _logger.warning(
                "loading the model in a fresh process, to measure its memory, takes over %.0f s; it is ended after "
                "%.0f s. 'footprint': False in evaluator_config leaves this out", SAID_AFTER_S, limit_s,
            )  # fmt: skip
        return process.wait(max(limit_s - (time.monotonic() - start), 0))
    except subprocess.TimeoutExpired:
        raise Unknown(f"the model did not answer in a fresh process within {limit_s:.0f} s") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
