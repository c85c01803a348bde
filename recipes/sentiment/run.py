"""From options to a printed decision."""

from __future__ import annotations

import os
from collections.abc import Sequence

import mlflow
import pandas as pd
import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from mlflow_evalplus import requirements as asked
from mlflow_evalplus.cli.options import console
from mlflow_evalplus.core.columns import as_labels, require_columns
from mlflow_evalplus.core.draft import draft
from mlflow_evalplus.errors import DataError, shorten
from mlflow_evalplus.render.comparison import terminal
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.comparison_run import LoggedComparison, words
from mlflow_evalplus.tracking.series import Series
from recipes.sentiment import candidates as iterations
from recipes.sentiment import data as rows
from recipes.sentiment.train import Task, run_series

SHIPPED_REQUIREMENTS = rows.SHIPPED.with_name("requirements.yaml")
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
    requirements_file: str,
    seed: int,
    experiment: str,
) -> None:
    """Check everything, then train, log, compare and print. An empty option means its default."""
    screen = console()
    frame = rows.load(data or rows.SHIPPED)
    chosen = iterations.choose(candidates)
    wanted = _requirements(frame, data, text, label, slices, requirements_file, split_column, screen)
    task = Task(
        requirements=wanted,
        text=wanted.task.text or "text",
        label=wanted.task.label,
        annotators=_annotators(frame, data, annotators),
        seed=seed,
        source=data or rows.SHIPPED.name,
    )
    rows.check(frame, text=task.text, label=task.label, labels=wanted.task.labels, slices=wanted.slices)
    for column in (task.label, *task.annotators):
        frame[column] = as_labels(frame, column)
    if not candidates and len(task.annotators) < 2:
        chosen = [c for c in chosen if not c.consensus_only]
    split = rows.split(frame, text=task.text, label=task.label, column=split_column, test_size=test_size, seed=seed)
    for candidate in chosen:
        learned = iterations.training_rows(candidate, split.train, task.annotators)
        labels = learned[task.label].astype(str).unique()
        if len(labels) < 2:
            raise DataError(
                f"{candidate.name!r} would learn from the labels {shorten(labels)} only; it needs two or more"
            )
    screen.print(f"{len(split.train):,} training rows, {len(split.test):,} test rows: {split.how}", markup=False)
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


def _annotators(frame: pd.DataFrame, data: str, given: str) -> tuple[str, ...]:
    named = tuple(name.strip() for name in given.split(",") if name.strip())
    if named:
        require_columns(frame, named)
    return named or (() if data else SHIPPED_ANNOTATORS)


def _with_progress(
    chosen: Sequence[iterations.Candidate], split: rows.Split, task: Task, screen: Console
) -> tuple[Series, LoggedComparison]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True) as progress:
        bar = progress.add_task("", total=len(chosen) + 1)

        def on_step(step: str) -> None:
            if progress.tasks[bar].description:
                progress.advance(bar)
            progress.update(bar, description=step)
            if not screen.is_terminal:
                screen.print(step, markup=False)

        return run_series(chosen, split, task, on_step)


def _print(series: Series, logged: LoggedComparison, screen: Console) -> None:
    winner = series.runs[series.winner]
    screen.print(terminal(series.side_by_side))
    screen.print(series.evaluations[series.winner].verdict.sentence, markup=False)
    screen.print(series.reason, markup=False)
    for line in (*series.notes, "", *words(series, logged), "Register the winner:"):
        screen.print(line, markup=False)
    screen.print(f"  mlflow-evalplus promote {winner.info.run_id} --name sentiment", markup=False)
