"""A candidate and its rows → the folder of a fitted model, with all that is put around it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold

from mlflow_evalplus.core.temperature import fit_temperature
from mlflow_evalplus.errors import DataError, shorten
from recipes.classifiers import checkpoint, linear, serving, tuning
from recipes.classifiers.candidate import Candidate
from recipes.classifiers.job import MODEL_FILE, Job, write_model
from recipes.data.split import normalised

HELD_OUT_PARTS = 7  # one of them is held out: 14 %
FEWEST, MOST = 0.05, 0.3  # shares of the rows that a part may have
MIN_ROWS = 70  # below that none is: ten rows would tell nothing
MIN_VALUE_ROWS = 60  # that a value of a column needs for a model of its own
MIN_LABEL_ROWS = 5  # and of each label, as a model never answers what it has not seen
MANY_GROUPS = 20_000  # a split by chance is even enough, and stratifying groups takes a loop over them


@dataclass(frozen=True)
class Rows:
    """Training rows, and which of their columns is what; rows of one cluster are never parted."""

    frame: pd.DataFrame
    text: str
    label: str
    cluster: str | None = None

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def texts(self) -> list[str]:
        """The texts."""
        return self.frame[self.text].astype(str).tolist()

    @property
    def labels(self) -> list[str]:
        """The labels."""
        return self.frame[self.label].astype(str).tolist()

    def where(self, chosen: np.ndarray) -> Rows:
        """Return the rows that are chosen by a mask or by their places."""
        rows = self.frame[chosen] if chosen.dtype == bool else self.frame.iloc[chosen]
        return replace(self, frame=rows.reset_index(drop=True))


@dataclass(frozen=True)
class Training:
    """How a candidate is trained, besides on what.

    Attributes
    ----------
    work : Path
        For checkpoints.
    seed : int
    settings : dict
        Of transformers and embeddings.
    rules : sequence of mapping
        ``pattern``, ``label`` and maybe ``weight``.
    log, say : callable
        As in `Job`.
    """

    work: Path
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    rules: Sequence[Mapping[str, Any]] = ()
    log: Callable[[dict[str, float], int], None] = lambda metrics, step: None
    say: Callable[[str], None] = lambda line: None


def fit(candidate: Candidate, rows: Rows, folder: Path, training: Training) -> dict[str, Any]:
    """Train a candidate, write it into an empty folder, and return what a reader of the run wants to know of it.

    Raises
    ------
    DataError
        The rows do not allow it, or a package is missing.
    """
    learnt, held = hold_out(rows, training.seed) if candidate.holds_out else (rows, None)
    if candidate.temperature and held is None:
        raise _none_held_out(candidate, len(rows))
    known: dict[str, Any] = {
        "n_train": len(learnt), "n_held_out": len(held) if held else 0,
        **_trained_with(candidate, training.settings, len(learnt)),
    }  # fmt: skip
    if candidate.by:
        known["own_models"] = _fit_by(candidate, learnt, held, folder, training)
    else:
        _fit_base(candidate, learnt, held, folder, folder, training)
    around: dict[str, Any] = {}
    if candidate.temperature and held:
        around["temperature"] = known["temperature"] = _temperature(candidate, folder, held)
    if candidate.rules:
        around["rules"] = [dict(rule) for rule in training.rules]
    if around:
        path = folder / MODEL_FILE
        content = json.loads(path.read_text(encoding="utf-8")) | around
        path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    return known


def check(candidate: Candidate, rows: Rows, training: Training) -> None:
    """Find what would fail in a training that takes long, before any run begins.

    Raises
    ------
    DataError
        A setting is wrong, a package is missing, the checkpoint is not usable, or no rows can be held out for a
        temperature.
    """
    tuning.settings(training.settings)
    if candidate.heavy:
        checkpoint.require("torch", "transformers")
        checkpoint.find(candidate.checkpoint)
    if candidate.temperature and hold_out(rows, training.seed)[1] is None:
        raise _none_held_out(candidate, len(rows))


def _trained_with(candidate: Candidate, settings: Mapping[str, Any], n_rows: int) -> dict[str, Any]:
    """Return the checkpoint and all settings that decide what comes out, those by default, too."""
    if not candidate.heavy:
        return {}
    chosen = asdict(tuning.settings(settings).with_epochs(n_rows))
    decide = (
        ("max_length",)
        if candidate.base == "embedding"
        else [name for name in chosen if name not in tuning.OF_THE_MOMENT]
    )
    found = checkpoint.find(candidate.checkpoint)
    return {"checkpoint": found.name, "checkpoint_digest": found.digest} | {
        f"setting_{name}": chosen[name] for name in decide
    }


def hold_out(rows: Rows, seed: int) -> tuple[Rows, Rows | None]:
    """Part about a seventh of the rows from the others: labels alike, no cluster and no text on both sides.

    None is held out of fewer than 70 rows, nor where no such part leaves every label to learn from: where, say, one
    customer has most of the rows.
    """
    if len(rows) < MIN_ROWS:
        return rows, None
    groups = _groups(rows)
    if groups.max() + 1 > MANY_GROUPS:
        parts = GroupShuffleSplit(HELD_OUT_PARTS, test_size=1 / HELD_OUT_PARTS, random_state=seed)
    else:
        parts = StratifiedGroupKFold(HELD_OUT_PARTS, shuffle=True, random_state=seed)
    labels = np.array(rows.labels, dtype=object)
    try:
        found = list(parts.split(groups, labels, groups))
    except ValueError:  # fewer groups than parts
        return rows, None
    fair = [
        (learnt, held)
        for learnt, held in found
        if FEWEST <= len(held) / len(rows) <= MOST and len(set(labels[learnt])) == len(set(labels))
    ]
    return (rows.where(fair[0][0]), rows.where(fair[0][1])) if fair else (rows, None)


def _groups(rows: Rows) -> np.ndarray:
    """Return the group of each row: rows that share a cluster or a text, over however many others, are in one.

    A row without cluster belongs to those of its text.
    """
    texts = pd.factorize(normalised(rows.frame[rows.text]))[0]
    if rows.cluster is None:
        return texts
    clusters = pd.factorize(rows.frame[rows.cluster])[0]
    known, n_texts = clusters >= 0, texts.max() + 1
    size = n_texts + clusters.max() + 1
    edges = sparse.coo_array((np.ones(known.sum()), (texts[known], n_texts + clusters[known])), shape=(size, size))
    return csgraph.connected_components(edges, directed=False)[1][texts]


def _fit_base(
    candidate: Candidate, rows: Rows, held: Rows | None, folder: Path, root: Path, training: Training
) -> None:
    job = Job(
        rows.texts, rows.labels, folder, root, training.work / (folder.relative_to(root).as_posix()),
        held_out_texts=held.texts if held else (), held_out_labels=held.labels if held else (),
        seed=training.seed, settings=dict(training.settings), log=training.log, say=training.say,
    )  # fmt: skip
    if candidate.base == "transformer":
        from recipes.classifiers import transformer

        transformer.fit(job, candidate.checkpoint)
    elif candidate.base == "embedding":
        from recipes.classifiers import embedding

        embedding.fit(job, candidate.checkpoint)
    else:
        linear.fit(job, linear.PIPELINES[candidate.base])


def _fit_by(candidate: Candidate, rows: Rows, held: Rows | None, folder: Path, training: Training) -> str:
    """Train one model of all rows, and one for each value with enough of them; return which values have one."""
    column = str(candidate.by)
    values = rows.frame[column]
    places: dict[str, str] = {}
    quiet = replace(training, log=lambda metrics, step: None)
    _fit_base(candidate, rows, held, _made(folder / "fallback"), folder, training)
    for number, value in enumerate(_own(values, rows.labels)):
        training.say(f"{column} = {value}")
        part = held.where((held.frame[column] == value).to_numpy()) if held else None
        of_value, own = rows.where((values == value).to_numpy()), _made(folder / f"values/{number}")
        try:
            _fit_base(candidate, of_value, part if part else None, own, folder, quiet)
        except DataError as error:  # texts without a word, say: the model of all rows answers them
            training.say(f"{column} = {value} has no model of its own: {error}")
            shutil.rmtree(own)
        else:
            places[value] = f"values/{number}"
    write_model(folder, "scenario", sorted(set(rows.labels)), column=column, fallback="fallback", values=places)
    return shorten(places) if places else "none: every value has too few rows"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _own(values: pd.Series, labels: Sequence[str]) -> list[str]:
    """Return the values that get a model of their own: enough rows, and enough of every label."""
    counts = pd.crosstab(values, np.asarray(labels, dtype=object))
    enough = (counts.sum(axis=1) >= MIN_VALUE_ROWS) & (counts.min(axis=1) >= MIN_LABEL_ROWS)
    return [str(value) for value in counts.index[enough]]


def _none_held_out(candidate: Candidate, n_rows: int) -> DataError:
    return DataError(
        f"candidate {candidate.name!r}: a temperature is fitted on rows held out, and of these {n_rows:,} none can be: "
        f"it takes {MIN_ROWS}, of which about a seventh shares no customer and no text with the others, and every "
        "label among the others; leave '+temperature' out"
    )


def _temperature(candidate: Candidate, folder: Path, held: Rows) -> float:
    model = serving.load(folder)
    column = candidate.by
    scores = model.scores(held.texts, held.frame[column].tolist() if column else None)
    known = np.isin(held.labels, model.labels)
    places = np.array([model.labels.index(label) for label in np.asarray(held.labels)[known]])
    return float(fit_temperature(np.asarray(scores)[known], places))


def predictor(candidate: Candidate, folder: Path, text: str) -> Callable[[pd.DataFrame], list[str]]:
    """Return what answers rows by a fitted model, as MLflow will; `text` is their column."""
    model = serving.TextClassifier()
    model.load_folder(folder)
    columns = [text, *([candidate.by] if candidate.by else [])]
    return lambda frame: model.predict(None, frame[columns])["prediction"].tolist()
