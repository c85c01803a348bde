"""From options to a printed decision."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import mlflow
import pandas as pd
import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from mlflow_evalplus import requirements as asked
from mlflow_evalplus.cli.options import console
from mlflow_evalplus.core.columns import MAX_NUMBERS, MAX_SLICE_VALUES, as_labels, require_columns
from mlflow_evalplus.core.data.checks import check_data
from mlflow_evalplus.core.draft import draft
from mlflow_evalplus.errors import DataError, shorten
from mlflow_evalplus.render.comparison import terminal
from mlflow_evalplus.render.data_checks import untrusted
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.comparison_run import LoggedComparison, words
from mlflow_evalplus.tracking.series import Series
from recipes.classifiers.fit import Training, check
from recipes.classifiers.settings import read_settings
from recipes.data import split as rows
from recipes.data.clusters import filled
from recipes.data.sources import load
from recipes.sentiment import candidates as iterations
from recipes.sentiment.data import SHIPPED
from recipes.sentiment.train import Task, run_series

SHIPPED_REQUIREMENTS = SHIPPED.with_name("requirements.yaml")
SHIPPED_ANNOTATORS = ("annotator_a", "annotator_b")


def run(
    *,
    data: str,
    text: str,
    label: str,
    slices: str,
    split_column: str,
    test_size: float,
    annotators: str,
    candidates: str,
    settings: str,
    learning_curve: bool,
    rules: str,
    requirements_file: str,
    seed: int,
    experiment: str,
) -> None:
    """Check everything, then train, log, compare and print. An empty option means its default."""
    screen = console()
    loaded = load(data or SHIPPED)
    frame = loaded.frame
    if loaded.source.note:
        screen.print(loaded.source.note, markup=False)
    iterations.choose(candidates, list(frame.columns))  # a mistake is told before anything is drafted
    wanted = _requirements(frame, data, text, label, slices, requirements_file, split_column, screen)
    chosen = iterations.choose(candidates, wanted.slices)
    wanted = _with_scenarios(frame, wanted, chosen)
    task = Task(
        requirements=wanted,
        text=wanted.task.text or "text",
        label=wanted.task.label,
        annotators=_annotators(frame, data, annotators),
        seed=seed,
        source=loaded.source if data else replace(loaded.source, reference=SHIPPED.name),
        settings=read_settings(settings),
        rules_file=Path(rules) if rules else iterations.RULES,
        learning_curve=learning_curve,
    )
    frame = filled(frame, wanted.cluster, lambda line: screen.print(line, markup=False))
    rows.check(frame, text=task.text, label=task.label, labels=wanted.task.labels, slices=wanted.slices)
    for column in (task.label, *task.annotators):
        frame[column] = as_labels(frame, column)
    if not candidates and len(task.annotators) < 2:
        chosen = [c for c in chosen if not c.consensus]
    split = rows.split(frame, text=task.text, label=task.label, column=split_column, test_size=test_size, seed=seed)
    for candidate in chosen:
        learned = iterations.training_rows(candidate, split.train, task.annotators)
        labels = learned[task.label].astype(str).unique()
        if len(labels) < 2:
            raise DataError(
                f"{candidate.name!r} would learn from the labels {shorten(labels)} only; it needs two or more"
            )
        check(candidate, task.rows(learned), Training(Path(), task.seed, task.settings))
        if candidate.rules and task.rules_for(list(labels)) is None:
            raise DataError(
                f"candidate {candidate.name!r}: no rule of {task.rules_file.name} is for one of the labels "
                f"{shorten(labels)}; name your own rules with rules=FILE (--rules), or leave '+rules' out"
            )
    screen.print(f"{len(split.train):,} training rows, {len(split.test):,} test rows: {split.how}", markup=False)
    _check_data(split, task, chosen, screen)
    store.client()
    if experiment and "MLFLOW_RUN_ID" not in os.environ:
        mlflow.set_experiment(experiment)
    _print(*_with_progress(chosen, split, task, screen), screen)


def _requirements(
    frame: pd.DataFrame,
    data: str,
    text: str,
    label: str,
    slices: str,
    requirements_file: str,
    split_column: str,
    screen: Console,
) -> Requirements:
    """Return the given requirements, the shipped ones for the shipped data, else a draft from the data."""
    if requirements_file or not data:
        wanted = asked.load(requirements_file or SHIPPED_REQUIREMENTS)
    else:
        columns = [column for column in frame.columns if column not in (split_column, "split")]
        drafted, remarks = draft(frame[columns], label=label or "label", source=data)
        wanted = asked.load(yaml.safe_load(drafted))
        screen.print("No requirements given; drafted from the data: " + "; ".join(remarks), markup=False)
    task = {"text": text or wanted.task.text or "text", "label": label or wanted.task.label}
    own = {"slices": [name.strip() for name in slices.split(",")]} if slices else {}
    content = wanted.model_dump(by_alias=True, exclude_unset=True)
    merged = {**content, **own, "task": {**content.get("task", {}), **task}}
    if slices:
        merged["thresholds"] = [t for t in content.get("thresholds", ()) if _applies(t, own["slices"])]
    return asked.load(merged)


def _applies(threshold: dict[str, object], slices: Sequence[str]) -> bool:
    """Say whether a threshold's slice column is still among the slices that were asked for."""
    column = threshold.get("every") or str(threshold.get("slice") or "").split("=")[0]
    return not column or column in slices


def _with_scenarios(frame: pd.DataFrame, wanted: Requirements, chosen: Sequence[iterations.Candidate]) -> Requirements:
    """Return the requirements with each candidate's column among the slices; its values become texts in `frame`."""
    columns = list(dict.fromkeys(candidate.by for candidate in chosen if candidate.by))
    require_columns(frame, columns)
    for column in {wanted.task.label, wanted.task.text or "text"} & set(columns):
        what = "labels" if column == wanted.task.label else "texts"
        raise DataError(
            f"column {column!r} holds the {what}; a candidate has a model for each value of another column, such as a "
            "business line"
        )
    for column in columns:
        numeric, n_values = pd.api.types.is_numeric_dtype(frame[column]), frame[column].nunique()
        most = MAX_NUMBERS if numeric else MAX_SLICE_VALUES
        if n_values > most:
            raise DataError(
                f"column {column!r} holds {n_values} different {'numbers' if numeric else 'values'}; a candidate can "
                f"have a model for each value of a column of at most {most}"
            )
        frame[column] = as_labels(frame, column)
    return asked.changed(wanted, slices=list(dict.fromkeys([*wanted.slices, *columns])))


def _annotators(frame: pd.DataFrame, data: str, given: str) -> tuple[str, ...]:
    named = tuple(name.strip() for name in given.split(",") if name.strip())
    if named:
        require_columns(frame, named)
    return named or (() if data else SHIPPED_ANNOTATORS)


def _check_data(split: rows.Split, task: Task, chosen: Sequence[iterations.Candidate], screen: Console) -> None:
    """Say what is wrong with the data before anything is trained on them; every run says it again."""
    columns = list(dict.fromkeys(candidate.by for candidate in chosen if candidate.by))
    cluster = task.requirements.cluster
    found = check_data(
        split.train, split.test, text=task.text, label=task.label, slices=task.requirements.slices, features=columns,
        cluster=cluster if cluster in split.train and cluster in split.test else None, ignore=task.annotators,
    )  # fmt: skip
    for finding in (*found.errors, *found.warnings):
        screen.print(f"Data, {finding.level.value}: {finding.sentence}", markup=False)


def _with_progress(
    chosen: Sequence[iterations.Candidate], split: rows.Split, task: Task, screen: Console
) -> tuple[Series, LoggedComparison]:
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True) as progress:
        bar = progress.add_task("", total=len(chosen) + 1)

        def say(line: str) -> None:
            progress.update(bar, description=line)
            if not screen.is_terminal:
                screen.print(line, markup=False)

        def on_step(step: str) -> None:
            if progress.tasks[bar].description:
                progress.advance(bar)
            say(step)

        return run_series(chosen, split, task, on_step, say)


def _print(series: Series, logged: LoggedComparison, screen: Console) -> None:
    winner = series.runs[series.winner]
    screen.print(terminal(series.side_by_side))
    screen.print(series.evaluations[series.winner].verdict.sentence, markup=False)
    for error in untrusted(series.evaluations[series.winner]):
        screen.print(error, markup=False)
    screen.print(series.reason, markup=False)
    for line in (*series.remarks, *series.notes, "", *words(series, logged), "Register the winner:"):
        screen.print(line, markup=False)
    screen.print(f"  mlflow-evalplus promote {winner.info.run_id} --name sentiment", markup=False)
