"""One turn of the wheel: log → queue → two annotators → settled labels → new version → retrained → in use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd

from mlflow_evalplus.core.adjudicating.adjudicate import adjudicate
from mlflow_evalplus.core.adjudicating.open_sheet import open_sheet
from mlflow_evalplus.core.collecting.collect import collect
from mlflow_evalplus.core.collecting.queue_files import write_queue
from mlflow_evalplus.core.training_data.training_data import TrainingData
from mlflow_evalplus.results.adjudication import Adjudication
from mlflow_evalplus.results.queue import Queue
from mlflow_evalplus.results.training_data import Version
from mlflow_evalplus.tracking.adjudication import log_adjudication
from mlflow_evalplus.tracking.collecting.runs import log_queue
from mlflow_evalplus.tracking.registry.promotion import promote
from recipes.flywheel.retraining import Retrained, Settings, retrain
from recipes.flywheel.spin import PREDICTION
from recipes.flywheel.stream import LABEL, MONTH, ROW, TEXT
from recipes.flywheel.voters import fill

LABELS = ("negative", "neutral", "positive")
SLICES = ("business_line", "channel", "phrasing", "language")
VOTES = {"annotator_1": "annotator_a", "annotator_2": "annotator_b"}
HELD_OUT = 1 / 6  # of the labels: kept apart, to know whether the collected cases were fixed
WHY = "The simulated year puts every retrained model to use."
REQUIREMENTS = Path(__file__).with_name("requirements.yaml")


@dataclass(frozen=True)
class Turn:
    """What one turn left behind.

    Attributes
    ----------
    month : str
    queue_run, adjudication_run : str
    n_labels, n_agreed : int
        Cases that were labelled, and those on which both annotators agreed.
    version : Version
    retrained : Retrained
    """

    month: str
    queue_run: str
    adjudication_run: str
    n_labels: int
    n_agreed: int
    version: Version
    retrained: Retrained


def first_model(folder: Path, first: pd.DataFrame, test: pd.DataFrame, name: str, seed: int) -> Retrained:
    """Write training and test data, train the first model, held against nothing, and make it champion."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = [TEXT, LABEL, MONTH, *SLICES, "customer_id"]
    test[columns].to_csv(folder / "test.csv", index=False)
    TrainingData.create(
        folder / "training", first[columns], text=TEXT, label=LABEL, time=MONTH, source="January to June",
        test=test, at="2025-06-30",
    )  # fmt: skip
    return _put_to_use(folder, name, "January to June", seed, lambda line: None, compare=False)


def turn(
    folder: Path, month: str, rows: pd.DataFrame, log: pd.DataFrame, *, budget: int, name: str, seed: int,
    say: Callable[[str], None] = lambda line: None,
) -> Turn:  # fmt: skip
    """Take one month through all five steps, each by the function that its command calls.

    Parameters
    ----------
    folder : Path
        Of the year; the turn's files go into a folder of the month.
    month : str
    rows : pandas.DataFrame
        The month with labels and votes, which only the annotators see.
    log : pandas.DataFrame
        The same rows as the champion answered them, without labels.
    budget : int
        Cases to label.
    name : str
        Registered model.
    seed : int
    say : callable
        Is told how far it is.
    """
    data = TrainingData.open(folder / "training")
    here = folder / month
    queue = collect(log, budget, training=data.rows(), time=MONTH, slices=SLICES, seed=seed, requirements=REQUIREMENTS)
    write_queue(queue, here, per_annotator=True, labels=LABELS)
    columns = [ROW, MONTH, TEXT, *SLICES, PREDICTION, *(column for column in log if str(column).startswith("score."))]
    log[columns].to_csv(here / "log.csv", index=False)
    queue_run = log_queue(queue, labels=LABELS, params={"month": month, "n": budget}).run_id
    say(f"{month}: {len(queue.cases)} of {len(log)} messages go to two annotators")
    settled = labelled(queue, here, rows)
    adjudication_run = log_adjudication(settled, queue_run=queue_run)
    version = data.add(settled, source=f"run {adjudication_run}", held_out=HELD_OUT, seed=seed, at=f"{month}-28")
    say(f"{month}: {version.sentence}")
    agreed = sum(case.how == "agreed" for case in settled.accepted)
    retrained = _put_to_use(folder, name, f"retrained after {month}", seed, say)
    return Turn(month, queue_run, adjudication_run, len(settled.accepted), agreed, version, retrained)


def labelled(queue: Queue, folder: Path, rows: pd.DataFrame) -> Adjudication:
    """Let two annotators fill their files and a third person decide where they differ; return what is settled."""
    paths = []
    for column, votes in VOTES.items():
        paths.append(folder / f"queue_{column}.csv")
        fill(paths[-1], column, {case.case_id: str(rows[votes].iloc[case.row]) for case in queue.cases})
    found = adjudicate(folder, paths, labels=LABELS)
    if found.open:
        decided = folder / "disputed.csv"
        decided.write_text(open_sheet(found), encoding="utf-8", newline="")
        fill(decided, "adjudicated", {case.case_id: str(rows[LABEL].iloc[case.row]) for case in queue.cases})
        found = adjudicate(folder, [*paths, decided], labels=LABELS)
    return found


def _put_to_use(
    folder: Path, name: str, run_name: str, seed: int, say: Callable[[str], None], *, compare: bool = True
) -> Retrained:
    """Retrain, and make the model champion whatever the verdict is: the year shows what the labels are worth."""
    settings = Settings(
        requirements=str(REQUIREMENTS), name=name, run_name=run_name, seed=seed, latency_requests=0, footprint=False,
        compare=compare,
    )  # fmt: skip
    done = retrain(folder / "training", folder / "test.csv", settings, say)
    promote(done.run_id, name, why=WHY, alias="champion", force=True)
    return done


def answered(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows as the champion answers them: its predictions and scores, and no label."""
    model = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    said = model.predict(rows[[TEXT]])
    hidden = [LABEL, *VOTES.values()]
    return pd.concat([rows.drop(columns=hidden).reset_index(drop=True), said.reset_index(drop=True)], axis=1)
