"""Train on the newest version of the data, and hold the model against the champion."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

import pandas as pd
import yaml

from mlflow_evalplus import names
from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core.columns import as_labels
from mlflow_evalplus.core.draft import draft
from mlflow_evalplus.core.training_data.contamination import guarded
from mlflow_evalplus.core.training_data.training_data import TrainingData
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results.training_data import Version
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.comparison_run import LoggedComparison, log_comparison
from mlflow_evalplus.tracking.delivery import Delivery
from mlflow_evalplus.tracking.destination import destination
from mlflow_evalplus.tracking.items import Page, Table, headed
from mlflow_evalplus.tracking.reader import load as load_run
from mlflow_evalplus.tracking.recorded import record_baseline
from mlflow_evalplus.tracking.series import Series, compare_runs
from mlflow_evalplus.tracking.writer import gathering, send
from recipes.classifiers.candidate import Candidate
from recipes.classifiers.fit import Training, check
from recipes.data import split as rows
from recipes.data.clusters import filled
from recipes.data.files import versioned
from recipes.data.loaded import Source
from recipes.data.sources import load
from recipes.flywheel import parts as measured
from recipes.flywheel import retrain_page
from recipes.flywheel.champion import Champion, answers_of, evaluated, find_champion, run_of
from recipes.flywheel.learnt import Learnt, learnt_by
from recipes.flywheel.parts import Part
from recipes.sentiment import candidates as iterations
from recipes.sentiment.train import Task, iterate


@dataclass(frozen=True)
class Retrained:
    """A model of the newest data beside the one in use.

    Attributes
    ----------
    run_id : str
        Of the challenger.
    series : Series
        Challenger and champion on the test set, with the verdict.
    comparison : LoggedComparison
    parts : tuple of Part
    version : Version
        Of the training data.
    n_train, n_refused : int
        Rows that it learnt from, and rows that were kept out because the test set has their text.
    champion : Champion or None
    name : str
        The registered model.
    learnt : Learnt or None
        How many of the compared rows the champion has learnt from; None without a champion.
    """

    run_id: str
    series: Series
    comparison: LoggedComparison
    parts: tuple[Part, ...]
    version: Version
    n_train: int
    n_refused: int
    champion: Champion | None
    name: str
    learnt: Learnt | None = None

    @property
    def promote(self) -> str:
        """The command that registers the challenger."""
        return f"mlflow-evalplus promote {self.run_id} --name {quote(self.name)}"

    @property
    def force(self) -> str:
        """The command that makes it champion whatever its verdict."""
        return f'{self.promote} --alias champion --force --why "…"'


@dataclass(frozen=True)
class Settings:
    """What a user may choose; an empty text is the default. With `compare` off there is no champion to beat."""

    candidate: str = "words"
    champion: str = ""
    requirements: str | Mapping[str, Any] | Requirements = ""
    name: str = "sentiment"
    run_name: str = ""
    seed: int = 0
    latency_requests: int = 200
    footprint: bool = True
    compare: bool = True


def retrain(
    dataset: str | Path,
    test: str | Path,
    settings: Settings = Settings(),
    say: Callable[[str], None] = lambda line: None,
) -> Retrained:
    """Train a candidate on the newest version of the training data, and compare it with the champion.

    Launch thresholds are held against the test set alone. Champion and challenger are measured besides on the cases
    that the data hold apart, which neither has learnt from: these were collected because they are hard, so that their
    accuracy says whether they were fixed, not how good the model is.

    Parameters
    ----------
    dataset : path
        A folder of `TrainingData`, or ``FOLDER@3`` for its version 3.
    test : path
        Labelled test rows, anything that ``-P data=`` takes. Training rows with a text like one of them are left out.
    settings : Settings
    say : callable
        Is told how far it is.

    Raises
    ------
    DataError
        There is no such data, or no row is left to train on; the test set lacks a column.
    TrackingError
        MLflow does not answer; there is no such champion.
    """
    data, version = _opened(dataset)
    text, label = data.settings.text, data.settings.label
    tests = load(test)
    champion = find_champion(settings.champion, settings.name) if settings.compare else None
    wanted = _requirements(settings, champion, tests.frame, str(test), text, label)
    rows.check(tests.frame, text=text, label=label, labels=wanted.task.labels, slices=wanted.slices)
    frame, learnt, held_out, n_refused = _guarded_rows(data, version, tests.frame, wanted, say)
    folder = data.folder.resolve()
    source = Source(f"{data.folder}@{version.number}", folder.name, "local", {"uri": f"{folder}@{version.number}"})
    task = Task(
        wanted, text, label, (), settings.seed, source, settings.latency_requests, settings.footprint,
        test_source=tests.source,
    )  # fmt: skip
    split = rows.Split(learnt.reset_index(drop=True), frame, f"version {version.number} of the training data")
    candidate = _candidate(settings, task, split)
    say(f"{candidate.note}: {len(learnt):,} rows of version {version.number}, {n_refused:,} refused")
    run_id, series, comparison = _compared(candidate, split, task, champion, settings, say)
    answer = answers_of(_model_of(run_id), label), answers_of(champion.uri, label) if champion else None
    found = measured.parts(
        frame, held_out, *answer, text=text, label=label, cluster=wanted.cluster, confidence=wanted.confidence
    )
    known = learnt_by(champion, {"test rows": frame, "collected cases": held_out}, text) if champion else None
    done = Retrained(run_id, series, comparison, found, version, len(learnt), n_refused, champion, settings.name, known)
    _log(done)
    return done


def _guarded_rows(
    data: TrainingData, version: Version, test: pd.DataFrame, wanted: Requirements, say: Callable[[str], None]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, int]:
    """Return test rows, training rows and rows held out, no text of the first among the others; how many were."""
    text, label = data.settings.text, data.settings.label
    test = test.assign(**{label: as_labels(test, label)})
    learnt, refused = guarded(data.rows(version.number), test, text=text)
    held_out, _ = guarded(data.rows(version.number, "held_out"), test, text=text)
    if learnt.empty:
        raise DataError(f"every training row of {str(data.folder)!r} has a text of the test set; name another test set")
    test, learnt, held_out = (
        filled(part, wanted.cluster, say, of=of)
        for part, of in ((test, "test"), (learnt, "training"), (held_out, "held-out"))
    )
    return test, learnt, held_out, len(refused)


def _opened(dataset: str | Path) -> tuple[TrainingData, Version]:
    folder, number = versioned(Path(dataset)) or (Path(dataset), None)
    data = TrainingData.open(folder)
    if number is None:
        return data, data.newest
    data.rows(number)  # the error names the versions that there are
    return data, data.versions[number - 1]


def _requirements(
    settings: Settings, champion: Champion | None, test: pd.DataFrame, source: str, text: str, label: str
) -> Requirements:
    """Return what was given, else what the champion was asked, else a draft from the test rows."""
    known = run_of(champion) if champion and not settings.requirements else None
    evaluated_as = load_run(known.info.run_id).requirements if known else None
    if settings.requirements:
        wanted = asked.load(settings.requirements)
    elif evaluated_as:
        wanted = evaluated_as
    else:
        wanted = asked.load(yaml.safe_load(draft(test, label=label, source=source)[0]))
    return asked.changed(wanted, task={**wanted.task.model_dump(exclude_unset=True), "text": text, "label": label})


def _candidate(settings: Settings, task: Task, split: rows.Split) -> Candidate:
    chosen = iterations.choose(settings.candidate, list(split.train.columns))
    if len(chosen) > 1:
        raise DataError(f"retrain takes one candidate, not {settings.candidate!r}")
    check(chosen[0], task.rows(split.train), Training(Path(), task.seed, task.settings))
    return replace(chosen[0], name=settings.run_name) if settings.run_name else chosen[0]


def _compared(
    candidate: Candidate, split: rows.Split, task: Task, champion: Champion | None, settings: Settings,
    say: Callable[[str], None],
) -> tuple[str, Series, LoggedComparison]:  # fmt: skip
    """Train and log the challenger, evaluate the champion on the same rows, compare, log the comparison."""
    client = store.client()
    project_run = os.environ.pop("MLFLOW_RUN_ID", None)
    tags = {names.TAG_SERIES: project_run or uuid.uuid4().hex}
    run_id, _ = iterate(candidate, split, task, {**tags, names.TAG_ITERATION: "2"}, say)
    run = client.get_run(run_id)
    base = None
    if champion:
        say(f"the champion, version {champion.version} of {champion.name}, on the same test rows")
        digest = run.data.tags[names.TAG_DATA_DIGEST]
        base = evaluated(champion, split.test, task, digest, {**tags, names.TAG_ITERATION: "1"})
    wanted = task.requirements if settings.requirements else None
    series = compare_runs([run], baseline=base, requirements=wanted)
    with gathering():
        record_baseline(series)
        return run_id, series, log_comparison(series, project_run, tags=tags)


def _model_of(run_id: str) -> str:
    outputs = store.client().get_run(run_id).outputs
    return f"models:/{outputs.model_outputs[0].model_id}"


def _log(done: Retrained) -> None:
    """Write page and table on the challenger's run and on the comparison, and the version of the data on the first."""
    version = done.version
    known = {names.TAG_DATASET_VERSION: str(version.number), names.TAG_DATASET_DIGEST: version.digest}
    params = {"dataset_version": str(version.number), "n_refused": str(done.n_refused)}
    page, table = Page(names.RETRAIN_PAGE, retrain_page.page(done)), measured.frame(done.parts)
    with gathering():
        for run_id in (done.run_id, done.comparison.run_id):
            run = destination(run_id)
            of_data = Delivery(params=params, tags=known) if run_id == done.run_id else Delivery()
            send(run, replace(of_data, files=[headed(page, run.name), Table(names.RETRAIN_TABLE, table)]))
