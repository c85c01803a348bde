"""What MLflow can fetch: an artifact, an address, the input of another run → rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

import mlflow
import requests
from mlflow.data.http_dataset_source import HTTPDatasetSource
from mlflow.entities import DatasetInput

from mlflow_evalplus.errors import DataError, did_you_mean
from mlflow_evalplus.tracking import store
from recipes.data import files
from recipes.data.hub import HubData
from recipes.data.loaded import HUB, Loaded, Source

RUN = "run:"
CONTEXT = "mlflow.data.context"
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/.*", re.DOTALL)  # two letters at least: C:/ is a drive
OF_A_STORE = ("runs", "mlflow-artifacts")  # need the tracking server
TIMEOUT_S = 10


def is_uri(reference: str) -> bool:
    """Say whether a reference begins with a scheme.

    Examples
    --------
    >>> [is_uri(text) for text in ("runs:/0123/rows.csv", "s3://bucket/rows.csv", "C:/rows.csv", "rows.csv")]
    [True, True, False, False]
    """
    return URI.fullmatch(reference) is not None


def load_uri(uri: str) -> Loaded:
    """Load a data file, or a saved folder, from wherever MLflow can fetch it.

    Its source is what MLflow loads again; of an address, user, password and query stay out of it.

    Raises
    ------
    DataError
        It cannot be fetched or read.
    TrackingError
        It is an artifact, and the tracking server does not answer.
    """
    scheme = urlsplit(uri).scheme.lower()
    if scheme == "file":
        return files.load(url2pathname(urlsplit(uri).path))
    if scheme == "models":
        raise DataError(f"{uri!r} is a model; as data give a file, for example runs:/<run_id>/rows.csv")
    if scheme in OF_A_STORE:
        store.client()
    safe = _without_secrets(uri)
    with TemporaryDirectory(prefix="evalplus-") as folder:
        path = _fetched(uri, safe, scheme, folder)
        try:
            loaded = files.load(path)
        except DataError as error:
            raise DataError(str(error).replace(repr(str(path)), repr(safe))) from None
    web = scheme in ("http", "https")
    kind, key = ("http", "url") if web else ("local" if scheme in OF_A_STORE else scheme, "uri")
    return Loaded(loaded.frame, Source(safe, loaded.source.name, kind, {key: safe}))


def _fetched(uri: str, safe: str, scheme: str, folder: str) -> Path:
    try:
        if scheme not in ("http", "https"):
            return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder))
        requests.head(uri, timeout=TIMEOUT_S)  # MLflow tries for a minute where nobody listens
        return Path(HTTPDatasetSource(uri).load(folder))
    except Exception as error:  # each kind of store has its own errors
        told = str(error).replace(uri, safe)
        for secret in _secrets(uri):
            told = told.replace(secret, "…")
        reason = next(iter(told.splitlines()), "") or type(error).__name__
        raise DataError(f"{safe!r} cannot be fetched: {reason}.{_neighbours(uri, scheme)}") from None


def _neighbours(uri: str, scheme: str) -> str:
    """Return what may be meant by a run's artifact that is not there."""
    if scheme != "runs":
        return ""
    with suppress(Exception):
        parent, _, name = uri.rpartition("/")
        return did_you_mean(name, [Path(found.path).name for found in mlflow.artifacts.list_artifacts(parent)])
    return ""


def _secrets(uri: str) -> list[str]:
    """Return user, password and query of an address, as they stand in it."""
    parts = urlsplit(uri)
    return [part for part in (parts.query, parts.netloc.rpartition("@")[0], parts.password) if part]


def _without_secrets(uri: str) -> str:
    """Return an address without user, password and query.

    Examples
    --------
    >>> _without_secrets("https://me:secret@host/rows.csv?token=1")
    'https://host/rows.csv'
    >>> _without_secrets("runs:/0123/what? 100%.csv")
    'runs:/0123/what? 100%.csv'
    """
    parts = urlsplit(uri)
    if not parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def load_input(reference: str, load: Callable[[str], Loaded]) -> Loaded:
    """Load the data set that a run logged as its input: ``run:<run_id>[/context]``.

    The context may also be the name or the digest of the data set. What is loaded is the *source*: a run that parted
    one file into training and test rows gives the whole file.

    Parameters
    ----------
    reference : str
    load : callable
        Loads the run's source.

    Raises
    ------
    DataError
        The run has no such input, several with different sources, or one whose source cannot be loaded.
    TrackingError
        The tracking server does not answer, or knows no such run.
    """
    run_id, _, wanted = reference.removeprefix(RUN).partition("/")
    client = store.client()
    with store.reaching():
        inputs = client.get_run(run_id).inputs.dataset_inputs
    if not inputs:
        raise DataError(f"run {run_id!r} logged no data set as its input")
    chosen = [one for one in inputs if not wanted or wanted in (*_contexts(one), one.dataset.name, one.dataset.digest)]
    listed = "; ".join(_described(one) for one in inputs)
    if not chosen:
        contexts = [context for one in inputs for context in _contexts(one)]
        raise DataError(f"run {run_id!r} has no input {wanted!r}; it has {listed}.{did_you_mean(wanted, contexts)}")
    sources = {_source(one, run_id) for one in chosen}
    if len({replace(s, split="") if isinstance(s, HubData) else s for s in sources}) > 1:
        raise DataError(f"run {run_id!r} has several inputs; name one as {RUN}{run_id}/<context>: {listed}")
    found = load(_one_reference(chosen, run_id))
    rows = [json.loads(one.dataset.profile or "{}").get("num_rows") for one in chosen]
    parted = all(isinstance(n, int) for n in rows) and sum(rows) != len(found.frame)
    used = f", of which that run used {sum(rows):,}" if parted else ""
    note = f"{reference} is {found.source.reference}: {len(found.frame):,} rows{used}"
    return replace(found, source=replace(found.source, note=note))


def _one_reference(chosen: Sequence[DatasetInput], run_id: str) -> str:
    """Return what loads the source that the inputs share; of a hub's data set with the splits of all of them."""
    sources = [_source(one, run_id) for one in chosen]
    if isinstance(sources[0], str):
        return sources[0]
    splits = [source.split for source in sources if isinstance(source, HubData)]
    return str(replace(sources[0], split="+".join(dict.fromkeys(splits)) if all(splits) else ""))


def _source(one: DatasetInput, run_id: str) -> HubData | str:
    kind, fields = one.dataset.source_type, json.loads(one.dataset.source)
    if kind == HUB and not fields.get("data_files") and not fields.get("data_dir"):
        split = fields.get("split") or ""  # MLflow's own class writes a missing one as the text "None"
        given = (fields.get("config_name"), fields.get("revision"), "" if split == "None" else split)
        return HubData(fields["path"], *(text or "" for text in given))
    where = fields.get("uri") or fields.get("url")
    if kind == HUB or not where:
        raise DataError(
            f"run {run_id!r} logged the data set {one.dataset.name!r} from a source of type {kind!r}, from which no "
            "rows can be loaded; give the file or the data set itself"
        )
    return str(where)


def _contexts(one: DatasetInput) -> list[str]:
    return [tag.value for tag in one.tags if tag.key == CONTEXT]


def _described(one: DatasetInput) -> str:
    context = "".join(f"{context}: " for context in _contexts(one))
    return f"{context}{one.dataset.name} ({one.dataset.digest}, {one.dataset.source_type})"
